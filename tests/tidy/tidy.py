#!/usr/bin/env python3
"""Holds the sources to rules that no compiler knows. Each check is a file of checks/:

    width    lines of at most 100 columns
    layers   includes that follow the layers
    unused   source files that nobody builds or includes, scripts that nobody calls
    names    paths, commands and identifiers in comments and documents that do not exist
    links    links between documents that lead nowhere
    opening  source files without an opening comment
    version  versions of Portico that differ from the one in CMakeLists.txt

First each check is tried on small inputs that it must find (self_test.py), then on the project.

    tests/tidy/tidy.py                 all of that
    tests/tidy/tidy.py CHECK...        only these checks, on the project
    tests/tidy/tidy.py --record-wide   writes wide_files.txt, the files that may still be wide
"""

import os
import sys
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from checks import layers, links, names, opening, unused, version, width  # noqa: E402
from tree import Tree  # noqa: E402
import self_test  # noqa: E402

CHECKS = {check.__name__.rpartition(".")[2]: check.check
          for check in (width, layers, unused, names, links, opening, version)}


def self_test_passes():
    suite = unittest.defaultTestLoader.loadTestsFromModule(self_test)
    return unittest.TextTestRunner(verbosity=0).run(suite).wasSuccessful()


def main(arguments):
    tree = Tree(os.path.dirname(os.path.dirname(HERE)))
    if arguments == ["--record-wide"]:
        with open(os.path.join(tree.root, width.LIST), "w", encoding="utf-8") as file:
            file.write(width.list_of(tree))
        return 0
    if not set(arguments) <= set(CHECKS):
        print(__doc__, file=sys.stderr)
        return 2
    good = bool(arguments) or self_test_passes()
    count = 0
    for name in arguments or CHECKS:
        for finding in CHECKS[name](tree):
            print(finding)
            count += 1
    print(f"{count} found in {len(tree.files)} files")
    return 0 if good and count == 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
