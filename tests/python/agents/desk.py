"""The ready contract of an agent, for one mode and one project."""

import pathlib

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]


def ready(agent):
    """Returns the contract of `contracts/agents` for an agent. What stands in brackets in its name is a variant."""
    name = agent.name.partition(" (")[0]
    return yaml.safe_load((ROOT / "contracts" / "agents" / f"{name}.yaml").read_text())


def enforce(contract, on_violation, root):
    """Returns the contract for one mode and one project. The scripted model has names of any provider."""
    workspace = {**contract["spec"]["workspace"], "root": str(root)}
    spec = {**contract["spec"], "workspace": workspace, "models": ["*"], "onViolation": on_violation}
    return {**contract, "spec": spec}
