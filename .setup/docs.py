#!/usr/bin/env python3
"""Writes the generated pages of docs/reference and docs/operate, or checks them.

Usage: docs.py [--check] [--commands DIR]

- `contract-fields.md` from contracts/contract.schema.json
- `executor-configuration.md` from contracts/executor.schema.json
- `metrics.md` from src/metrics.json
- `commands.md` from `--help` of the programs in DIR, and `../operate/alerts.md` from `callgate monitoring --target alerts`; left as they are
  without that option

`--check` writes nothing. If a page differs, it prints the command to run and exits with 1. DIR is dist/ after `make build`.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs/reference"
NOTE = "<!-- Written by `.setup/docs.py` from {source}. Change that, then run the script. -->\n"
COMMANDS = (
    "init", "learn", "lint", "check", "diff", "replay", "call", "new tool", "pin", "prices", "digest", "render", "monitoring", "doctor", "approve",
    "audit verify", "audit show", "audit tail", "audit export", "audit backup", "audit rotate",
    "completions", "man",
)
METRICS = """\
The executor serves its metrics on `/metrics`, and the gate's are among Envoy's own on `/stats/prometheus` of its admin port.
[Metrics, traces, logs, health](../operate/telemetry.md) explains access, dashboard and alerts. A label without values here holds a name from a
contract or the configuration, or a [code](codes.md).
"""
# The title, the prefix that rows leave out, and the introduction of each part.
PARTS = {
    "gate": ("Gate", "", """\
Envoy's own name of each is `wasmcustom.callgate.…`; its Prometheus endpoint shows the names below. The rendered bootstrap makes code,
dialect and verdict labels (`stats_tags`), and sets the buckets of histograms. The native module counts the same under the same names,
because the rendered configuration sets `metrics_namespace: wasmcustom`. No name and no label holds a word of a model or a caller.

Every counter begins at zero. Each exchange adds at most one value to a histogram. Envoy merges the values of its workers every few seconds."""),
    "executor": ("Executor", "callgate_executor_", """\
Every name begins with `callgate_executor_`, except the process's. A counter whose labels have fixed values begins at zero."""),
}
ALERTS = """\
The alerts of [`envoy/monitoring`](../../envoy/monitoring/README.md), one section each. `critical`: callers are affected, or evidence is lost.
`warning`: look at it in working hours. [Runbook by code](runbook.md) begins with the code in an answer instead.
"""
UNITS = {"size": "size", "duration": "time", "count": "1 and more"}


class Schema:
    """One JSON Schema, and the sections of its page."""

    def __init__(self, path):
        self.document = json.loads(path.read_text(encoding="utf-8"))
        self.queue, self.found, self.names, self.shown = [], [], {}, {}

    def resolved(self, node):
        """Returns a node with its `$ref` replaced; its own members win."""
        while "$ref" in node:
            target = self.document["$defs"][node["$ref"].rsplit("/", 1)[1]]
            node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
        return node

    def section(self, node, path):
        """Returns a link to the section of an object. Equal objects share one section."""
        key = node.get("$ref") or path
        whole = self.resolved(node)
        shape = json.dumps(whole.get("properties"))
        if key in self.names and self.shown[key] == shape:
            path = self.names[key]
        else:
            self.names[key], self.shown[key] = path, shape
            self.found.append((path, whole))
        return f"[section](#{anchor(path)})"

    def takes(self, node, path):
        """Returns the values a field takes, in words."""
        whole = node
        while "$ref" in whole:
            name = whole["$ref"].rsplit("/", 1)[1]
            if name in UNITS:
                return UNITS[name]
            whole = self.document["$defs"][name]
        whole = self.resolved(node)
        if "const" in whole:
            return code(whole["const"])
        if "enum" in whole:
            return ", ".join(code(value) for value in whole["enum"])
        if "properties" in whole:
            return self.section(node, path)
        kind = whole.get("type")
        if "anyOf" in whole:
            return ", or ".join(filter(None, (self.takes(one, path) for one in whole["anyOf"])))
        if kind == "array":
            return "list of " + self.takes(whole["items"], f"{path}[]") if whole["items"] != {"type": "string"} else "list"
        if kind == "object":
            more = whole.get("additionalProperties")
            if isinstance(more, dict):
                return "mapping of " + self.takes(more, f"{path}.NAME")
            return "`{}`" if more is False else "mapping"
        if kind in ("integer", "number"):
            low, high = whole.get("minimum"), whole.get("maximum")
            if low is not None and high is not None:
                return f"{low:,} to {high:,}"
            return f"{low:,} and more" if low is not None else "number"
        return {"boolean": "`true`, `false`", "string": "text"}.get(kind, "")

    def page(self):
        """Returns the tables, one for each object."""
        self.queue.append(("The file", self.document))
        blocks = []
        while self.queue:
            path, node = self.queue.pop(0)
            required = node.get("required", [])
            lines = [f"## {path}", ""]
            if path != "The file" and node.get("description"):
                lines += [node["description"], ""]
            if node["properties"]:
                lines += ["| field | takes | default | |", "|---|---|---|---|"]
            for field, child in node["properties"].items():
                place = field if path == "The file" else f"{path}.{field}"
                whole = self.resolved(child)
                if field in required:
                    default = "needed"
                elif "default" in whole and whole["default"] not in ({}, []):
                    default = code(whole["default"])
                elif "x-default" in whole:
                    default = whole["x-default"]
                else:
                    default = "" if "properties" in whole else "none"
                text = whole.get("description", "").replace("|", "\\|")
                lines.append(f"| `{field}` | {self.takes(child, place)} | {default} | {text} |")
            blocks.append("\n".join(lines) + "\n")
            # Sections follow the table with their links.
            self.queue[:0], self.found = self.found, []
        return "\n".join(blocks)


def anchor(heading):
    """Returns the anchor of a heading, by the rules of GitHub and mdbook."""
    kept = (char for char in heading.lower() if char.isalnum() or char in " -_")
    return "".join(kept).replace(" ", "-")


def code(value):
    """Returns a value as code."""
    text = value if isinstance(value, str) else json.dumps(value)
    return f"`{text}`" if text else "empty"


def schema_page(title, source, introduction):
    """Returns one page of fields."""
    tables = Schema(ROOT / source).page()
    return f"# {title}\n\n{NOTE.format(source=f'`{source}`')}\n{introduction}\n\n{tables}"


def help_of(program, *words):
    """Returns a help text."""
    environment = {**os.environ, "COLUMNS": "100"}
    run = subprocess.run([program, *words, "--help"], check=True, capture_output=True, text=True, env=environment)
    return "\n".join(line.rstrip() for line in run.stdout.rstrip().split("\n"))


def commands_page(folder):
    """Returns the page of commands."""
    blocks = [f"# Commands\n\n{NOTE.format(source='`--help` of each command')}"]
    blocks.append(f"## `callgate`\n\n```text\n{help_of(folder / 'callgate')}\n```\n")
    for command in COMMANDS:
        blocks.append(f"## `callgate {command}`\n\n```text\n{help_of(folder / 'callgate', *command.split())}\n```\n")
    for command in ("callgate-executor", "callgate-executor call"):
        name, *rest = command.split()
        blocks.append(f"## `{command}`\n\n```text\n{help_of(folder / name, *rest)}\n```\n")
    return "\n".join(blocks)


def metric_row(metric, prefix):
    """Returns a row of the page of metrics: the name, its labels with their values, type and unit, and the sentence."""
    labels = metric.get("labels", {})
    name = metric["name"].removeprefix(prefix) + (f"{{{','.join(labels)}}}" if labels else "")
    kind = metric["type"] + (f", {metric['unit']}" if "unit" in metric else "")
    see = f" ([more](../{metric['see']}))" if "see" in metric else ""
    values = [f" `{label}`: " + ", ".join(f"`{value}`" for value in values) + "." for label, values in labels.items() if values]
    return f"| `{name}` | {kind} | {metric['help']}{see}.{''.join(values)} |"


def metrics_page():
    """Returns the page of metrics."""
    table = json.loads((ROOT / "src/metrics.json").read_text(encoding="utf-8"))
    note = NOTE.format(source="`src/metrics.json`")
    blocks = [f"# Metrics\n\n{note}\n{METRICS}"]
    for part, (title, prefix, introduction) in PARTS.items():
        lines = [f"## {title}\n\n{introduction}"]
        rows = [metric for metric in table if metric["part"] == part]
        for group in dict.fromkeys(metric["group"] for metric in rows):
            lines.append(f"\n### {title}: {group}\n\n| metric | type | |\n|---|---|---|")
            lines += [metric_row(metric, prefix) for metric in rows if metric["group"] == group]
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def alerts_page(folder):
    """Returns the page of alerts."""
    run = subprocess.run([folder / "callgate", "monitoring", "--target", "alerts"], check=True, capture_output=True, text=True)
    note = NOTE.format(source="`callgate monitoring --target alerts`").replace("Change that", "Change `src/cli/src/monitoring/alerts`")
    blocks = [f"# Runbook by alert\n\n{note}\n{ALERTS}"]
    for alert in (alert for group in json.loads(run.stdout) for alert in group["alerts"]):
        blocks.append(
            f"## {alert['name']}\n\n{alert['summary']}.\n\n- Severity: {alert['severity']}, after {alert['for']}.\n"
            f"- Likely cause: {linked(alert['cause'])}\n- Do: {linked(alert['action'])}\n\n```text\n{alert['query']}\n```\n"
        )
    return "\n".join(blocks)


def linked(text):
    """Returns the text with a link for each alert and page that it names."""
    text = re.sub(r"\bCallgate[A-Z]\w+", lambda name: f"[{name[0]}](#{name[0].lower()})", text)
    return text.replace("runbook by code", "[runbook by code](runbook.md)")


def pages(folder):
    """Returns (file, text) of every page."""
    yield "contract-fields.md", schema_page(
        "Contract fields",
        "contracts/contract.schema.json",
        "Every field of a contract. An unknown field is an error with its line, its column and the nearest known name. A *size* is a\n"
        "number with `KiB`, `MiB` or `GiB`, or bytes alone. A *time* is a number with `ms`, `s`, `m` or `h`. [Your first\n"
        "contract](../start/first-contract.md) shows the fields in use.",
    )
    yield "executor-configuration.md", schema_page(
        "Executor configuration",
        "contracts/executor.schema.json",
        "Every field of the executor's YAML file. Relative paths are relative to the file. An unknown field is an error with its line, its\n"
        "column and the nearest known name. A *size* is a number with `KiB`, `MiB` or `GiB`, or bytes alone. A *time* is a number with\n"
        "`ms`, `s`, `m`, `h` or `d`. For completion in an editor, begin the file with\n"
        "`# yaml-language-server: $schema=executor.schema.json`.",
    )
    yield "metrics.md", metrics_page()
    if folder is not None:
        yield "commands.md", commands_page(folder)
        yield "../operate/alerts.md", alerts_page(folder)


def main():
    """Writes or checks, and returns the exit status."""
    parser = argparse.ArgumentParser(description="generated pages of docs/reference")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--commands", type=pathlib.Path, metavar="DIR")
    options = parser.parse_args()
    stale = []
    for name, text in pages(options.commands):
        path = (REFERENCE / name).resolve()
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if not options.check:
                path.write_text(text, encoding="utf-8")
    for name in stale:
        print(f"{(REFERENCE / name).resolve().relative_to(ROOT)} " + ("differs from its source; run .setup/docs.py --commands dist" if options.check else "is written"))
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
