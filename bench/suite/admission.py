#!/usr/bin/env python3
"""Measures how soon a busy server admits new clients: 1,000 come at once, and each always has one
message of 64 bytes in flight. Counts the messages and the time until each of them has had an
answer, for the host on epoll and io_uring, and for host.exe under Wine beside the article's design.

    bench/suite/admission.py [--bin build/bench/bin] [--windows-bin build/bench-windows/bin]
                       [--rounds N] [--windows] [--json FILE] [SERVER...]
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

if not __package__:  # run as a script: the packages are in the folder above
    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
# pylint: disable=wrong-import-position
from harness import launch
from harness.launch import LaunchError

CONNECTIONS = 1_000
MESSAGES_MAX = 6_000
SECONDS_MAX = 60  # clients without an answer by then are counted

# The name; whether it is a Windows program; the host's section "io" or a program.
SERVERS = {
    "epoll": (False, {"backend": "epoll"}),
    "epoll, shared": (False, {"backend": "epoll", "ports": "shared"}),
    "io_uring": (False, {"backend": "io_uring"}),
    "bare epoll loop": (False, "peer_bare_epoll"),
    "iocp": (True, {}),
    "iocp, per_core": (True, {"ports": "per_core"}),
    "bare IOCP loop": (True, "peer_bare_iocp"),
    "article's port": (True, "baseline_article_iocp"),
}
ON_WINDOWS = [name for name, (is_windows, _) in SERVERS.items() if is_windows]


def run_until_served(program, port, *options):
    """{"messages", "milliseconds", "served"} until all have had an answer, or the time is over."""
    command = [str(program), str(port), str(CONNECTIONS), str(SECONDS_MAX), "--until-all-served",
               *options]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=SECONDS_MAX + 60, check=False)
    if done.returncode != 0:
        raise LaunchError(done.stderr.strip() or f"{command[0]} has ended with {done.returncode}")
    figures = dict(line.split() for line in done.stdout.splitlines())
    return {name: int(figures[name]) for name in ("messages", "milliseconds", "served")}


def summary(rounds):
    """The median messages and milliseconds, and the fewest that were served, under the same keys;
    and "all_messages", those of each round."""
    def median(name):
        return statistics.median_low(found[name] for found in rounds)
    return {"messages": median("messages"), "milliseconds": median("milliseconds"),
            "served": min(found["served"] for found in rounds),
            "all_messages": [found["messages"] for found in rounds]}


def holds(found):
    return found["served"] == CONNECTIONS and found["messages"] <= MESSAGES_MAX


def measure(arguments, name, work):
    """The summary of a fresh server in each round."""
    is_windows, what = SERVERS[name]
    command = launch.server_command(arguments, is_windows, what, work)

    def run(environment):
        found = []
        for _ in range(arguments.rounds):
            with launch.Running(command, work / "server.log", environment) as running:
                found.append(run_until_served(arguments.bin / "fairness", running.port))
                running.check()
        return summary(found)

    return launch.run_on_its_system(arguments, is_windows, run)


def table(found):
    """The table in Markdown."""
    lines = ["| server | messages until all were served | ms | served |", "|---|---:|---:|---:|"]
    for name, each in found.items():
        lines.append(f"| {name} | {each['messages']:,} | {each['milliseconds']:,} | "
                     f"{each['served']:,} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description="Counts the messages until 1,000 clients that "
                                                 "come at once have all had an answer.")
    launch.add_program_options(parser)
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="[3]")
    parser.add_argument("--windows", action="store_true", help="only the Windows programs")
    launch.add_server_choice(parser, SERVERS)
    arguments = parser.parse_args()
    launch.check_server_choice(parser, arguments.server, SERVERS)
    names = arguments.server or (ON_WINDOWS if arguments.windows else list(SERVERS))
    with tempfile.TemporaryDirectory() as work:
        found = {}
        for name in names:
            print(f"{name} ...", file=sys.stderr, flush=True)
            found[name] = measure(arguments, name, pathlib.Path(work))
    print(table(found))
    of_the_host = {name: each for name, each in found.items() if isinstance(SERVERS[name][1], dict)}
    for name, each in of_the_host.items():
        print(f"- {name}: {'holds' if holds(each) else 'does not hold'}")
    if arguments.json:
        arguments.json.write_text(
            json.dumps({name: {**each, "is_host": name in of_the_host, "holds": holds(each)}
                        for name, each in found.items()}, indent=1) + "\n", encoding="utf-8")
    return 0 if all(holds(each) for each in of_the_host.values()) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LaunchError as failure:
        print(f"admission: {failure}", file=sys.stderr)
        sys.exit(2)
