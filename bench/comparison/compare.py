#!/usr/bin/python3
"""The comparison with the article's servers: ./dev compare builds the programs and runs this.
docs/results/comparison.md describes the measurements, the method and the results.

Everything is measured one thing at a time, the server on one half of the processors and the client
on the other.
"""
import argparse
import contextlib
import dataclasses
import datetime
import json
import math
import os
import pathlib
import shutil
import signal
import sys

if not __package__:  # run as a script: the packages are in the folder above
    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])
# pylint: disable=wrong-import-position
from comparison import contestants, html, loads, markdown, measure, story
from comparison.findings import Findings
from comparison.measure import Limits
from harness import launch, machine, processes
from harness.machine import LOAD_MAX
from harness.processes import BenchError
from harness.progress import Progress
from harness.servers import Place

ROOT = pathlib.Path(__file__).resolve().parents[2]
SYSTEMS = {"linux": "Linux", "wine": "Windows programs under Wine"}
LIMITS = {"linux": Limits(rounds=7, openings=3, run_seconds=0.4, load_seconds=18),
          "wine": Limits(rounds=6, openings=1, run_seconds=0.4, load_seconds=30)}
LIMITS_QUICK = Limits(rounds=2, openings=1, run_seconds=0.15, load_seconds=5)
DESCRIPTORS_SPARE = 100


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="./dev compare", description="Measures the article's servers and Portico under the "
                                          "same load, on Linux and under Wine (about 10 minutes, "
                                          "on a machine that does nothing else), and writes "
                                          "docs/results/comparison.md and "
                                          "docs/results/comparison.html.")
    which = parser.add_mutually_exclusive_group()
    parser.add_argument("--quick", action="store_true",
                        help="one to two minutes, fewer connections, rounds and seconds: to see "
                             "that it works; its figures mean little")
    which.add_argument("--native-only", action="store_true",
                       help="without Wine: neither built nor run; the article's IOCP server is "
                            "missing then")
    which.add_argument("--windows-only", action="store_true",
                       help="only the Windows programs under Wine, under load from the client of "
                            "Linux")
    parser.add_argument("--connections", type=numbers, metavar="N,...",
                        help=f"instead of {commas(loads.CONNECTIONS)}")
    parser.add_argument("--rounds", type=int, metavar="N",
                        help=f"pairs of runs of each load, at most [{LIMITS['linux'].rounds}; "
                             f"under Wine {LIMITS['wine'].rounds}]")
    parser.add_argument("--output", type=pathlib.Path, metavar="DIR",
                        help="where comparison.md and comparison.html go [docs when all is "
                             "measured, else build/compare]")
    parser.add_argument("--report", action="store_true",
                        help="measure nothing: write the pages from the last results again")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build", metavar="DIR",
                        help="where bench/ and bench-windows/ are, and results.json goes, in "
                             "compare/ [build]")
    arguments = parser.parse_args()
    if arguments.rounds is not None and arguments.rounds < 1:
        parser.error("--rounds takes 1 or more")
    return arguments


def numbers(text):
    try:
        values = sorted({int(word) for word in text.split(",")})
    except ValueError:
        values = [0]
    if values[0] < 1 or values[-1] > 10_000:
        raise argparse.ArgumentTypeError(f"\"{text}\" is no list of numbers from 1 to 10000")
    return tuple(values)


def commas(values):
    return ",".join(str(value) for value in values)


class Run:
    """One run of the comparison: its choices and its results."""

    def __init__(self, arguments, processors):
        self.build = arguments.build
        self.work = arguments.build / "compare/work"
        self.file = arguments.build / "compare/results.json"
        self.place = Place(arguments.build / "bench/bin", self.work)
        self.is_quick = arguments.quick
        self.names = [name for name in SYSTEMS if name == "linux" and not arguments.windows_only
                      or name == "wine" and not arguments.native_only]
        self.connections = (arguments.connections
                            or (loads.CONNECTIONS_QUICK if arguments.quick else loads.CONNECTIONS))
        self.rounds = arguments.rounds
        self.processors = processors
        self.progress = Progress()
        self.data = {
            "machine": machine_description(arguments.build, self.names),
            "settings": {
                "date": datetime.date.today().isoformat(), "is_quick": arguments.quick,
                "load_before": machine.load(),
                "server_processors": len(processors),
                "is_whole": len(self.names) == len(SYSTEMS) and not arguments.connections},
            "systems": {},
        }

    def limits(self, name):
        limits = LIMITS_QUICK if self.is_quick else LIMITS[name]
        return (dataclasses.replace(limits, rounds=self.rounds, load_seconds=math.inf)
                if self.rounds else limits)

    def timed(self, name):
        """Numbers of connections."""
        most = (math.inf if name == "linux" else loads.TIMED_MAX_UNDER_WINE_QUICK if self.is_quick
                else loads.TIMED_MAX_UNDER_WINE)
        return [count for count in self.connections if count <= most] or [self.connections[0]]

    def expect(self):
        """Notes roughly how many seconds each part takes."""
        expected = {}
        for name in self.names:
            limits = self.limits(name)
            for load in loads.all_loads(self.timed(name)):
                opening = load.connections / (500 if name == "wine" else 5000)
                one_run = limits.run_seconds + 0.2 + 2.5 * opening
                each = limits.openings * (opening + 0.1) + 2 * limits.rounds * one_run
                expected[self.part(name, load.name)] = min(len(self.takers(name, load)) * each,
                                                           limits.load_seconds + 5)
            each = sum(1.5 + count / (300 if name == "wine" else 2000)
                       for count in self.connections) * len(contestants.on(name, "echo"))
            expected[self.part(name, "who is served")] = each
            expected[self.part(name, "threads and memory")] = each
        return expected

    @staticmethod
    def part(name, what):
        return f"{SYSTEMS[name]}, {what}"

    @staticmethod
    def takers(name, load):
        return [each for each in contestants.on(name, load.plugin) if load.takes(each)]

    def all(self):
        self.progress.expected = self.expect()
        for name in self.names:
            with contextlib.ExitStack() as stack:
                self.measure(stack.enter_context(self.system(name)))
        self.data["settings"]["minutes"] = self.progress.elapsed() / 60

    @contextlib.contextmanager
    def system(self, name):
        """The environment of servers on a system: for Wine, a server of our own, on the servers'
        processors, which counts as a part of them."""
        self.work.mkdir(parents=True, exist_ok=True)
        if name == "linux":
            yield contestants.System(name, SYSTEMS[name], self.build / "bench/bin", self.work,
                                     self.processors)
            return
        with launch.WineServer(self.build / "compare/wineprefix") as wine:
            os.sched_setaffinity(wine.process.pid, self.processors)
            yield contestants.System(name, SYSTEMS[name], self.build / "bench-windows/bin",
                                     self.work, self.processors,
                                     wine.environment, wine.process.pid)

    def measure(self, system):
        found = self.data["systems"][system.name] = {
            "title": system.title, "backend": measure.backend(system),
            "connections": self.timed(system.name),
            "seconds": self.limits(system.name).run_seconds, "loads": {}, "attendance": {},
            "census": {}}
        for load in loads.all_loads(self.timed(system.name)):
            with self.timing(self.part(system.name, load.name)):
                found["loads"][load.name] = measure.rounds(
                    self.place, system, load, self.takers(system.name, load),
                    self.limits(system.name), self.progress.step)
        with self.timing(self.part(system.name, "who is served")):
            found["attendance"] = self.for_each(
                system, lambda each, count: measure.attendance(self.place, system, each, count))
        with self.timing(self.part(system.name, "threads and memory")):
            found["census"] = self.for_each(system,
                                            lambda each, count: measure.census(system, each, count)
                                            if each.is_for_all or count == 1 else None)

    def for_each(self, system, measured):
        """{contestant: {connections: the result of `measure`}}"""
        found = {}
        for each in contestants.on(system.name, "echo"):
            found[each.name] = {}
            for count in self.connections:
                self.progress.step(f"{each.title}, {count}")
                found[each.name][str(count)] = measured(each, count)
        return found

    @contextlib.contextmanager
    def timing(self, part):
        """Saves the results after each part."""
        self.progress.begin(part)
        yield
        self.progress.end()
        self.file.write_text(json.dumps(self.data, indent=1) + "\n", encoding="utf-8")


def machine_description(build, names):
    """The properties of the machine that matter here."""
    described = machine.description(build / "bench")
    chosen = {name: described[name] for name in ("Processor", "Processors", "Virtual", "Kernel",
                                                 "Compiler", "Build", "Commit")}
    if "wine" in names:
        chosen["Wine"] = machine.output_of("wine", "--version") or "unknown"
    return chosen


def halves_of_the_processors():
    """(servers', client's)"""
    all_of_them = sorted(os.sched_getaffinity(0))
    if len(all_of_them) < 2:
        raise BenchError("two processors are needed: one for the server, one for the client")
    middle = math.ceil(len(all_of_them) / 2)
    return frozenset(all_of_them[:middle]), frozenset(all_of_them[middle:])


def prepare(arguments):
    if not arguments.native_only and shutil.which("wine") is None:
        raise BenchError("there is no wine; --native-only goes without")
    servers, clients = halves_of_the_processors()
    os.sched_setaffinity(0, clients)  # the client inherits it
    wanted = max(arguments.connections or loads.CONNECTIONS) + DESCRIPTORS_SPARE
    limit = processes.raise_descriptor_limit()
    if limit < wanted:
        raise BenchError(f"a process may have {limit} descriptors, and {wanted} are needed: "
                         "ulimit -Hn")
    return servers


def write_pages(data, folder):
    folder.mkdir(parents=True, exist_ok=True)
    page = story.page(Findings(data))
    for name, written in (("comparison.md", markdown.written(page)),
                          ("comparison.html", html.written(page))):
        (folder / name).write_text(written, encoding="utf-8")
        print(f"written: {folder / name}")


def output_folder(arguments, settings):
    """The folder of the docs for a full run, otherwise one of the build."""
    if arguments.output:
        return arguments.output
    return (ROOT / "docs" / "results" if settings["is_whole"] and not settings["is_quick"]
            else arguments.build / "compare")


def main():
    arguments = parse_arguments()
    file = arguments.build / "compare/results.json"
    if arguments.report:
        if not file.exists():
            raise BenchError(f"{file} is missing: nothing has been measured yet")
        data = json.loads(file.read_text(encoding="utf-8"))
    else:
        run = Run(arguments, prepare(arguments))
        load = machine.load() if run.is_quick else machine.quiet_load(run.progress)
        run.data["settings"]["load_before"] = load
        warning = (": other programs run, and timed figures will not be worth much"
                   if load > LOAD_MAX else "")
        run.progress.print(f"load average {load:.2f}{warning}")
        run.all()
        data = run.data
        file.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
        run.progress.print(f"results: {file}")
    write_pages(data, output_folder(arguments, data["settings"]))
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that its programs are ended
    try:
        sys.exit(main())
    except (BenchError, launch.LaunchError) as error:
        print(f"\ncompare: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
