#!/usr/bin/env python3
"""Every block of C++ in docs/guide/plugins_in_cpp.md must stand, word for word, in a recipe that is
compiled and run (or in the echo that comes with the host)."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


def blocks(text):
    """The blocks between ```cpp and ```."""
    inside, lines = False, []
    for line in text.splitlines():
        if line.startswith("```"):
            if inside:
                yield "\n".join(lines)
            inside, lines = line == "```cpp", []
        elif inside:
            lines.append(line)


def main():
    sources = {}
    folders = [HERE, os.path.join(ROOT, "plugins", "echo")]
    for folder in folders:
        for name in os.listdir(folder):
            if name.endswith(".cpp"):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    sources[name] = file.read()
    with open(os.path.join(ROOT, "docs", "guide", "plugins_in_cpp.md"), encoding="utf-8") as file:
        printed = list(blocks(file.read()))
    used = set()
    wrong = 0
    for block in printed:
        found = [name for name, text in sources.items() if block in text]
        used.update(found)
        if not found:
            wrong += 1
            print("in no recipe:\n" + block + "\n")
    for name in sorted(set(sources) - used):
        wrong += 1
        print(f"{name} is not in the guide")
    print(f"{len(printed)} blocks, {wrong} wrong")
    return 1 if wrong or not printed else 0


if __name__ == "__main__":
    sys.exit(main())
