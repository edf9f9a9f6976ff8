#!/usr/bin/env python3
"""Measures what the admin endpoint costs: how long a scrape takes with 100 listeners and 10,000
connections, and how much longer another listener's messages take while 1,000 slow clients and ten
scrapes a second are on the endpoint. ./dev build --preset bench builds the programs.

    bench/suite/admin.py [--bin build/bench/bin] [--rounds N] [--scrapes N]

The host has a worker of its own for the endpoint, on the processor of its other one. The slow
clients send a byte a second, and come again when they have been cut. They and the load's client
share a processor too, so the bar is for the ratio to the p99 while the same clients are on the
endpoint of another host.
"""
import argparse
import contextlib
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile

if not __package__:  # run as a script: the packages are in the folder above
    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
# pylint: disable=wrong-import-position
from harness import client, launch, paired, processes, servers
from harness.processes import BenchError, Running, free_ports
from harness.scraper import Scraper

SCRAPE_SECONDS_MAX = 0.005
P99_RATIO_MAX = 1.10
LISTENERS = 100
CONNECTIONS = 10_000
SLOW_CLIENTS = 1_000
LOAD = ["--size", "64", "--connections", "64", "--rate", "5000", "--duration", "2"]
SERVERS = [server for server in servers.SERVERS if server.is_portico]


def start(server, listeners, place, name):
    """A host with an endpoint; returns it, and the ports of the endpoint and of each listener."""
    ports = free_ports(listeners + 1)
    file = place.work / f"{server.name}_{name}.json"
    file.write_text(json.dumps({
        "io": {"backend": server.backend, "threads": 1},
        "plugin_directory": str((place.programs / "plugins").resolve()),
        "listeners": [{"name": f"bench{number}", "listen": f"127.0.0.1:{port}", "plugin": "echo",
                       "settings": {"print": False}, "limits": {"connections": CONNECTIONS}}
                      for number, port in enumerate(ports[1:])],
        "admin": {"listen": f"127.0.0.1:{ports[0]}"},
        "log": {"level": "error"},
    }, indent=1) + "\n", encoding="utf-8")
    running = Running(f"{server.name}, {name}",
                      [place.programs / server.program, "--config", file], ports[1],
                      place.work / f"{server.name}_{name}.log")
    return running, ports


def scrape_times(server, place, scrapes):
    """(seconds, bytes) of each, with CONNECTIONS open connections over LISTENERS listeners."""
    running, ports = start(server, LISTENERS, place, "scraped")
    with running, contextlib.ExitStack() as stack:
        before = running.descriptors()
        for number in range(CONNECTIONS):
            stack.enter_context(
                socket.create_connection(("127.0.0.1", ports[1 + number % LISTENERS]), timeout=20))
        processes.until(lambda: running.descriptors() >= before + CONNECTIONS,
                        f"{running.name} has not accepted all", 30)
        scraper = Scraper(ports[0])
        scraper.scrape()
        return [scraper.scrape() for _ in range(scrapes)]


@contextlib.contextmanager
def beside(program, *arguments):
    """A program of the harness meanwhile."""
    script = pathlib.Path(processes.__file__).with_name(program)
    with subprocess.Popen([sys.executable, str(script), *map(str, arguments)],
                          stdout=subprocess.PIPE, text=True) as process:
        try:
            if process.stdout.readline().strip() != "open":
                raise BenchError(f"{program} could not begin")
            yield
            if process.poll() is not None:
                raise BenchError(f"{program} has ended with {process.returncode}")
        finally:
            process.kill()


def p99(place, running):
    return client.run(place, running.port, LOAD)["latency_p99_us"]


def p99_rounds(server, place, rounds):
    """{"alone", "beside", "elsewhere"}: microseconds, two figures a round. "elsewhere": the same
    clients are on the endpoint of another host, on the same processors."""
    def with_clients(port):
        with beside("slow_clients.py", port, SLOW_CLIENTS), beside("scraper.py", port):
            return p99(place, running)

    running, ports = start(server, 1, place, "measured")
    with running:
        other, other_ports = start(server, 1, place, "other")
        with other:
            ways = {"alone": lambda: p99(place, running),
                    "beside": lambda: with_clients(ports[0]),
                    "elsewhere": lambda: with_clients(other_ports[0])}
            p99(place, running)
            return paired.rounds(ways, range(rounds), lambda way: ways[way]())


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, default=launch.ROOT / "build/bench/bin",
                        metavar="DIR", help="host, client, plugins/ [build/bench/bin]")
    parser.add_argument("--rounds", type=int, default=9, metavar="N", help="[9]")
    parser.add_argument("--scrapes", type=int, default=200, metavar="N", help="[200]")
    arguments = parser.parse_args()
    processes.raise_descriptor_limit()
    os.sched_setaffinity(0, {processes.CLIENT_CPU})  # the clients inherit it
    is_met = True
    try:
        with tempfile.TemporaryDirectory() as work:
            place = servers.Place(arguments.bin, pathlib.Path(work))
            for server in SERVERS:
                found = scrape_times(server, place, arguments.scrapes)
                seconds = sorted(each for each, _ in found)
                middle = statistics.median(seconds)
                is_met = is_met and middle <= SCRAPE_SECONDS_MAX
                print(f"{server.title}: a scrape of {found[0][1]} bytes takes {middle * 1e3:.2f} ms"
                      f" ({seconds[0] * 1e3:.2f} to {seconds[-1] * 1e3:.2f}, "
                      f"p90 {seconds[len(seconds) * 9 // 10] * 1e3:.2f})", flush=True)
                runs = p99_rounds(server, place, arguments.rounds)
                print(f"{server.title}: p99 beside {SLOW_CLIENTS} slow clients and ten scrapes a "
                      f"second:", flush=True)
                for way, what in (("elsewhere", "if they are another host's"),
                                  ("alone", "without them")):
                    ratio = paired.ratio(paired.log_ratios(runs["beside"], runs[way]))
                    middle = statistics.median(sum(runs[way], []))
                    print(f"    {ratio.middle:.3f} ({ratio.low:.3f} to {ratio.high:.3f}) of the "
                          f"{middle:.0f} us {what}", flush=True)
                    is_met = is_met and (way == "alone" or ratio.middle <= P99_RATIO_MAX)
    except BenchError as error:
        sys.exit(f"admin: {error}")
    print("met" if is_met else f"not met: at most {SCRAPE_SECONDS_MAX * 1e3:.0f} ms and "
                               f"{P99_RATIO_MAX} times")
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
