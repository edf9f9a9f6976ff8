#!/usr/bin/env python3
"""Coverage by folder, from gcovr's JSON: prints a table, and fails if a bar is missed.

    table.py FILE.json [--files] [--uncovered]

--files       a line for each file as well
--uncovered   the lines that nothing ran, and those with a branch never taken
"""
import argparse
import collections
import json
import sys

# each folder, and its bars: per cent of lines, per cent of branches (None: no bar)
FOLDERS = [
    ("host/base", None, None),
    ("host/io", 95, 85),
    ("host/net", 95, 85),
    ("host/plugin", 95, 85),
    ("host/config", 95, 85),
    ("host/log", None, None),
    ("host", None, None),  # server, main and console, and the embedding API
    ("sdk", 95, 85),
]


class Count:
    def __init__(self):
        self.lines = self.lines_run = self.branches = self.branches_taken = 0

    def add(self, other):
        self.lines += other.lines
        self.lines_run += other.lines_run
        self.branches += other.branches
        self.branches_taken += other.branches_taken


def folder_of(file):
    names = (name for name, _, _ in FOLDERS if name != "host" and file.startswith(name + "/"))
    return next(names, "host")


def code_lines(file):
    return [line for line in file["lines"] if not line["gcovr/noncode"]]


def branches_of(line):
    """Leaves out the edges that exceptions take."""
    return [branch for branch in line["branches"] if not branch["throw"]]


def count_of(file):
    count = Count()
    for line in code_lines(file):
        count.lines += 1
        count.lines_run += line["count"] > 0
        branches = branches_of(line)
        count.branches += len(branches)
        count.branches_taken += sum(branch["count"] > 0 for branch in branches)
    return count


def share(part, whole):
    return f"{100 * part / whole:5.1f} %" if whole else "      –"


def row(name, count, verdict=""):
    lines = share(count.lines_run, count.lines)
    branches = share(count.branches_taken, count.branches)
    print(
        f"{name:<28} {count.lines_run:>6} of {count.lines:>5}  {lines}"
        f" {count.branches_taken:>8} of {count.branches:>5}  {branches}  {verdict}".rstrip()
    )


def ranges(numbers):
    result = []
    for number in numbers:
        if result and result[-1][1] == number - 1:
            result[-1][1] = number
        else:
            result.append([number, number])
    return " ".join(str(first) if first == last else f"{first}-{last}" for first, last in result)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("report")
    parser.add_argument("--files", action="store_true")
    parser.add_argument("--uncovered", action="store_true")
    options = parser.parse_args()
    with open(options.report, encoding="utf-8") as report:
        files = sorted(json.load(report)["files"], key=lambda file: file["file"])

    by_folder = collections.defaultdict(list)
    for file in files:
        by_folder[folder_of(file["file"])].append(file)

    print(f"{'':<28} {'lines run':>15}  {'':>7} {'branches taken':>17}")
    missed = []
    for folder, lines_bar, branches_bar in FOLDERS:
        total = Count()
        for file in by_folder[folder]:
            total.add(count_of(file))
        verdict = ""
        if lines_bar is not None:
            if total.lines == 0:
                verdict = "declarations alone: nothing to run"
            elif (100 * total.lines_run < lines_bar * total.lines
                  or 100 * total.branches_taken < branches_bar * total.branches):
                verdict = f"MISSED: at least {lines_bar} % and {branches_bar} %"
                missed.append(folder)
            else:
                verdict = f"bar {lines_bar} % and {branches_bar} %"
        row(folder, total, verdict)
        for file in by_folder[folder]:
            if options.files:
                row("  " + file["file"][len(folder) + 1 :], count_of(file))
            if options.uncovered:
                lines = [line["line_number"] for line in code_lines(file) if line["count"] == 0]
                branches = [
                    line["line_number"]
                    for line in code_lines(file)
                    if line["count"] > 0
                    and any(branch["count"] == 0 for branch in branches_of(line))
                ]
                if lines or branches:
                    print(f"  {file['file']}: never run {ranges(lines) or '–'};"
                          f" a branch never taken {ranges(branches) or '–'}")
    if missed:
        print(f"below the bar: {', '.join(missed)}")
        sys.exit(1)


main()
