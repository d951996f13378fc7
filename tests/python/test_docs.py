"""Compares the documentation with the programs and the sources: links, commands, configuration, generated pages, codes, metrics.

Blocks of the pages in docs/, the README and SECURITY.md:
- ```console: a shell runs each line with `$`. The lines below it are its standard output, to the byte. For `callgate lint`,
  standard error is compared too, because it prints faults there.
- ```yaml: the first line is a comment with the name of the file. Only the README's contract has none.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import urllib.parse

import pytest
import yaml
from wire_gate import ENVOY, ROOT

DIST = pathlib.Path(os.environ.get("CALLGATE_DIST") or ROOT / "dist")
TRACKED = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
PAGES = [page for page in TRACKED if "/tools/" not in page]
BOOK = [page for page in PAGES if page.startswith("docs/") or page in ("README.md", "SECURITY.md")]

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
REFERENCE = ROOT / "docs/reference"

CONTRACT = """\
apiVersion: callgate.dev/v1
kind: Contract
metadata: { name: docs, version: 1.0.0 }
spec:
  models: ["*"]
  roles: { any: { tools: ["*"] } }
"""
TOOL = """\
  tools:
    - name: tool
      effects: write
      parameters: { type: object }
      run:
        wasm:
          module: tool.wasm
          sha256: "0000000000000000000000000000000000000000000000000000000000000000"
"""
OTHER = """\
  tools: [{ name: tool, effects: read, parameters: { type: object }, run: { client: {} } }]
"""


def blocks(page, language):
    """The blocks of a page in one language."""
    return [text for kind, text in FENCE.findall((ROOT / page).read_text()) if kind == language]


def all_blocks(language):
    """(page, number, text) of every block, for pytest's parameters."""
    return [(page, number, text) for page in BOOK for number, text in enumerate(blocks(page, language), 1)]


def named(found):
    """Names of the parameters."""
    return [f"{page}:{number}" for page, number, _ in found]


def anchors(path):
    """The anchors of a page, by the rules of GitHub and mdbook."""
    text = FENCE.sub("", path.read_text())
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    plain = (re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


# --- Links ---------------------------------------------------------------------------------------------------------------------


def broken(page):
    """The broken links of a page."""
    text = re.sub(r"`[^`\n]*`", "", FENCE.sub("", (ROOT / page).read_text()))
    for link in LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = urllib.parse.unquote(link).partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield link


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_a_heading(page):
    assert list(broken(page)) == []


def test_every_page_is_in_the_summary():
    summary = (ROOT / "docs/SUMMARY.md").read_text()
    listed = {f"docs/{link}" for link in LINK.findall(summary)}
    assert listed == {page for page in PAGES if page.startswith("docs/")} - {"docs/SUMMARY.md"}


PATH = re.compile(r"`((?:src|tests|contracts|envoy|testdata|docs|\.setup)/[\w./-]+)`")


@pytest.mark.parametrize("page", PAGES)
def test_every_named_path_exists(page):
    """Paths of the repository in code spans. Built folders such as dist/ are left out."""
    named = PATH.findall(FENCE.sub("", (ROOT / page).read_text()))
    # The map of tests/ names paths below tests/.
    below = ROOT / "tests" if page == "docs/contribute/tests.md" else ROOT
    assert [path for path in named if not (ROOT / path).exists() and not (below / path).exists()] == []


# --- Commands ------------------------------------------------------------------------------------------------------------------


def commands(text):
    """(command, output) of a console block."""
    parts = re.split(r"^\$ ", text, flags=re.M)
    assert parts[0] == "", "a console block begins with a command"
    for part in parts[1:]:
        lines = part.split("\n")
        while lines[0].endswith("\\"):
            lines[:2] = [lines[0] + "\n" + lines[1]]
        yield lines[0], "\n".join(lines[1:])


# Pages with commands and parts of contracts that need files of a test of the command, which runs them.
ELSEWHERE = {"docs/operate/roll-out.md": "src/cli/tests/roll_out.rs"}
CONSOLES = [page for page in BOOK if blocks(page, "console") and page not in ELSEWHERE]


@pytest.mark.parametrize("page", CONSOLES)
def test_commands_print_what_the_page_shows(page, tmp_path):
    (tmp_path / "contracts").symlink_to(DIST / "contracts")
    whole = [text for text in blocks(page, "yaml") if "\nkind: Contract\n" in text]
    if whole:
        (tmp_path / "contract.yaml").write_text(whole[0])
    environment = {**os.environ, "PATH": f"{DIST}:{os.environ['PATH']}"}
    for text in blocks(page, "console"):
        for command, shown in commands(text):
            found = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True)
            printed = found.stdout + (found.stderr if "callgate lint" in command else "")
            assert printed == shown, command


def test_pages_left_out_here_are_run_elsewhere():
    for page, file in ELSEWHERE.items():
        assert page in (ROOT / file).read_text()


def test_commands_are_found_on_the_pages():
    assert {"README.md", "docs/start/first-contract.md", "docs/start/first-tool.md"} <= set(CONSOLES)


def test_the_commands_of_coding_agents_work_as_written(tmp_path):
    """The last line starts Envoy, and here only loads the gate and ends."""
    project = tmp_path / "project"
    project.mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/envoy").symlink_to(ENVOY.resolve())
    commands = blocks("docs/guides/coding-agents.md", "sh")[0].rstrip()
    check = blocks("docs/guides/coding-agents.md", "sh")[1]
    path = os.pathsep.join([str(DIST.resolve()), str(tmp_path / "bin"), os.environ["PATH"]])
    environment = {"HOME": str(tmp_path), "PATH": path}
    script = f"set -eu\n{commands} --mode validate\n{check}"
    done = subprocess.run(["sh", "-c", script], cwd=project, env=environment, capture_output=True, text=True, timeout=120)
    # The call of the page is one that the contract denies.
    assert done.returncode == 2 and "argument_forbidden" in done.stdout, done.stdout + done.stderr
    assert f'root: "{project}"' in (tmp_path / ".config/callgate/contract.yaml").read_text()
    assert "in the workspace" not in done.stderr, done.stderr


# --- Configuration -------------------------------------------------------------------------------------------------------------

YAML = [block for block in all_blocks("yaml") if block[0] not in ELSEWHERE]


def run(*command):
    """Runs one of our programs; returns its exit code and its output."""
    found = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return found.returncode, found.stdout + found.stderr


def indented(text, spaces):
    """The lines of a text, moved to the right."""
    return "".join(" " * spaces + line for line in text.splitlines(keepends=True))


def check_contract(text, where, folder):
    """Lints a contract, or one with the given part."""
    if where == "under spec":
        text = CONTRACT + OTHER + indented(text, 2)
    elif where == "under spec.tools[].run.wasm":
        text = CONTRACT + TOOL + indented(text, 10)
    else:
        assert where == "", where
    file = folder / "contract.yaml"
    file.write_text(text)
    code, printed = run(DIST / "callgate", "lint", file)
    assert code == 0, printed


def check_executor(text, where, folder):
    """Reads a configuration with `--check`. Files and folders of an operator's machine may be missing."""
    assert where in ("", "a section"), where
    if where:
        assert "contracts" not in yaml.safe_load(text)
        text += "contracts: [contract.yaml]\n"
    if "contracts: [order-desk/contract.yaml]" in text:
        shutil.copytree(DIST / "contracts/order-desk", folder / "order-desk")
    (folder / "contract.yaml").write_text(CONTRACT + OTHER)
    (folder / "executor.yaml").write_text(text)
    code, printed = run(DIST / "callgate-executor", "--config", folder / "executor.yaml", "--check")
    last = printed.splitlines()[-1]
    assert code == 0 or "No such file or directory" in last, printed


@pytest.mark.parametrize(("page", "number", "text"), YAML, ids=named(YAML))
def test_configuration_is_read(page, number, text, tmp_path):
    first = text.split("\n", 1)[0]
    named = re.fullmatch(r"# (contract|executor)\.yaml(?:, (.*))?", first)
    if not named and page == "README.md" and "\nkind: Contract\n" in text:
        return check_contract(text, "", tmp_path)
    assert named, f"the block begins with {first!r}; begin it with `# contract.yaml` or `# executor.yaml`"
    where = named[2] or ""
    if where == "a comment for the editor":
        return None
    return (check_contract if named[1] == "contract" else check_executor)(text, where, tmp_path)


@pytest.mark.parametrize("file", sorted(ROOT.glob("contracts/*/executor.yaml")), ids=lambda file: file.parent.name)
def test_the_example_configurations_are_read(file, tmp_path):
    check_executor(file.read_text(), "", tmp_path)


# --- Reference -----------------------------------------------------------------------------------------------------------------


def test_generated_pages_are_what_their_sources_say():
    found = subprocess.run(
        [ROOT / ".setup/docs.py", "--check", "--commands", DIST], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout


def sources(*folders):
    """All Rust code below folders of src/, or below src/ itself."""
    roots = [ROOT / "src" / folder for folder in folders or ("",)]
    return "\n".join(file.read_text() for root in roots for file in sorted(root.rglob("*.rs")))


def test_every_code_is_on_the_page_of_codes_and_every_one_there_exists():
    page = (REFERENCE / "codes.md").read_text()
    pattern = r"^\s*(?:Self|Code)::\w+ => \"([a-z]+(?:_[a-z]+)+)\",$"
    found = {
        code
        for file in [*(ROOT / "src/contract/src").rglob("*.rs"), *(ROOT / "src/engine/src").rglob("*.rs")]
        if re.search(r"enum Code\b", text := file.read_text())
        for code in re.findall(pattern, text, re.M)
    }
    assert len(found) > 30, found
    shown = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", page))
    assert found - shown == set()
    everything = sources()
    members = {"parallel_tool_calls", "approval_id"}
    assert {code for code in shown - found - members if f'"{code}"' not in everything} == set()


def test_every_metric_of_the_executor_is_in_the_table_with_its_sentence():
    """Metrics of the gate have a test of their own, `src/host/tests/documented.rs`, and running ones `test_monitoring.py`."""
    units = {"Seconds": "_seconds", "Bytes": "_bytes"}
    code = sources("executor", "audit", "approvals", "sandbox")
    found = re.findall(r"\.register(?:_with_unit)?\(\s*\"([a-z_]+)\",\s*\"([^\"]*)\",\s*(?:Unit::(\w+),\s*)?(Info)?", code)
    # Collectors name theirs in tables and calls of their own.
    found += re.findall(r"\(\"(process_[a-z_]+)\", \"([^\"]*)\", (?:Some\(Unit::(\w+)\)|None), ()reading", code)
    own = {name + ("_info" if info else units.get(unit, "")): text for name, text, unit, info in found}
    assert len(own) > 40, own
    table = {row["name"].removeprefix("callgate_executor_").removesuffix("_total"): row["help"]
             for row in json.loads((ROOT / "src/metrics.json").read_text()) if row["part"] == "executor"}
    collected = {"log_lines_dropped", "process_cpu_seconds"}
    assert own == {name: text for name, text in table.items() if name not in collected}
    assert all(f'"{table[name]}"' in code for name in collected)
