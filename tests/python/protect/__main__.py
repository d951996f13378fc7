"""Measures the protection that contracts give: AgentDojo's suites `workspace` and `banking`, through the engine, without a model.

Usage: python tests/python/protect --program PROGRAM [--callgate CALLGATE] [--out FOLDER] [--names-only]

PROGRAM is `callgate-protect`. Exits with 1 if a goal of `report.py` is missed. `--names-only` also measures the same contracts without
their rules on values, for comparison. `--callgate` also measures the contracts that `callgate init` proposes from the user's own work, as
nobody has reviewed them.
"""

import argparse
import contextlib
import json
import pathlib
import subprocess
import sys
import tempfile

import yaml
from attackers import ATTACKERS
from dialects import Step, chat
from judge import Judge
from measure import Measure
from obeyed import check
from report import missed, row, table, write
from suites import Suite

ROOT = pathlib.Path(__file__).resolve().parents[3]
# The numbers of user tasks and injections: another number would be another measure.
SUITES = {"workspace": (40, 14), "banking": (16, 9)}
CONTRACTS = ROOT / "tests/contracts/protect"
ROLE = "assistant"
# Every tenth pair of a user task and an injection is decided in every dialect.
SAMPLE = 10
# The fields that say which tools there are, and nothing about values.
NAMES = ("name", "description", "effects", "parameters", "run")


def sinks(contract):
    """Returns the tools that write, or whose arguments leave the organisation."""
    return {tool["name"] for tool in contract["spec"]["tools"] if tool["effects"] != "read" or tool.get("egress")}


def names_only(contract):
    """Returns a contract with the same roles and tools, and without rules on values."""
    tools = [{name: tool[name] for name in NAMES if name in tool} for tool in contract["spec"]["tools"]]
    return {**contract, "spec": {**contract["spec"], "tools": tools}}


def behind_executor(contract):
    """Returns the same contract with tools that the executor runs, so that it can hold their calls for a person."""
    run = {"grpc": {"cluster": "desk", "method": "callgate.worker.v1.Worker/Invoke"}}
    tools = [{**tool, "run": run} for tool in contract["spec"]["tools"]]
    return {**contract, "spec": {**contract["spec"], "tools": tools}}


def verdicts(counts):
    """Returns the verdicts on the user's calls, and the tasks that need a person."""
    return {name: counts[name] for name in ("user_allowed", "user_held", "user_refused", "user_tasks_held")}


def captured(suite):
    """Yields a request for each user task: the tools, and the conversation at its end, without any injection."""
    tools = [
        {"type": "function", "function": {
            "name": tool.name, "description": tool.description, "parameters": tool.parameters.model_json_schema()}}
        for tool in suite.suite.tools
    ]
    for task in suite.users.values():
        environment, steps = suite.start(task, suite.raw()), []
        for call in task.ground_truth(environment):
            arguments = dict(call.args)
            steps.append(Step(call.function, arguments, suite.run(environment, call.function, arguments)))
        yield {**chat(suite.system, task.PROMPT, steps), "tools": tools}


def proposed(callgate, suite):
    """Returns the contract that `callgate init` proposes from these requests."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        file.writelines(json.dumps(request) + "\n" for request in captured(suite))
        file.flush()
        line = [callgate, "init", "--from", file.name, "--out", "-", "--role", ROLE, "--model", "*", "--name", suite.name]
        return yaml.safe_load(subprocess.run(line, check=True, capture_output=True, text=True, encoding="utf-8").stdout)


class Whole:
    """The measure of a suite in all its user tasks and injections."""

    def __init__(self, program, suite, contract):
        self.program, self.suite = program, suite
        self.sinks = sinks(contract)

    def quiet(self, contract):
        """Returns the row without an attack."""
        with self.measure(contract) as measure:
            return row(self.suite.name, "none", measure.quiet(list(self.suite.users)))

    def attacked(self, contract):
        """Returns a row for each attacker."""
        users, injections = list(self.suite.users), list(self.suite.injections)
        with self.measure(contract) as measure:
            return [row(self.suite.name, one, measure.run(one, users, injections, SAMPLE)) for one in ATTACKERS]

    @contextlib.contextmanager
    def measure(self, contract):
        """Measures under a contract: its path, or one that was derived here."""
        with contextlib.ExitStack() as stack:
            if isinstance(contract, dict):
                file = stack.enter_context(tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8"))
                json.dump(contract, file)
                file.flush()
                contract = file.name
            yield Measure(self.suite, stack.enter_context(Judge(self.program, contract, ROLE)), self.sinks)


def checked(name, sizes):
    """Returns a suite, after a check of its size and of the injections' calls."""
    suite = Suite(name)
    found = (len(suite.users), len(suite.injections))
    if found != sizes:
        raise AssertionError(f"{name} has {found[0]} user tasks and {found[1]} injections; expected {sizes}")
    check(suite)
    return suite


def main():
    """Measures, writes the report, and returns the exit status."""
    parser = argparse.ArgumentParser(description="measure the protection of contracts")
    parser.add_argument("--program", required=True, help="callgate-protect")
    parser.add_argument("--callgate", help="the command line, to measure proposed contracts too")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "target/bench", help="folder of the report")
    parser.add_argument("--names-only", action="store_true", help="also measure without rules on values")
    options = parser.parse_args()

    quiet, rows, before, unreviewed = [], [], [], []
    for name, sizes in SUITES.items():
        path = CONTRACTS / f"{name}.yaml"
        contract = yaml.safe_load(path.read_text(encoding="utf-8"))
        whole = Whole(options.program, checked(name, sizes), contract)
        quiet.append(whole.quiet(path))
        # The gate refuses a call that the client runs and a person must approve. Behind the executor the same call must be held.
        if verdicts(whole.quiet(behind_executor(contract))) != verdicts(quiet[-1]):
            raise AssertionError(f"{name}: the verdicts differ if the executor runs the tools")
        rows += whole.attacked(path)
        if options.names_only:
            before += whole.attacked(names_only(contract))
        if options.callgate:
            contract = proposed(options.callgate, whole.suite)
            unreviewed += [whole.quiet(contract), *whole.attacked(contract)]

    write(options.out, rows, quiet, before, unreviewed)
    sys.stdout.write(table(quiet + rows))
    if unreviewed:
        sys.stdout.write("\nContracts as `callgate init` proposes them:\n" + table(unreviewed))
    failures = [sentence for counts in quiet + rows for sentence in missed(counts)]
    for sentence in failures:
        print(f"FAILED: {sentence}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
