#!/usr/bin/env python3
"""Turns docs/guide/rust.md into a bash script that does what it says: files are written, commands
run. Only the host's own command gets a place of its own: it goes on until the script stops it.

    guide.py GUIDE >SCRIPT

A block is a file if the text before it ends with "`NAME`:", and commands if it is marked `sh`.
Other blocks of Rust are recipes, which the crate's doctests compile."""

import re
import sys

FILE = re.compile(r"`([\w./]+)`:$")
SERVE = "/host --config "


def blocks(text):
    """The kind, the text before, and the lines of each fenced block."""
    before, kind, lines = "", None, []
    for line in text.splitlines():
        if kind is None and line.startswith("```"):
            kind, lines = line[3:], []
        elif line == "```":
            yield kind, before, lines
            kind = None
        elif kind is not None:
            lines.append(line)
        elif line:
            before = line


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        guide = list(blocks(file.read()))
    files = commands = 0
    for kind, before, lines in guide:
        named = FILE.search(before)
        if named:
            print("cat >" + named[1] + " <<'END_OF_FILE'\n" + "\n".join(lines) + "\nEND_OF_FILE")
            files += 1
        elif kind == "sh" and any(SERVE in line for line in lines):
            print("serve " + lines[0])
            commands += 1
        elif kind == "sh":
            print("\n".join(lines))
            commands += len(lines)
    if files < 3 or commands < 8:
        sys.exit(f"only {files} files and {commands} commands in the guide")


if __name__ == "__main__":
    main()
