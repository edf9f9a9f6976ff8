#!/usr/bin/env python3
"""Takes the functions out of gcovr's JSON reports, in place: drop_functions.py FILE.json...

Nothing here counts functions, and gcovr 5.2 cannot merge them: two compilers may give one inline
function different lines, and it takes that for a mistake.
"""
import json
import sys

for name in sys.argv[1:]:
    with open(name, encoding="utf-8") as report:
        content = json.load(report)
    for file in content["files"]:
        file["functions"] = []
    with open(name, "w", encoding="utf-8") as report:
        json.dump(content, report)
