"""The findings of a comparison, read from its results: medians, ratios, each server's cost. This
module neither measures nor writes texts."""
import math
import statistics

from harness import paired

from . import contestants, loads

# The range of so many rounds holds their median with 94 %; no range of fewer does with 95 %.
ROUNDS_FOR_AN_INTERVAL = 5


class Findings:
    """`data`: the content of results.json, as compare.py writes it."""

    def __init__(self, data):
        self.data = data
        self.settings = data["settings"]
        self.machine = data["machine"]

    def systems(self):
        """The names of the measured systems."""
        return list(self.data["systems"])

    def of(self, system):
        return self.data["systems"][system]

    def loads(self, system, plugin=None, is_ping=None):
        """The loads that were measured there, in their order."""
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
        """rate, p50_us, p99_us or cpu_us; None if it was not measured."""
        halves = self.halves(system, load, name, figure)
        return statistics.median(value for each in halves for value in each) if halves else None

    def ratio(self, system, load, figure, name, other):
        """The one's figure over the other's, with its 95 % interval; the interval is from 0 to
        infinity if there were too few rounds."""
        ours = self.halves(system, load, name, figure)
        theirs = self.halves(system, load, other, figure)
        if not ours or not theirs:
            return None
        found = paired.ratio(paired.log_ratios(ours, theirs))
        return (found if len(ours) >= ROUNDS_FOR_AN_INTERVAL
                else paired.Interval(found.middle, 0.0, math.inf))

    def opening_us(self, system, load, name):
        """Processor time of a connection that is opened, sends one message and is closed."""
        return load and self.of(system)["loads"].get(load.name, {}).get("opening_us", {}).get(name)

    def contestants(self, system, plugin):
        """The contestants that took part in any load."""
        taken = {name for load in self.loads(system, plugin)
                 for name in self.of(system)["loads"][load.name]["runs"]}
        taken |= set(self.of(system).get("attendance", {})) if plugin == "echo" else set()
        return [each for each in contestants.CONTESTANTS if each.name in taken]

    def attendance(self, system, name, connections):
        return self.of(system).get("attendance", {}).get(name, {}).get(str(connections))

    def attended(self, system):
        """The numbers of clients for which attendance was measured."""
        return sorted({int(count) for each in self.of(system).get("attendance", {}).values()
                       for count in each})

    def census(self, system, name, connections):
        """{"threads", "pss", "private", "addresses"} while the clients are served."""
        found = self.of(system).get("census", {}).get(name, {}).get(str(connections))
        return found and found["serving"]

    def counted(self, system):
        return sorted(
            {int(count) for each in self.of(system).get("census", {}).values() for count in each})

    def bytes_each(self, system, name, connections, kind="private"):
        """The bytes that a client adds."""
        found = self.of(system).get("census", {}).get(name, {}).get(str(connections))
        return found and (found["serving"][kind] - found["alone"][kind]) / connections

    def verdicts(self, system, other, figure):
        """Portico against another server: ({load: interval} of the loads in which it is better,
        those that show no difference, those in which it is worse). For the rate more is better,
        otherwise less."""
        better, equal, worse = {}, {}, {}
        for load in self.loads(system):
            interval = self.ratio(system, load, figure, "portico", other)
            if interval is None:
                continue
            is_above, is_below = interval.low > 1, interval.high < 1
            good, bad = (is_above, is_below) if figure == "rate" else (is_below, is_above)
            (better if good else worse if bad else equal)[load] = interval
        return better, equal, worse
