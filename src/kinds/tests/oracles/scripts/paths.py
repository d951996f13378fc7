"""Reads a JSON list of [system, base, path], and prints each path joined with its base and normalised by Python."""

import json
import ntpath
import posixpath
import sys


def resolve(system, base, path):
    library = {"posix": posixpath, "windows": ntpath}[system]
    return library.normpath(library.join(base, path))


json.dump([resolve(*row) for row in json.load(sys.stdin)], sys.stdout)
