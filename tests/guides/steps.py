#!/usr/bin/env python3
"""Turns a guide into a bash script that does what it says: files are written, commands run. Only
the host's own command gets a place of its own: it goes on until the script stops it.

    steps.py GUIDE FILES COMMANDS >SCRIPT

A block is a file if the text before it ends with "`NAME`:", the end of one if that is "Add this to
`NAME`:", and commands if it is marked `sh`. Other blocks are recipes, which other tests compile.
FILES and COMMANDS are the least numbers of them that the guide must have."""

import re
import sys

FILE = re.compile(r"(?P<add>Add this to )?`(?P<name>[\w./]+)`:$")
SERVE = re.compile(r"(?:/host|^portico) --config ")


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
            print("cat " + (">>" if named["add"] else ">") + named["name"] + " <<'END_OF_FILE'\n"
                  + "\n".join(lines) + "\nEND_OF_FILE")
            files += 1
        elif kind == "sh" and any(SERVE.search(line) for line in lines):
            print("serve " + lines[0])
            commands += 1
        elif kind == "sh":
            print("\n".join(lines))
            commands += len(lines)
    if files < int(sys.argv[2]) or commands < int(sys.argv[3]):
        sys.exit(f"only {files} files and {commands} commands in the guide")


if __name__ == "__main__":
    main()
