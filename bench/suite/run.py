#!/usr/bin/python3
"""The benchmark: ./dev bench builds the programs and runs this. docs/results/benchmarks.md
describes the measurements, the method and the results.

Everything is measured one thing at a time, the server on one processor and the client on another.
The results are saved in results.json after each part.
"""
import argparse
import datetime
import json
import os
import pathlib
import signal
import sys

if not __package__:  # run as a script: the packages are in the folder above
    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
# pylint: disable=wrong-import-position
from harness import machine, processes, servers
from harness.machine import LOAD_MAX
from harness.processes import BenchError
from harness.progress import Progress
from suite import against_wrk, bars, behaviour, chart, client_itself, exact, placement
from suite import report, timed, wine
from suite.results import Results
from suite.scenarios import BY_NAME

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROUNDS, ROUNDS_QUICK = 21, 3


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./dev bench",
                                     description="Measures Portico beside other servers; writes "
                                                 "docs/results/benchmarks.md.")
    scenarios, names = [*BY_NAME, *OTHER_PARTS], [server.name for server in servers.SERVERS]
    parser.add_argument("--quick", action="store_true",
                        help=f"{ROUNDS_QUICK} rounds: to see that it works; the figures mean "
                             "nothing")
    parser.add_argument("--rounds", type=int, metavar="N",
                        help=f"pairs of runs in each scenario [{ROUNDS}]")
    parser.add_argument("--scenario", action="append", choices=scenarios, metavar="NAME",
                        help=f"only this one, and no docs; may be repeated: {', '.join(scenarios)}")
    parser.add_argument("--server", action="append", choices=names, metavar="NAME",
                        help=f"only this one, and no docs; may be repeated: {', '.join(names)}")
    parser.add_argument("--no-docs", action="store_true", help="leave docs/ alone")
    parser.add_argument("--resume", action="store_true",
                        help="go on with the last run, which stopped: what it has measured stays")
    parser.add_argument("--report", action="store_true",
                        help="measure nothing: write the docs from the last results again")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/bench", metavar="DIR",
                        help="where the programs are [build/bench]")
    return parser.parse_args()


class Run:
    """One run of the benchmark: its choices and its results."""

    def __init__(self, arguments):
        self.place = servers.Place(arguments.build / "bin", arguments.build / "work")
        self.is_quick = arguments.quick
        self.rounds = arguments.rounds or (ROUNDS_QUICK if arguments.quick else ROUNDS)
        self.rounds_of_others = 2 if arguments.quick else 7
        self.counted_turns = 1 if arguments.quick else 3
        self.rounds_of_wine = 1 if arguments.quick else 5
        self.windows = arguments.build.parent / "bench-windows"
        self.fairness_seconds = 2 if arguments.quick else 10
        self.rounds_of_placement = 1 if arguments.quick else 3
        self.placement_seconds = 1 if arguments.quick else 4
        self.servers = [server for server in servers.SERVERS if not arguments.server
                        or server.name in arguments.server]
        self.is_partial = bool(arguments.server or arguments.scenario)
        self.parts = arguments.scenario or [*BY_NAME, *OTHER_PARTS]
        self.file = arguments.build / "results.json"
        self.progress = Progress()
        self.data = {
            "machine": machine.description(arguments.build),
            "settings": {
                "date": datetime.date.today().isoformat(), "rounds": self.rounds,
                "is_quick": arguments.quick,
                "is_partial": self.is_partial},
            "timed": {},
        }
        if arguments.resume:
            if not self.file.exists():
                raise BenchError(f"there is no earlier run to go on with: no {self.file}")
            self.go_on_with(json.loads(self.file.read_text(encoding="utf-8")))

    def go_on_with(self, data):
        """Takes over what an earlier run has measured, with its settings."""
        if self.is_partial or data["settings"]["is_partial"]:
            raise BenchError("only a run of all scenarios and servers can go on")
        self.data = data
        self.rounds = data["settings"]["rounds"]
        self.parts = [part for part in self.parts if part not in {**data, **data["timed"]}]

    def contestants(self):
        """The chosen servers, and Portico once more."""
        again = ([servers.AGAIN] if any(server.name == "portico_epoll" for server in self.servers)
                 else [])
        return [*self.servers, *again]

    def each_server(self, measure):
        found = {}
        for server in self.servers:
            self.progress.step(server.name)
            found[server.name] = measure(server)
        return found

    def expect(self, part):
        """Notes roughly how many seconds a part takes."""
        count = len(self.servers)
        if part in BY_NAME:
            runs = ((2 * self.rounds + 2) * len(timed.entries_of(BY_NAME[part], self.contestants()))
                    + 2 * self.counted_turns * count)
            return runs * (timed.RUN_SECONDS + 0.05)
        return {"memory": 6 * count, "instructions": 15 * count,
                "neighbour": 7 * count * self.rounds_of_others,
                "slow_neighbour": 3 * count * self.rounds_of_others,
                "placement": 2 * self.rounds_of_placement * (self.placement_seconds + 3),
                "admission": (self.rounds_of_placement + 8) * count,
                "fairness": (self.fairness_seconds + 1) * count, "wrk": 5 * self.rounds_of_others,
                "dispatch": 15, "client": 13 * self.rounds_of_others + 20,
                "wine": 90 * self.rounds_of_wine if wine.can_measure(self.windows) else 1}[part]

    def all(self):
        minutes_before = self.data["settings"].get("minutes", 0)
        self.progress.expected = {part: self.expect(part) for part in self.parts}
        for part in self.parts:
            self.progress.begin(part)
            if part in BY_NAME:
                self.data["timed"][part] = timed.measure(
                    BY_NAME[part], self.contestants(), self.rounds, self.counted_turns, self.place,
                    self.progress.step)
            else:
                self.data[part] = OTHER_PARTS[part](self)
            self.progress.end()
            self.data["settings"]["minutes"] = minutes_before + self.progress.elapsed() / 60
            self.file.write_text(json.dumps(self.data, indent=1) + "\n", encoding="utf-8")


OTHER_PARTS = {
    "memory": lambda run: run.each_server(lambda server: exact.memory(run.place, server)),
    "instructions": lambda run: run.each_server(
        lambda server: exact.instructions(run.place, server)),
    "dispatch": lambda run: exact.dispatch_instructions(run.place),
    "neighbour": lambda run: run.each_server(
        lambda server: behaviour.neighbour(run.place, server, run.rounds_of_others,
                                           run.progress.step)),
    "slow_neighbour": lambda run: behaviour.slow_neighbour(
        run.place, run.servers, run.rounds_of_others, run.progress.step),
    "fairness": lambda run: run.each_server(
        lambda server: behaviour.fairness(run.place, server, run.fairness_seconds)),
    "placement": lambda run: {
        server.name: placement.rounds(
            run.place, server, run.rounds_of_placement, run.placement_seconds, run.progress.step)
        for server in run.servers if server.is_portico},
    "admission": lambda run: run.each_server(
        lambda server: behaviour.admission(run.place, server, run.rounds_of_placement)),
    "wrk": lambda run: against_wrk.measure(run.place, run.rounds_of_others, run.progress.step),
    "client": lambda run: client_itself.measure(run.place, run.rounds_of_others, run.progress.step),
    "wine": lambda run: wine.measure(run.place, run.windows, run.rounds_of_wine),
}


def prepare():
    if len(os.sched_getaffinity(0)) < 2:
        raise BenchError("two processors are needed: one for the server, one for the client")
    os.sched_setaffinity(0, {processes.CLIENT_CPU})  # the client inherits it
    limit = processes.raise_descriptor_limit()
    if limit < servers.CONNECTIONS_MAX + 100:
        raise BenchError(f"a process may have {limit} descriptors, and "
                         f"{servers.CONNECTIONS_MAX + 100} are needed: ulimit -Hn")


def write_docs(results):
    docs = ROOT / "docs" / "results"
    page = docs / "benchmarks.md"
    page.write_text(report.generate(results, page.read_text(encoding="utf-8")), encoding="utf-8")
    chart.draw(results, docs / "benchmarks.svg")
    print("written: docs/results/benchmarks.md, docs/results/benchmarks.svg")


def print_bars(results):
    missed = 0
    for bar in bars.all_bars(results):
        missed += not bar.is_met
        print(f"{'met   ' if bar.is_met else 'MISSED'}  {bar.text}: {bar.measured}")
    return missed


def main():
    arguments = parse_arguments()
    if arguments.report:
        data = json.loads((arguments.build / "results.json").read_text(encoding="utf-8"))
        results = Results(data)
        print_bars(results)
        write_docs(results)
        return 0
    prepare()
    run = Run(arguments)
    load = machine.load() if run.is_quick else machine.quiet_load(run.progress)
    run.data["settings"].setdefault("load_before", load)
    warning = (": other programs run, and timed figures will not be worth much" if load > LOAD_MAX
               else "")
    run.progress.print(f"load average {load:.2f}{warning}")
    run.all()
    results = Results(run.data)
    missed = print_bars(results)
    run.progress.print(f"results: {run.file}")
    if not arguments.no_docs and not run.is_partial:
        write_docs(results)
    return 1 if missed and not run.is_quick else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that its programs are ended
    try:
        sys.exit(main())
    except BenchError as error:
        print(f"\nbench: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
