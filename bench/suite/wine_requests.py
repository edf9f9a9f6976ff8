#!/usr/bin/env python3
"""Counts the cost of an echoed message under Wine: the requests that the server makes to the Wine
server, which stand for calls into the kernel. They are counted in the Wine server's own log, only
those of the measured process, for N and for 2 N messages of 64 bytes on each connection, one in
flight at a time. The difference belongs to the messages, without the cost of starting, connecting
and closing. The client is a Linux program and makes none.

    bench/suite/wine_requests.py [--bin build/bench-windows/bin] [--client build/bench/bin/client]
                                 [--json FILE] [SERVER...]

The log slows all servers down, so the client has often answered before its server receives again:
such a receive completes in the call, and costs half as much as one that waits at the port. How many
do depends on the machine, so the servers are compared in the same run.
"""
import argparse
import collections
import contextlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time

if not __package__:  # run as a script: the packages are in the folder above
    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
# pylint: disable=wrong-import-position
from harness import launch
from harness.launch import LaunchError

BARE = "bare loop"
SLACK = 0.5  # requests a message that the host may need beyond the bare loop

# The name; the host's section "io", or a program.
SERVERS = {
    "host, 1 thread": {"ports": "per_core", "threads": 1},
    "host, shared": {"ports": "shared"},
    "host, per_core": {"ports": "per_core"},
    BARE: "peer_bare_iocp",
    "Asio": "peer_asio_iocp",
    "article's port": "baseline_article_iocp",
    "thread for each client": "baseline_thread_per_client",
}
# Connections, and the messages on each in the shorter run.
CONNECTIONS = {1: 500, 32: 60}

# A request; the first request of a process; the answer to a thread that has made another one of its
# process.
LINE = re.compile(rb"^([0-9a-f]{4,8}): (?:(\w+)\( (?:unix_pid=(\d+))?|new_thread\(\) = 0 \{ "
                  rb"tid=([0-9a-f]+))", re.M)


class RequestLog:
    """The Wine server's log, read as it grows."""

    def __init__(self, path):
        self.file = open(path, "rb")
        self.rest = b""
        self.processes = {}  # for each thread, its process's id in the system

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def read(self, process):
        """The requests of this process since the last read: {request: times}."""
        text = self.rest + self.file.read()
        end = text.rfind(b"\n") + 1
        text, self.rest = text[:end], text[end:]
        found = collections.Counter()
        for thread, request, pid, made in LINE.findall(text):
            if pid:
                self.processes[thread] = int(pid)
            if made:
                self.processes[made] = self.processes.get(thread)
            elif self.processes.get(thread) == process:
                found[request.decode()] += 1
        return found

    def read_until_still(self, process, still_seconds=0.2, seconds=20):
        """The same, after it has made no request for a while."""
        found = collections.Counter()
        deadline = time.monotonic() + seconds
        last = time.monotonic()
        while time.monotonic() < min(deadline, last + still_seconds):
            more = self.read(process)
            if more:
                found += more
                last = time.monotonic()
            time.sleep(0.02)
        return found


def run_client(client, port, connections, count):
    """Runs the client; returns the number of messages that came back."""
    command = [str(client), "127.0.0.1", str(port), "--size", "64", "--depth", "1",
               "--connections", str(connections), "--count", str(count)]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=300, check=False)
    except subprocess.TimeoutExpired:
        raise LaunchError(f"{' '.join(command)} does not end") from None
    received = re.search(r"^received +(\d+)", done.stdout, re.M)
    if done.returncode != 0 or not received or int(received.group(1)) != connections * count:
        raise LaunchError(f"{' '.join(command)} has ended with "
                          f"{done.returncode}:\n{done.stdout}{done.stderr}")
    return connections * count


class Measurement:
    """One run of this script. All servers run at the same time, and take turns in each round, so
    that other load on the machine affects them alike."""

    def __init__(self, arguments, work, requests):
        self.programs, self.client, self.rounds = arguments.bin, arguments.client, arguments.rounds
        self.work, self.requests = work, requests

    def command(self, name):
        what = SERVERS[name]
        if isinstance(what, dict):
            return launch.host_command(self.programs, what, self.work / f"{name}.json")
        return [self.programs / "peers" / f"{what}.exe"]

    def counted(self, server, connections, count):
        """({request: times}, messages) of one run of the client."""
        self.requests.read_until_still(server.pid)
        messages = run_client(self.client, server.port, connections, count)
        found = self.requests.read_until_still(server.pid)
        server.check()
        return found, messages

    def all(self, names, environment):
        """{server: {connections: {"all": requests a message, "select": ..., ...}}}"""
        found = {name: {} for name in names}
        with contextlib.ExitStack() as stack:
            servers = {
                name: stack.enter_context(
                    launch.Running(self.command(name), self.work / f"{name}.log", environment))
                for name in names}
            for connections, count in CONNECTIONS.items():
                more = {name: collections.Counter() for name in names}
                messages = collections.Counter()
                for number in range(self.rounds + 1):
                    for name, server in servers.items():
                        print(f"{connections} connections, round {number} of {self.rounds}: {name}",
                              file=sys.stderr, flush=True)
                        once, fewer = self.counted(server, connections, count)
                        twice, many = self.counted(server, connections, 2 * count)
                        if number == 0:
                            continue  # a first round, so that everything that is made once exists
                        more[name].update(twice)
                        more[name].subtract(once)
                        messages[name] += many - fewer
                for name in names:
                    each = {request: times / messages[name]
                            for request, times in more[name].most_common() if times != 0}
                    found[name][connections] = {"all": sum(each.values()), **each}
        return found


def verdicts(found):
    """[(server, connections, requests, the limit, whether it is kept)]"""
    return [(name, connections, each[connections]["all"], found[BARE][connections]["all"] + SLACK,
             each[connections]["all"] <= found[BARE][connections]["all"] + SLACK)
            for name, each in found.items() if name.startswith("host") and BARE in found
            for connections in each]


def connections_text(count):
    return f"{count} connection{'s' * (count != 1)}"


def table(found):
    """The table in Markdown."""
    lines = ["| server | " + " | ".join(map(connections_text, CONNECTIONS)) + " |",
             "|---|" + "---|" * len(CONNECTIONS)]
    for name, each in found.items():
        lines.append(f"| {name} | "
                     + " | ".join(f"{each[count]['all']:.1f}" for count in CONNECTIONS) + " |")
    shown = [name for name in found if name.startswith("host") or name == BARE]
    for count in CONNECTIONS:
        most = {}
        for name in shown:
            for request, times in found[name][count].items():
                most[request] = max(times, most.get(request, times))
        requests = sorted((request for request, times in most.items() if request != "all"
                           and times >= 0.01), key=lambda request: -most[request])
        lines += ["", f"| request, {connections_text(count)} | " + " | ".join(shown) + " |",
                  "|---|" + "---|" * len(shown)]
        for request in requests:
            lines.append(f"| {request} | " + " | ".join(f"{found[name][count].get(request, 0):.2f}"
                                                        for name in shown) + " |")
    lines.append("")
    for name, count, requests, most, holds in verdicts(found):
        verdict = "holds" if holds else "does not hold"
        lines.append(f"- {name}, {connections_text(count)}: {requests:.2f}, at most {most:.2f}: "
                     f"{verdict}")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(
        description="Counts the requests to the Wine server for each echoed message.")
    parser.add_argument("--bin", type=pathlib.Path, default=launch.ROOT / "build/bench-windows/bin",
                        metavar="DIR",
                        help="host.exe, plugins/ and peers/ [build/bench-windows/bin]")
    parser.add_argument("--client", type=pathlib.Path,
                        default=launch.ROOT / "build/bench/bin/client", metavar="FILE",
                        help="the client, of Linux [build/bench/bin/client]")
    parser.add_argument("--prefix", type=pathlib.Path,
                        default=launch.ROOT / "build/bench-windows/wineprefix", metavar="DIR",
                        help="Wine's; nothing else may run in it meanwhile "
                             "[build/bench-windows/wineprefix]")
    parser.add_argument("--rounds", type=int, default=5, metavar="N",
                        help="pairs of runs for each figure [5]")
    launch.add_server_choice(parser, SERVERS)
    arguments = parser.parse_args()
    launch.check_server_choice(parser, arguments.server, SERVERS)
    if not arguments.client.exists():
        raise LaunchError(f"{arguments.client} is missing")
    names = [name for name in SERVERS if not arguments.server or name in arguments.server]
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        log = work / "requests"
        with launch.WineServer(arguments.prefix, log) as wine, RequestLog(log) as requests:
            found = Measurement(arguments, work, requests).all(names, wine.environment)
    print(table(found))
    if arguments.json:
        result = {"requests": found, "verdicts": [
            {"server": name, "connections": count, "requests": requests, "most": most,
             "holds": holds}
            for name, count, requests, most, holds in verdicts(found)]}
        arguments.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0 if all(holds for *_, holds in verdicts(found)) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LaunchError as failure:
        print(f"wine_requests: {failure}", file=sys.stderr)
        sys.exit(2)
