"""The attack book names a test for each attack, and every name exists."""

import re

from wire_gate import ROOT

PAGE = (ROOT / "docs/security/attack-book.md").read_text()
NAME = re.compile(r"`((?:src|tests)/[^`]*?)::([^`]+)`")


def row_of_tests():
    """The rows of the table of attacks, with the tests that each names."""
    table = PAGE
    rows = [line for line in table.splitlines() if line.startswith("|") and not re.match(r"\|\s*(---|attack)", line)]
    return [(row, NAME.findall(row)) for row in rows]


def exists(path, name):
    """A function of that name, or a case whose name is that sentence."""
    file = ROOT / path
    if not file.is_file():
        return False
    text = file.read_text()
    return bool(re.search(rf"\b(fn|def) {re.escape(name)}\(", text)) or f'"{name}"' in text


def test_every_attack_names_a_test():
    assert len(row_of_tests()) >= 20
    assert [row for row, tests in row_of_tests() if not tests] == []


def test_every_named_test_exists():
    assert [f"{path}::{name}" for path, name in NAME.findall(PAGE) if not exists(path, name)] == []


def test_the_check_finds_a_missing_test():
    assert exists("tests/python/test_security_page.py", "test_every_named_test_exists")
    assert not exists("tests/python/test_charset.py", "test_that_nobody_wrote")
