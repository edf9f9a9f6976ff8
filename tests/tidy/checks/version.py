"""The version of Portico is the one in CMakeLists.txt: vcpkg.json, the changelog and the Rust crate
agree with it, and no source writes it out."""

import re

from tree import Finding, kind_of, numbered

PROJECT = re.compile(r"^project\(portico VERSION (\d+\.\d+\.\d+)", re.M)
CHANGES = re.compile(r"^## \[([^]]+)\]")
PACKAGE = re.compile(r'"version": *"([^"]*)"')
CRATE = re.compile(r'^version = "([^"]*)"')


def first(tree, path, pattern):
    """The line and the version of the first match in a file."""
    for number, line in numbered(tree.text(path)):
        found = pattern.search(line)
        if found:
            return number, found[1]
    return 1, "missing"


def check(tree):
    if "CMakeLists.txt" not in tree.names:
        return
    version = PROJECT.search(tree.text("CMakeLists.txt"))
    if version is None:
        yield Finding("CMakeLists.txt", 1, "project() has no version", "give it one")
        return
    version = version[1]
    for path, pattern, what in (("CHANGELOG.md", CHANGES, "the newest version"),
                                ("vcpkg.json", PACKAGE, "the version"),
                                ("sdk/rust/Cargo.toml", CRATE, "the version")):
        number, other = first(tree, path, pattern)
        if other != version:
            yield Finding(path, number, f"{what} is {other}, not {version}",
                          "make it that of CMakeLists.txt")
    written = re.compile(rf"(?<![\d.]){re.escape(version)}(?![\d.])")
    for path in tree.files:
        if kind_of(path) not in ("code", "shell", "python", "cmake") \
                or path == "CMakeLists.txt" or path.startswith("tests/tidy/"):
            continue
        for number, line in numbered(tree.text(path)):
            if written.search(line):
                yield Finding(path, number, "the version is written out",
                              "take PORTICO_VERSION, or read it from CMakeLists.txt")
