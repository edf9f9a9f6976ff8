#!/usr/bin/python3
"""examples/tcp_proxy beside HAProxy in TCP mode: processor time for each message, and what 10,000
connections leave behind. ./dev build --preset bench builds the programs.

The proxies run on one processor, one at a time; the client and the server behind the proxy share
the other. Only the proxy's processor time counts.
"""
import argparse
import contextlib
import json
import os
import pathlib
import shutil
import sys

if not __package__:  # run as a script: the packages are in the folder above
    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
# pylint: disable=wrong-import-position
from harness import client, paired, processes, servers
from harness.processes import BenchError, Running, free_port, until
from harness.progress import told_rounds

LOAD = ["--size", "64", "--connections", "64", "--depth", "1"]
COUNT = 1_000  # messages of each connection in a run
CHURN_CONNECTIONS = 10_000
HAPROXY = "haproxy"
PORTICO = ("portico_epoll", "portico_uring")

HAPROXY_CONFIGURATION = """global
    nbthread 1
    maxconn 4000
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend bench
    bind 127.0.0.1:{port}
    default_backend echo
backend echo
    server echo 127.0.0.1:{upstream}
"""


def portico_configuration(backend, port, upstream, place):
    return {
        "io": {"backend": backend, "ports": "per_core", "threads": 1},
        "plugin_directory": str((place.programs / "plugins").resolve()),
        "listeners": [{
            "name": "bench", "listen": f"127.0.0.1:{port}", "plugin": "tcp_proxy",
            "settings": {"upstream": "echo"},
            "upstreams": {"echo": {"address": f"127.0.0.1:{upstream}",
                                   "limits": {"connections": 4000}}},
            "limits": {"connections": 4000}}],
        "log": {"level": "warn"},
    }


def start(name, upstream, place):
    """A proxy in front of the server at port `upstream`."""
    port = free_port()
    place.work.mkdir(parents=True, exist_ok=True)
    if name == HAPROXY:
        program = shutil.which("haproxy") or "/usr/sbin/haproxy"
        if not pathlib.Path(program).exists():
            raise BenchError("haproxy is missing: apt install haproxy")
        file = place.work / "haproxy.cfg"
        file.write_text(HAPROXY_CONFIGURATION.format(port=port, upstream=upstream),
                        encoding="utf-8")
        command = [program, "-db", "-f", file]
    else:
        file = place.work / f"proxy_{name}.json"
        file.write_text(json.dumps(portico_configuration(
            servers.BY_NAME[name].backend, port, upstream, place), indent=1) + "\n",
            encoding="utf-8")
        command = [place.programs / "host", "--config", file]
    return Running(f"proxy {name}", command, port, place.work / f"proxy_{name}.log")


def one_run(place, running):
    before = running.cpu_ns_at_rest()
    messages = client.run(place, running.port, [*LOAD, "--count", str(COUNT)])["received"]
    return (running.cpu_ns_at_rest() - before) / messages


def cpu_rounds(place, started, rounds, progress):
    """{proxy: [[first half, second half] of each round]}, nanoseconds a message."""
    for running in started.values():
        one_run(place, running)
    return paired.rounds(started, told_rounds(range(rounds), rounds, progress),
                         lambda name: one_run(place, started[name]))


def left_behind(place, running):
    """Descriptors and memory before and after CHURN_CONNECTIONS connections, each with one
    message. The first ones warm it."""
    def churn(connections):
        client.run(place, running.port, ["--size", "64", "--connections", "64",
                                         "--messages-per-connection", "1",
                                         "--count", str(connections // 64)])

    churn(CHURN_CONNECTIONS)
    before = {"descriptors": running.descriptors(), "memory": running.memory_bytes()}
    churn(CHURN_CONNECTIONS)
    until(lambda: running.descriptors() <= before["descriptors"],
          f"{running.name} keeps descriptors", 10)
    return {"before": before, "after": {"descriptors": running.descriptors(),
                                        "memory": running.memory_bytes()}}


def measure(place, rounds, progress):
    with contextlib.ExitStack() as stack:
        # On the client's processor: it is no part of what is compared.
        echo = stack.enter_context(Running(
            "echo", [place.programs / "peers/peer_bare_epoll", "--port", port := free_port(),
                     "--mode", "echo"], port, place.work / "proxied_echo.log",
            processors=(processes.CLIENT_CPU,)))
        started = {name: stack.enter_context(start(name, echo.port, place))
                   for name in (HAPROXY, *PORTICO)}
        runs = cpu_rounds(place, started, rounds, progress)
        left = {}
        for name in PORTICO:
            progress(f"connects and closes, {name}")
            left[name] = left_behind(place, started[name])
        return {"cpu_ns": runs, "left": left}


def print_findings(found):
    theirs = found["cpu_ns"][HAPROXY]
    middle = sorted(sum(pair) / 2 for pair in theirs)[len(theirs) // 2]
    print(f"haproxy        {middle:8.0f} ns a message")
    for name in PORTICO:
        ratio = paired.ratio(paired.log_ratios(found["cpu_ns"][name], theirs))
        print(f"{name:14} {ratio.middle:.3f} ({ratio.low:.3f} to {ratio.high:.3f}) of haproxy")
        before, after = found["left"][name]["before"], found["left"][name]["after"]
        print(f"{'':14} through {CHURN_CONNECTIONS} connects and closes: "
              f"{after['descriptors'] - before['descriptors']:+} descriptors, "
              f"{(after['memory'] - before['memory']) / 1024:+.0f} KiB")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--build", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parents[2] / "build/bench")
    arguments = parser.parse_args()
    place = servers.Place(arguments.build / "bin", arguments.build / "work")
    os.sched_setaffinity(0, {processes.CLIENT_CPU})  # the client inherits it
    print_findings(measure(place, arguments.rounds, lambda step: print(step, file=sys.stderr)))


if __name__ == "__main__":
    try:
        main()
    except BenchError as error:
        print(f"proxying: {error}", file=sys.stderr)
        sys.exit(1)
