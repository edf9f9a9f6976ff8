"""What a comparison has found, read from its results: medians, ratios, what a server takes. Nothing
here measures or words."""
import math
import statistics

from harness import paired

from . import contestants, loads

# the range of so many holds their median with 94 %; of fewer nothing does with 95 %
ROUNDS_FOR_AN_INTERVAL = 5


class Findings:
    """`data` as compare.py writes it into results.json."""

    def __init__(self, data):
        self.data = data
        self.settings = data["settings"]
        self.machine = data["machine"]

    def systems(self):
        """Names of those that were measured."""
        return list(self.data["systems"])

    def of(self, system):
        return self.data["systems"][system]

    def loads(self, system, plugin=None, is_ping=None):
        """Those that were measured there, in their order."""
        measured = [load for load in loads.all_loads(self.of(system)["connections"])
                    if load.name in self.of(system)["loads"]]
        return [load for load in measured if plugin in (None, load.plugin)
                and is_ping in (None, load.name.startswith(f"{load.plugin}_"))]

    def pings(self, system, plugin):
        return self.loads(system, plugin, is_ping=True)

    def ping(self, system, plugin, connections):
        return next((load for load in self.pings(system, plugin)
                     if load.connections == connections), None)

    def most(self, system, plugin="echo"):
        """The load with the most connections."""
        return max(self.pings(system, plugin), key=lambda load: load.connections, default=None)

    def halves(self, system, load, name, figure):
        runs = load and self.of(system)["loads"].get(load.name, {}).get("runs", {}).get(name)
        return runs and [[run[figure] for run in halves] for halves in runs]

    def median(self, system, load, name, figure):
        """rate, p50_us, p99_us or cpu_us; None: was not measured."""
        halves = self.halves(system, load, name, figure)
        return statistics.median(value for each in halves for value in each) if halves else None

    def ratio(self, system, load, figure, name, other):
        """The one's figure over the other's, with its 95 % interval; from 0 to infinity where there
        were too few rounds to tell."""
        ours = self.halves(system, load, name, figure)
        theirs = self.halves(system, load, other, figure)
        if not ours or not theirs:
            return None
        found = paired.ratio(paired.log_ratios(ours, theirs))
        return (found if len(ours) >= ROUNDS_FOR_AN_INTERVAL
                else paired.Interval(found.middle, 0.0, math.inf))

    def opening_us(self, system, load, name):
        """Processor time of a connection that is opened, says one thing and is closed."""
        return load and self.of(system)["loads"].get(load.name, {}).get("opening_us", {}).get(name)

    def contestants(self, system, plugin):
        """Those that took part in any load."""
        taken = {name for load in self.loads(system, plugin)
                 for name in self.of(system)["loads"][load.name]["runs"]}
        taken |= set(self.of(system).get("attendance", {})) if plugin == "echo" else set()
        return [each for each in contestants.CONTESTANTS if each.name in taken]

    def attendance(self, system, name, connections):
        return self.of(system).get("attendance", {}).get(name, {}).get(str(connections))

    def attended(self, system):
        """The numbers of clients for which that was measured."""
        return sorted({int(count) for each in self.of(system).get("attendance", {}).values()
                       for count in each})

    def census(self, system, name, connections):
        """{"threads", "pss", "private", "addresses"} while they are served."""
        found = self.of(system).get("census", {}).get(name, {}).get(str(connections))
        return found and found["serving"]

    def counted(self, system):
        return sorted(
            {int(count) for each in self.of(system).get("census", {}).values() for count in each})

    def bytes_each(self, system, name, connections, kind="private"):
        """What a client adds."""
        found = self.of(system).get("census", {}).get(name, {}).get(str(connections))
        return found and (found["serving"][kind] - found["alone"][kind]) / connections

    def verdicts(self, system, other, figure):
        """Portico against another: ({load: interval} where it is better, where none can be told,
        where it is worse). Of the rate more is better, of the rest less."""
        better, equal, worse = {}, {}, {}
        for load in self.loads(system):
            interval = self.ratio(system, load, figure, "portico", other)
            if interval is None:
                continue
            is_above, is_below = interval.low > 1, interval.high < 1
            good, bad = (is_above, is_below) if figure == "rate" else (is_below, is_above)
            (better if good else worse if bad else equal)[load] = interval
        return better, equal, worse
