"""A source file opens with a comment that says what it is for. Where a header of the same name
stands beside it, the header's comment is enough."""

import os
import re

from tree import CODE, Finding

FOLDERS = ("host/", "client/", "sdk/", "plugins/", "bench/", "tests/")
SYSTEM = re.compile(r"_(posix|linux|windows)$")


def opens_with_comment(tree, path):
    return re.match(r"\s*(//+!?|/\*+)\s*\S", tree.text(path)) is not None


def header_of(tree, path):
    """socket.hpp for socket_posix.cpp and socket_windows.cpp."""
    stem, extension = os.path.splitext(path)
    if extension in (".cpp", ".c"):
        for name in (stem, SYSTEM.sub("", stem)):
            for header in (name + ".hpp", name + ".h"):
                if header in tree.names:
                    return header
    return None


def check(tree):
    for path in tree.ending(*CODE, ".rs"):
        if not path.startswith(FOLDERS) or opens_with_comment(tree, path):
            continue
        header = header_of(tree, path)
        if header is None:
            yield Finding(path, 1, "no opening comment",
                          "say in a sentence at the top what the file is for")
