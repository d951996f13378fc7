"""Contracts of agents: proposed by `callgate init` from what an agent declared, with a profile for its files and commands."""

import json
import subprocess

import yaml

# The programs that the task needs, and `cp`, which is forbidden only by where it writes.
PROFILE = {"read": [".", "!.git"], "write": [".", "!.git", "!@agents", "!@hooks"], "run": ["cat", "ls", "head", "cp", "echo"]}
# What runs at the provider, of what agents declare.
PROVIDER = {"web_search", "web_search_preview", "image_generation"}
# Rules on values that `callgate init` proposes. They hold calls for a person, and no person is here.
GUESSES = ("origin", "requires", "egress", "approval")


def one(name, argument):
    parameters = {"type": "object", "required": [argument], "properties": {argument: {"type": "string"}}, "additionalProperties": False}
    return {"name": name, "description": f"The tool {name}.", "effects": "write", "parameters": parameters, "run": {"client": {}}}


# Tools of code mode, which no request declares.
INNER = {"exec_command": one("exec_command", "cmd"), "apply_patch": one("apply_patch", "input")}


def propose(callgate, agent, requests, folder):
    """Returns the contract of an agent, from its own requests."""
    captured = folder / "captured.jsonl"
    lines = [json.dumps({"path": request.path, "body": request.body}) for request in requests if request.api and request.body]
    captured.write_text("\n".join(lines))
    done = subprocess.run([callgate, "init", "--from", captured, "--role", "dev", "--name", "agent", "--out", "-"], capture_output=True,
                          text=True, timeout=60)
    if done.returncode:
        raise RuntimeError(f"callgate init refused the requests of {agent.name}: {done.stderr.strip()}")
    contract = yaml.safe_load(done.stdout)
    spec = contract["spec"]
    spec["models"] = ["*"]
    spec["tools"] = [{name: value for name, value in tool.items() if name not in GUESSES} for tool in spec["tools"]]
    add_custom(spec, requests)
    named = {tool["name"] for tool in spec["tools"]}
    spec["tools"] += [INNER[name] for name in agent.inner if name not in named]
    for tool in spec["tools"]:
        for argument, mark in agent.marks.get(tool["name"], {}).items():
            tool["parameters"]["properties"][argument]["x-callgate"] = mark
    if agent.name == "cline":
        mark_cline(spec)
    return contract


def add_custom(spec, requests):
    """Adds the custom tools that `callgate init` did not list: their free text is the argument `input`."""
    named = {tool["name"] for tool in spec["tools"]}
    for tool in (tool for request in requests if request.body for tool in listed(request.body)):
        if tool.get("type") == "custom" and tool["name"] not in named:
            named.add(tool["name"])
            spec["tools"].append({**one(tool["name"], "input"), "description": tool["description"]})


def listed(body):
    """Yields the tools of a request of Responses, also those in items and in the namespace of bare names."""
    items = body.get("input") if isinstance(body.get("input"), list) else []
    places = [body.get("tools") or [], *(item.get("tools", []) for item in items if item.get("type") == "additional_tools")]
    for tool in (tool for place in places for tool in place):
        if tool.get("type") != "namespace":
            yield tool
        elif tool.get("name") == "functions":
            yield from tool.get("tools", [])


def mark_cline(spec):
    """Cline's arguments are lists: of files, of commands."""
    tools = {tool["name"]: tool["parameters"]["properties"] for tool in spec["tools"]}
    tools["read_files"]["files"]["items"]["properties"]["path"]["x-callgate"] = {"path": "read"}
    tools["run_commands"]["commands"] = {"type": "array", "items": {"type": "string", "x-callgate": {"command": {"shell": "bash"}}}}


def enforce(contract, on_violation, root, requests):
    """Returns the contract for one mode and one project."""
    spec = dict(contract["spec"])
    spec["roles"] = {"dev": {"tools": ["*"], "profile": "desk"}}
    spec["profiles"], spec["workspace"] = {"desk": PROFILE}, {"root": str(root)}
    spec["undeclaredTools"], spec["onViolation"] = "drop", on_violation
    spec["limits"] = {"maxToolCallsPerTurn": 16, "requestBytes": "4MiB"}
    kinds = {tool.get("type") for request in requests if request.body for tool in listed(request.body)}
    spec["providerTools"] = sorted(kinds & PROVIDER)
    return {**contract, "spec": spec}
