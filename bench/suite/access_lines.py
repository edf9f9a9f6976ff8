#!/usr/bin/env python3
"""Measures what access lines cost and whether any is lost: a connection for each message, to hosts
that write no access lines, lines of text, and lines of JSON, in interleaved rounds. With them a
message may take at most 1.05 times the processor time, of all threads, and no line may be missing.

    bench/suite/access_lines.py [--bin build/bench/bin] [--rounds N] [--json FILE]
"""
import argparse
import contextlib
import json
import pathlib
import sys
import tempfile

if not __package__:  # run as a script: the packages are in the folder above
    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
# pylint: disable=wrong-import-position
from harness import launch, paired, servers
from harness.processes import BenchError
from suite import scenarios, timed

RATIO_MAX = 1.05
SERVERS = [server for server in servers.SERVERS if server.is_portico]
WITHOUT = {"level": "info", "access": False}


def log_of(file, form):
    return {"level": "info", "access": str(file), "format": form}


def measure(server, rounds, place):
    """{form: {"ratio": [middle, low, high], "connections", "lines"}}, each against no lines."""
    scenario = scenarios.BY_NAME["churn"]
    files = {form: place.work / f"{server.name}_{form}.access" for form in ("text", "json")}
    logs = {"none": WITHOUT, **{form: log_of(file, form) for form, file in files.items()}}
    with contextlib.ExitStack() as stack:
        started = {way: stack.enter_context(servers.start(server, "echo", place,
                                                          f"{server.name}_{way}", log=log))
                   for way, log in logs.items()}
        count = timed.calibrated_count(place, started["none"].port, scenario)
        # The calibration's connections have no lines; each run after it is as long as any other.
        runs = paired.rounds(
            logs, range(rounds + 1),
            lambda way: timed.one_run(place, started[way], scenario, count)["cpu_ns"])
    runs = {way: found[1:] for way, found in runs.items()}  # the first one warms
    connections = 2 * (rounds + 1) * count * scenario.connections
    found = {}
    for form, file in files.items():
        ratio = paired.ratio(paired.log_ratios(runs[form], runs["none"]))
        found[form] = {
            "ratio": [ratio.middle, ratio.low, ratio.high], "connections": connections,
            "lines": file.read_text(encoding="utf-8").count("\n"),
        }
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=launch.ROOT / "build/bench/bin",
                        metavar="DIR", help="host, client, plugins/ [build/bench/bin]")
    parser.add_argument("--rounds", type=int, default=15, metavar="N", help="[15]")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE",
                        help="writes what was found there as well")
    arguments = parser.parse_args()
    is_met = True
    results = {}
    try:
        with tempfile.TemporaryDirectory() as work:
            place = servers.Place(arguments.bin, pathlib.Path(work))
            for server in SERVERS:
                results[server.name] = found = measure(server, arguments.rounds, place)
                for form, result in found.items():
                    middle, low, high = result["ratio"]
                    missing = result["connections"] - result["lines"]
                    is_met = is_met and middle <= RATIO_MAX and missing == 0
                    print(f"{server.title}, {form} / none: {middle:.3f} ({low:.3f} to {high:.3f}) "
                          f"CPU a message; {missing} of {result['connections']} lines missing",
                          flush=True)
    except BenchError as error:
        sys.exit(f"access_lines: {error}")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print("met" if is_met else f"not met: at most {RATIO_MAX}, and none missing")
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
