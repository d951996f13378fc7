#!/usr/bin/env python3
"""Checks that no type name has more than three meanings in the crates; part of `make lint`.

Usage: names.py

Counts the definitions of structs, enums, traits and type aliases in `src/*/src`, `tests/src` and `tests/stack/src`, generated code and associated
types left out. Exits with 1 if a name is defined more than three times, and lists the places.
"""

import collections
import pathlib
import re
import subprocess
import sys

LIMIT = 3
ALIAS = re.compile(r"^(?:pub(?:\([a-z: _]+\))? )?type ([A-Z]\w*)", re.M)
STRUCT = re.compile(r"^\s*(?:pub(?:\([a-z: _]+\))? )?(?:struct|enum|trait|union) ([A-Z]\w*)", re.M)


def main():
    """Prints the names that are defined too often and returns the exit status."""
    listed = subprocess.run(["git", "ls-files", "-z", "src/*.rs", "tests/src", "tests/stack/src"], check=True, capture_output=True, text=True).stdout
    places = collections.defaultdict(list)
    for name in listed.split("\0"):
        path = pathlib.Path(name)
        if not path.is_file() or path.suffix != ".rs" or not re.match(r"(src/[\w-]+/src|tests/src|tests/stack/src)/", name) or "/tests/" in name:
            continue
        text = path.read_text(encoding="utf-8")
        for pattern in (STRUCT, ALIAS):
            for match in pattern.finditer(text):
                places[match[1]].append(f"{name}:{text.count(chr(10), 0, match.start(1)) + 1}")
    failed = False
    for name, where in sorted(places.items(), key=lambda item: -len(item[1])):
        if len(where) > LIMIT:
            failed = True
            print(f"type name {name!r} has {len(where)} meanings; at most {LIMIT}: " + ", ".join(where))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
