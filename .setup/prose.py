#!/usr/bin/env python3
"""Checks the project's prose against its budget; part of `make lint`.

Usage: prose.py [--worst N] [PATH…]

Reads comments, doc strings and Markdown of the files that git knows, or of those under PATH. Exits with 1 if a rule fails:
- budget, per 1,000 words: at most 4 "what", 2 "where", 15 "that";
- none of the banned phrases, in string literals of Rust code too;
- no doc comment starts with What, Whether, Of, That, Where or How;
- the mean sentence of a README has at most 17 words.
`--worst N` lists the N files with the most words over the budget.
"""

import argparse
import pathlib
import re
import subprocess
import sys

BUDGET = {"what": 4, "where": 2, "that": 15}
BANNED = ("goes on", "is none", "is no ", "comes of", "anew")
STARTS = ("What", "Whether", "Of", "That", "Where", "How")
SENTENCE = 17

SLASHES = {".rs", ".proto", ".js", ".c", ".wit", ".css"}
HASHES = {".sh", ".yaml", ".yml", ".toml", ".j2", ".txt"}
# Rust tokens in which `//` is no comment, and the comments.
RUST = re.compile(
    r"""(?P<raw>\bb?r(?P<h>\#*)".*?"(?P=h))|(?P<string>"(?:\\.|[^"\\])*")|(?P<char>'(?:\\.|[^'\\\n])')"""
    r"""|(?P<comment>//[^\n]*)|(?P<block>/\*.*?\*/)""",
    re.S,
)
CODE = re.compile(r"```.*?```|~~~.*?~~~", re.S)
SPAN = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\]\([^)\s]*\)|<[^>\n]*>|https?://\S+")
WORD = re.compile(r"[A-Za-z][A-Za-z'’-]*")


def rust(text):
    """Yields (line, kind, words): kind is `doc`, `comment` or `string`. Lines of one comment come together."""
    block = []
    for match in RUST.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        if match["comment"] is not None:
            comment = match["comment"]
            kind = "doc" if re.match(r"//[/!](?!/)", comment) else "comment"
            body = re.sub(r"^//[/!]?\s?", "", comment)
            if block and block[-1][0] == line - 1 and block[0][1] == kind:
                block.append((line, kind, body))
                continue
            yield from joined(block)
            block = [(line, kind, body)]
        else:
            yield line, "comment" if match["block"] is not None else "string", match[0]
    yield from joined(block)


def joined(block):
    """Yields one comment for the lines of a block."""
    if block:
        yield block[0][0], block[0][1], "\n".join(body for _, _, body in block)


def hashes(text):
    """Yields the `#` comments of a script or a configuration."""
    for number, line in enumerate(text.split("\n"), 1):
        match = re.search(r"(?:^|\s)#+!?\s(.*)$", line) or re.search(r"\{#-?\s(.*)$", line)
        if match and not line.startswith("#!"):
            yield number, "comment", match[1]


def python(text):
    """Yields `#` comments and doc strings."""
    yield from hashes(text)
    for match in re.finditer(r'^\s*(?:[rb]?)"""(.*?)"""', text, re.S | re.M):
        yield text.count("\n", 0, match.start()) + 1, "doc", match[1]


def pieces(path, text):
    """Yields (line, kind, text) for the prose of one file."""
    if path.suffix == ".md" or path.name.endswith(".md.j2"):
        yield 1, "markdown", CODE.sub(lambda m: "\n" * m[0].count("\n"), text)
    elif path.suffix in SLASHES:
        yield from rust(text)
    elif path.suffix == ".py":
        yield from python(text)
    elif path.suffix in HASHES or path.name in ("Makefile", "Dockerfile") or (path.suffix == "" and text.startswith("#!")):
        yield from hashes(text)


def plain(text):
    """Removes code spans, links and addresses."""
    return LINK.sub("]", SPAN.sub("x", CODE.sub("", text)))


def mean_sentence(text):
    """Returns the mean words a sentence of a Markdown text: paragraphs and list items, no tables and headings."""
    sentences = []
    paragraphs = re.split(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.)\s)", plain(text))
    for paragraph in paragraphs:
        lines = [line for line in paragraph.split("\n") if not re.match(r"\s*(\||#|>)", line)]
        for sentence in re.split(r"(?<=[.!?])\s+", " ".join(lines)):
            count = len(WORD.findall(sentence))
            if count > 2:
                sentences.append(count)
    return sum(sentences) / len(sentences) if sentences else 0


def files(paths):
    """Returns the files to read: those git knows, below the given paths."""
    listed = subprocess.run(["git", "ls-files", "-z", "--", *paths], check=True, capture_output=True, text=True).stdout
    for name in listed.split("\0"):
        path = pathlib.Path(name)
        if name and path.is_file() and not path.is_symlink() and path.name not in ("LICENSE", "Cargo.lock", "prose.py"):
            yield path


def main():
    """Prints what fails and returns the exit status."""
    parser = argparse.ArgumentParser(description="check the prose budget")
    parser.add_argument("--worst", type=int, default=0)
    parser.add_argument("paths", nargs="*")
    options = parser.parse_args()
    failures, total, counts, by_file = [], 0, dict.fromkeys(BUDGET, 0), []
    for path in files(options.paths):
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        words, found = 0, dict.fromkeys(BUDGET, 0)
        for line, kind, piece in pieces(path, text):
            prose = plain(piece)
            lower = re.sub(r"\s+", " ", prose.lower())
            test = "/tests/" in f"/{path}"
            if kind != "string" or not test:
                for phrase in BANNED:
                    if re.search(rf"\b{re.escape(phrase)}" + ("" if phrase.endswith(" ") else r"\b"), lower):
                        failures.append(f"{path}:{line}: banned phrase {phrase.strip()!r}")
            if kind == "string":
                continue
            if kind == "doc" and path.suffix == ".rs" and prose.split() and prose.split()[0] in STARTS:
                failures.append(f"{path}:{line}: a doc comment starts with {prose.split()[0]!r}; start with a verb or a noun")
            tokens = [word.lower() for word in WORD.findall(prose)]
            words += len(tokens)
            for word in BUDGET:
                found[word] += tokens.count(word)
        if path.name == "README.md":
            mean = mean_sentence(CODE.sub("", text))
            if mean > SENTENCE:
                failures.append(f"{path}: the mean sentence has {mean:.1f} words; at most {SENTENCE}")
        total += words
        for word in BUDGET:
            counts[word] += found[word]
        by_file.append((sum(found[word] - BUDGET[word] * words / 1000 for word in BUDGET), path, words, found))
    rates = {word: 1000 * counts[word] / max(1, total) for word in BUDGET}
    for word, rate in rates.items():
        if rate > BUDGET[word]:
            failures.append(f'"{word}": {rate:.1f} per 1,000 words; at most {BUDGET[word]}')
    for over, path, words, found in sorted(by_file, key=lambda row: row[0], reverse=True)[: options.worst]:
        print(f"{over:6.1f} over  {path}  {words} words  {found}")
    for failure in failures:
        print(failure)
    print(f"prose: {total} words; " + ", ".join(f'"{word}" {rate:.1f}' for word, rate in rates.items()) + " per 1,000")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
