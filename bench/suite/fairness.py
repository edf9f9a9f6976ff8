#!/usr/bin/env python3
"""Measures how fairly a server serves many connections: each of 256 always has one message of 64
bytes in flight for ten seconds, and then the most served is compared with the least served. It
measures the host on epoll and io_uring, and host.exe under Wine on both of its kinds of ports.

    bench/suite/fairness.py [--bin build/bench/bin] [--windows-bin build/bench-windows/bin]
                            [--json FILE] [SERVER...]
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

if not __package__:  # run as a script: the packages are in the folder above
    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
# pylint: disable=wrong-import-position
from harness import launch
from harness.launch import LaunchError

RATIO_MAX = 2.0

# The name; whether it is a Windows program; the host's section "io" or a program.
SERVERS = {
    "epoll": (False, {"backend": "epoll"}),
    "epoll, shared": (False, {"backend": "epoll", "ports": "shared"}),
    "epoll, 1 thread": (False, {"backend": "epoll", "threads": 1}),
    "io_uring": (False, {"backend": "io_uring"}),
    "io_uring, 1 thread": (False, {"backend": "io_uring", "threads": 1}),
    "iocp": (True, {}),
    "iocp, shared, 1 thread": (True, {"ports": "shared", "threads": 1}),
    "iocp, per_core": (True, {"ports": "per_core"}),
    "iocp, per_core, 1 thread": (True, {"ports": "per_core", "threads": 1}),
    "bare epoll loop": (False, "peer_bare_epoll"),
    "bare IOCP loop": (True, "peer_bare_iocp"),
    "Asio, IOCP": (True, "peer_asio_iocp"),
}


def served(arguments, port):
    """{"messages", "least", "most"}, as counted by the program of that name, which checks each
    reply."""
    command = [arguments.bin / "fairness", str(port), str(arguments.connections),
               str(arguments.seconds)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=arguments.seconds + 60, check=False)
    if done.returncode != 0:
        raise LaunchError(done.stderr.strip() or f"{command[0]} has ended with {done.returncode}")
    return {name: int(value) for name, value in (line.split() for line in done.stdout.splitlines())}


def measure(arguments, name, work):
    """{"messages", "least", "most", "ratio"}"""
    is_windows, what = SERVERS[name]
    command = launch.server_command(arguments, is_windows, what, work)

    def run(environment):
        with launch.Running(command, work / "server.log", environment) as running:
            found = served(arguments, running.port)
            running.check()
        return found

    found = launch.run_on_its_system(arguments, is_windows, run)
    return {**found, "ratio": found["most"] / found["least"] if found["least"] else None}


def holds(found):
    return found["ratio"] is not None and found["ratio"] <= RATIO_MAX


def table(found):
    """The table in Markdown."""
    lines = ["| server | messages | least served | most served | ratio |", "|---|---|---|---|---|"]
    for name, each in found.items():
        ratio = f"{each['ratio']:.2f}" if each["ratio"] else "-"
        lines.append(
            f"| {name} | {each['messages']} | {each['least']} | {each['most']} | {ratio} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(
        description="Compares the most with the least served of many connections.")
    launch.add_program_options(parser)
    parser.add_argument("--connections", type=int, default=256, metavar="N", help="[256]")
    parser.add_argument("--seconds", type=int, default=10, metavar="S", help="[10]")
    launch.add_server_choice(parser, SERVERS)
    arguments = parser.parse_args()
    launch.check_server_choice(parser, arguments.server, SERVERS)
    with tempfile.TemporaryDirectory() as work:
        found = {}
        for name in SERVERS:
            if not arguments.server or name in arguments.server:
                print(f"{name} ...", file=sys.stderr, flush=True)
                found[name] = measure(arguments, name, pathlib.Path(work))
    print(table(found))
    of_the_host = {name: each for name, each in found.items() if isinstance(SERVERS[name][1], dict)}
    for name, each in of_the_host.items():
        print(f"{'' if name != next(iter(of_the_host)) else chr(10)}- {name}: "
              f"{'holds' if holds(each) else 'does not hold'}")
    if arguments.json:
        arguments.json.write_text(
            json.dumps({name: {**each, "holds": holds(each)} for name, each in found.items()},
                       indent=1) + "\n", encoding="utf-8")
    return 0 if all(holds(each) for each in of_the_host.values()) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LaunchError as failure:
        print(f"fairness: {failure}", file=sys.stderr)
        sys.exit(2)
