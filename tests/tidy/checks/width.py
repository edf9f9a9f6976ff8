"""Lines are at most 100 columns wide, but in the files of wide_files.txt, a list that only
shrinks."""

import re

from tree import Finding, kind_of, numbered, without_code_blocks

COLUMNS = 100
LIST = "tests/tidy/wide_files.txt"
HEAD = """\
# Files that may still have lines of more than 100 columns. The list only shrinks: the test `tidy`
# fails for a file that is here without need. Written by tests/tidy/tidy.py --record-wide.
"""
SHOWN_OF_A_FILE = 3
NOT_CHECKED = ("docs/results/", "tests/sim/defects/")
A_LINK = re.compile(r"\s*([-*+>]|\d+\.)?\s*!?\[[^\]]*\](\([^)]*\)|: *\S+|\[[^\]]*\])[.,;:]?\s*")
A_STRING = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'')
URL = re.compile(r"\w+://\S+")


def cannot_be_broken(line, kind):
    """The line is too wide for one string or address alone, wherever it were broken."""
    indent = len(line) - len(line.lstrip())
    pieces = [piece[0] for piece in URL.finditer(line)]
    for string in A_STRING.finditer(line):
        # C, C++ and Python join neighbouring strings, so a string with a space can be broken.
        if kind in ("shell", "cmake") or " " not in string[0]:
            pieces.append(string[0])
    return any(indent + len(piece) > COLUMNS for piece in pieces)


def wide_lines(tree, path):
    kind = kind_of(path)
    text = without_code_blocks(tree.text(path)) if kind == "markdown" else tree.text(path)
    for number, line in numbered(text):
        line = line.expandtabs(4)
        if len(line) <= COLUMNS or cannot_be_broken(line, kind):
            continue
        if kind == "markdown" and (line.lstrip().startswith("|") or A_LINK.fullmatch(line)):
            continue
        yield number, len(line)


def wide_files(tree):
    """The wide lines of each file that has some."""
    found = {}
    for path in tree.files:
        if kind_of(path) != "other" and not path.startswith(NOT_CHECKED):
            lines = list(wide_lines(tree, path))
            if lines:
                found[path] = lines
    return found


def listed(tree):
    """The paths of the list, with their lines in it."""
    if LIST not in tree.names:
        return {}
    return {line.strip(): number for number, line in numbered(tree.text(LIST))
            if line.strip() and not line.startswith("#")}


def list_of(tree):
    """What the list has to say now."""
    return HEAD + "".join(path + "\n" for path in wide_files(tree))


def check(tree):
    wide, may_be_wide = wide_files(tree), listed(tree)
    for path, lines in wide.items():
        if path in may_be_wide:
            continue
        for number, columns in lines[:SHOWN_OF_A_FILE]:
            yield Finding(path, number, f"{columns} columns", f"break the line at {COLUMNS}")
        if len(lines) > SHOWN_OF_A_FILE:
            more = len(lines) - SHOWN_OF_A_FILE
            yield Finding(path, lines[SHOWN_OF_A_FILE][0], f"{more} more lines are too wide",
                          f"break them at {COLUMNS}")
    for path, number in may_be_wide.items():
        if path not in tree.names:
            yield Finding(LIST, number, f"{path} does not exist", "remove it from the list")
        elif path not in wide:
            yield Finding(LIST, number, f"{path} has no wide line any more",
                          "remove it from the list")
