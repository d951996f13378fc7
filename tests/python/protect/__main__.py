"""Measures the protection that contracts give: AgentDojo's suites `workspace` and `banking`, through the engine, without a model.

Usage: python tests/python/protect --program PROGRAM [--out FOLDER] [--names-only]

PROGRAM is `callgate-protect`. Exits with 1 if a goal of `report.py` is missed. `--names-only` also measures the same contracts without
their rules on values, for comparison.
"""

import argparse
import pathlib
import sys
import tempfile

import yaml
from attackers import ATTACKERS
from judge import Judge
from measure import Measure
from report import missed, row, table, write
from suites import Suite

ROOT = pathlib.Path(__file__).resolve().parents[3]
SUITES = ("workspace", "banking")
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


def measured(suite, program, path, found_sinks):
    """Returns the row without an attack, and one for each attacker."""
    users, injections = list(suite.users), list(suite.injections)
    with Judge(program, path, ROLE) as judge:
        measure = Measure(suite, judge, found_sinks)
        quiet = row(suite.name, "none", measure.quiet(users))
        return quiet, [row(suite.name, one, measure.run(one, users, injections, SAMPLE)) for one in ATTACKERS]


def main():
    """Measures, writes the report, and returns the exit status."""
    parser = argparse.ArgumentParser(description="measure the protection of contracts")
    parser.add_argument("--program", required=True, help="callgate-protect")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "target/bench", help="folder of the report")
    parser.add_argument("--names-only", action="store_true", help="also measure without rules on values")
    options = parser.parse_args()

    quiet, rows, before = [], [], []
    for name in SUITES:
        suite = Suite(name)
        path = ROOT / f"tests/contracts/protect/{name}.yaml"
        contract = yaml.safe_load(path.read_text(encoding="utf-8"))
        without, found = measured(suite, options.program, path, sinks(contract))
        quiet.append(without)
        rows += found
        if options.names_only:
            with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
                yaml.safe_dump(names_only(contract), file)
                file.flush()
                before += measured(suite, options.program, file.name, sinks(contract))[1]

    write(options.out, rows, quiet, before)
    sys.stdout.write(table(quiet + rows))
    failures = [sentence for counts in quiet + rows for sentence in missed(counts)]
    for sentence in failures:
        print(f"FAILED: {sentence}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
