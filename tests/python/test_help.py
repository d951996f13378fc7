"""Runs every example of every `--help`, as a shell does, against real files, a running executor, and a real Envoy.

A program that is not ours is replaced by one that reads its input. What an example cannot have here, such as a folder of another machine,
is replaced by what the test has; `PLACES` lists all of it.
"""

import hashlib
import http.server
import json
import os
import pty
import re
import shutil
import sqlite3
import subprocess
import threading
import unittest.mock

import pytest
import test_approvals_page
from test_approvals_page import Backend, Executor
from wire_gate import DIST, ENVOY, ROOT

HELP = re.compile(r"^  ([a-z][a-z-]*)  ", re.M)
OBJECT = {"type": "object"}
# What an example names, and what it gets.
PLACES = {
    "/var/lib/callgate": "{state}", "/mnt/elsewhere/head": "{state}/head", "/mnt/backup": "{here}", "--db audit.db": "--db {state}/audit.db",
    "https://callgate.example:7071": "{url}", "/usr/local/bin/envoy": "{envoy}", "/usr/local/lib/libcallgate.so": "{module}",
    "0199a5c2-7a51-7c3e-9d2f-6b1f8a3e4d5c": "{approval}", "callgate approve": "callgate approve --state {state} --url {url}",
    " 17": " 1", "add/build.sh && add/test.sh": "test -x add/build.sh -a -x add/test.sh",
}
# The exit code of an example, if it is not 0: the answer is no, or the contracts differ.
CODES = {"check": {0, 2}, "diff": {0, 1}, "replay": {0, 1}, "call": {0, 4}}


def help_of(*words):
    done = subprocess.run([DIST / "callgate", *words, "--help"], capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "300"})
    return done.stdout


def commands(*words):
    """Every command, those with commands of their own left out."""
    text = help_of(*words)
    listed = HELP.findall(text.split("Commands:")[1].split("\n\n")[0]) if "\nCommands:" in text else []
    if not listed:
        yield words
    for name in listed:
        yield from commands(*words, name)


def examples():
    """(name, line) of every example. The words in brackets after one explain it."""
    for words in commands():
        _, _, text = help_of(*words).partition("Example")
        for number, line in enumerate(re.findall(r"^  (\S.*)$", text, re.M), 1):
            yield f"{'-'.join(words)}-{number}", line.split("     (")[0]


EXAMPLES = [*examples()] if (DIST / "callgate").is_file() else []


def tool(name, run, **properties):
    return {"name": name, "description": f"The tool {name}.", "effects": "write", "parameters": {**OBJECT, "properties": properties}, "run": run}


def contract(version, roles):
    run, number, text = {"client": {}}, {"type": "number"}, {"type": "string"}
    order = {"http": {"cluster": "orders", "method": "POST", "path": "/orders"}}
    tools = [tool("create_order", run, sku=text, quantity=number), tool("refund", run, amount=number), tool("get_order", run, id=text),
             tool("find_order", run, id=text), tool("find", order, id=text), tool("add", order, a=number, b=number)]
    spec = {"models": ["gpt-5*"], "roles": {role: {"tools": ["*"]} for role in roles}, "tools": tools}
    return {"apiVersion": "callgate.dev/v1", "kind": "Contract", "metadata": {"name": "desk", "version": version}, "spec": spec}


@pytest.fixture(scope="module")
def executor(tmp_path_factory):
    backend = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Backend)
    threading.Thread(target=backend.serve_forever, daemon=True).start()
    # `learn` reads arguments.
    full = test_approvals_page.CONTRACT.replace("approval: always", "approval: always\n      audit: full")
    with unittest.mock.patch.object(test_approvals_page, "CONTRACT", full):
        running = Executor(tmp_path_factory.mktemp("help"), backend.server_address[1])
    running.backend = backend.server_address[1]
    try:
        # A call that ran, for commands that read the log.
        answer = [DIST / "callgate", "approve", running.asks({}), "--yes", "--url", running.page.rstrip("/"), "--state", running.log.parent / "state"]
        subprocess.run(answer, capture_output=True, check=True)
        assert running.call({}).WhichOneof("outcome") == "success"
        yield running
    finally:
        running.stop()
        backend.shutdown()
        backend.server_close()


@pytest.fixture
def desk(tmp_path, executor):
    """A folder with the files that examples name, and the words for `PLACES`."""
    roles = ["clerk", "viewer"]
    files = {"contract.yaml": contract("1.0.0", roles), "active.yaml": contract("1.0.0", roles), "candidate.yaml": contract("2.0.0", roles)}
    for name, value in files.items():
        (tmp_path / name).write_text(json.dumps(value))
    (tmp_path / "contracts.yaml").write_text(
        "apiVersion: callgate.dev/v1\nkind: ContractSet\ncontracts: [{ match: { pathPrefix: / }, contract: contract.yaml }]\n")
    (tmp_path / "contracts").symlink_to(DIST / "contracts")
    declared = [{"type": "function", "function": {"name": "find", "description": "Finds.", "parameters": {**OBJECT, "properties": {"id": {"type": "string"}}}}}]
    body = {"model": "gpt-5", "messages": [{"role": "user", "content": "hi"}], "tools": declared}
    request = {"method": "POST", "url": "https://llm.example/v1/chat/completions", "headers": [], "postData": {"mimeType": "application/json", "text": json.dumps(body)}}
    (tmp_path / "captured.jsonl").write_text(json.dumps({"path": "/v1/chat/completions", "request": body}) + "\n")
    (tmp_path / "traffic.jsonl.gz").write_text(json.dumps({"path": "/v1/chat/completions", "request": body, "response_body": {"choices": []}}) + "\n")
    for name in ("tools.json", "github.json", "wiki.json"):
        (tmp_path / name).write_text(json.dumps({"tools": [{"name": "find", "description": "Finds.", "inputSchema": OBJECT}]}))
    (tmp_path / "session.har").write_text(json.dumps({"log": {"version": "1.2", "entries": [{"request": request, "response": {"content": {}}}]}}))
    (tmp_path / "call.json").write_text(json.dumps({"arguments": {"id": "7"}}))
    (tmp_path / "executor.yaml").write_text(json.dumps({"contracts": ["contract.yaml"], "backends": {"orders": {"address": f"http://127.0.0.1:{executor.backend}"}}}))
    prices = {"gpt-5": {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-5, "litellm_provider": "openai", "mode": "chat"}}
    (tmp_path / "site-packages/litellm").mkdir(parents=True)
    for name in ("site-packages/litellm/model_prices_and_context_window_backup.json", "model_prices_and_context_window_backup.json"):
        (tmp_path / name).write_text(json.dumps(prices))
    for folder in (".local/share/bash-completion/completions", ".zfunc", ".config/fish/completions", ".local/share/man/man1", "bin"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / ".callgate-token").write_text(executor.token)
    for name in ("jq", "kubectl", "zstd", "zcat", "man"):
        program = tmp_path / "bin" / name
        # One line is enough of a log that never ends; `zcat` reads a file, and `jq` one too.
        reads = {"zcat": 'cat "$1"', "jq": 'case "$*" in *call.json) echo "{}";; *) head -n 1;; esac', "man": ":"}.get(name, "cat")
        program.write_text(f"#!/bin/sh\n{reads}\n")
        program.chmod(0o755)
    state = executor.log.parent / "state"
    found = {"state": state, "here": tmp_path, "url": executor.page.rstrip("/"), "envoy": ENVOY, "module": DIST / "libcallgate.so"}
    return tmp_path, found


def test_every_command_is_on_the_page_of_commands():
    page = (ROOT / "docs/reference/commands.md").read_text()
    assert len(EXAMPLES) > 40
    assert [words for words in commands() if f"\n## `callgate {' '.join(words)}`\n" not in page] == []


def test_every_example_fits_the_manual_and_the_completions(tmp_path):
    """The manual has a page for each command, and each shell that is here reads its completions."""
    subprocess.run([DIST / "callgate", "man", tmp_path], check=True)
    for words in commands():
        text = (tmp_path / f"{'-'.join(['callgate', *words])}.1").read_text()
        assert text.startswith(".ie") and ".SH NAME" in text, words
    for shell in ("bash", "zsh", "fish", "elvish", "powershell"):
        script = subprocess.run([DIST / "callgate", "completions", shell], capture_output=True, text=True, check=True).stdout
        assert all(f"{word}" in script for words in commands() for word in words), shell
        if shell in ("bash", "zsh", "fish") and shutil.which(shell):
            subprocess.run([shell, "-n"], input=script, text=True, check=True)


@pytest.mark.parametrize(("line", "code", "members"), [
    ("lint contract.yaml contracts.yaml", 0, {"contracts", "sets", "faults"}),
    ("lint contract.yaml missing.yaml call.json", 1, {"contracts", "sets", "faults"}),
    ("doctor --envoy {envoy} --module {module}", 0, {"envoy", "module", "faults"}),
    ("doctor --envoy {envoy}", 0, {"envoy", "module", "faults"}),
    ("audit verify --state {state}", 0, {"result", "executor", "records", "head", "known", "segments_checked", "segments_absent"}),
    ("audit verify --db damaged.db", 3, {"result", "fault"}),
    ("audit backup --state {state} copy.db", 0, {"result", "executor", "records", "head", "known", "segments_checked", "segments_absent"}),
    ("audit rotate --state {state}", 0, {"sealed"}),
])
def test_json_is_one_object_and_has_every_fault(line, code, members, desk):
    folder, found = desk
    if "damaged" in line:
        subprocess.run([DIST / "callgate", "audit", "backup", "--state", found["state"], folder / "damaged.db"], check=True, capture_output=True)
        with sqlite3.connect(folder / "damaged.db") as log:
            table, = log.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE '%record%'").fetchone()
            log.execute(f"DELETE FROM {table} WHERE rowid = 1")
    command = [DIST / "callgate", *line.format(**found).split(), "--json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (code, ""), done
    printed = json.loads(done.stdout)
    assert set(printed) == members
    faults = printed.get("faults", [])
    assert bool(faults) == (code == 1), faults
    if line.startswith("lint") and faults:
        assert {fault["file"] for fault in faults} == {"missing.yaml", "call.json"} and all(fault["message"] for fault in faults)
        assert [contract["file"] for contract in printed["contracts"]] == ["contract.yaml"]


@pytest.mark.parametrize(("name", "line"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_an_example_runs(name, line, desk, executor):
    folder, found = desk
    command = name.split("-")[0]
    if command == "call":
        shutil.copy(folder / "call.json", folder / "whole.json")
        (folder / "call.json").write_text(json.dumps({"id": "7"}))
    if command in ("init", "learn", "new"):
        (folder / "contract.yaml").unlink()
    if command in ("approve", "audit"):
        found["approval"] = executor.asks({"name": name})
    if "$(cat" in line:
        verified = subprocess.run([DIST / "callgate", "audit", "verify", "--state", found["state"], "--json"], capture_output=True, text=True, check=True)
        (found["state"] / "head").write_text(json.loads(verified.stdout)["head"])
    if command == "call" and "--role" not in line:
        made = contract("1.0.0", ["clerk"])
        module = next((DIST / "contracts/order-desk").rglob("*.wasm"))
        shutil.copy(module, folder / "tool.wasm")
        made["spec"]["tools"][-1]["run"] = {"wasm": {"module": "tool.wasm", "sha256": hashlib.sha256(module.read_bytes()).hexdigest()}}
        (folder / "contract.yaml").write_text(json.dumps(made))
    for written, here in PLACES.items():
        if written != "callgate approve" or "--url" not in line:
            line = line.replace(written, here.format(**{"approval": "", **found}))
    environment = {**os.environ, "PATH": f"{folder / 'bin'}:{DIST}:{os.environ['PATH']}", "HOME": str(folder), "PWD": str(folder)}
    if "audit tail" in line:
        # It notices that nobody reads when it writes a further record.
        threading.Timer(2, lambda: [executor.asks({"later": number}) for number in range(3)]).start()
    terminal, stdin = pty.openpty()
    os.write(terminal, b"yes\n")
    done = subprocess.run(["bash", "-c", line], cwd=folder, env=environment, stdin=stdin, capture_output=True, text=True, timeout=120)
    os.close(terminal)
    os.close(stdin)
    assert done.returncode in CODES.get(command, {0}), f"{line}\n{done.stdout[-500:]}\n{done.stderr[-2000:]}"
    assert "Usage:" not in done.stderr and "panicked" not in done.stderr, done.stderr
