"""The findings of a run, read from the results: ratios and medians. This module measures
nothing."""
import statistics

from harness import paired, servers
from suite.scenarios import SCENARIOS
from suite.timed import without_idle

PORTICO = [server for server in servers.SERVERS if server.is_portico]
BARE = [server for server in servers.SERVERS if server.kind == "bare"]
PEERS = [server for server in servers.SERVERS if server.kind == "peer"]


class Results:
    """`data`: the content of results.json, as run.py writes it."""

    def __init__(self, data):
        self.data = data
        self.timed = data.get("timed", {})

    def part(self, name):
        return self.data.get(name)

    def scenarios(self):
        """The measured scenarios, in their order."""
        return [scenario for scenario in SCENARIOS if scenario.name in self.timed]

    def measured(self, candidates):
        """Those of the given servers that took part in any timed scenario."""
        return [server for server in candidates
                if any(server.name in timed["runs"] for timed in self.timed.values())]

    def rounds(self, scenario, name, figure):
        runs = self.timed.get(scenario.name, {}).get("runs", {}).get(name)
        return runs and [[run[figure] for run in halves] for halves in runs]

    def median(self, scenario, name, figure):
        rounds = self.rounds(scenario, name, figure)
        return rounds and statistics.median(value for halves in rounds for value in halves)

    def logs(self, scenario, name, other, figure="cpu_ns"):
        ours, theirs = self.rounds(scenario, name, figure), self.rounds(scenario, other, figure)
        return paired.log_ratios(ours, theirs) if ours and theirs else None

    def ratio(self, scenario, name, other):
        """Processor time a message of one server over that of the other, or None."""
        logs = self.logs(scenario, name, other)
        return None if logs is None else paired.ratio(logs)

    def mean_ratio(self, name, other):
        """The geometric mean of the ratio over the scenarios."""
        all_logs = [logs for scenario in self.scenarios()
                    if (logs := self.logs(scenario, name, other)) is not None]
        return paired.geometric_mean(all_logs) if all_logs else None

    def mean_ratio_to_better(self, name, others):
        """The same, against the better of the others in each scenario."""
        all_logs = []
        for scenario in self.scenarios():
            candidates = [logs for other in others
                          if (logs := self.logs(scenario, name, other)) is not None]
            if candidates:
                all_logs.append(max(candidates, key=lambda logs: float(statistics.median(logs))))
        return paired.geometric_mean(all_logs) if all_logs else None

    def idle_ratio(self, server):
        """The ratio with idle connections to the same without."""
        scenario = next((scenario for scenario in self.scenarios() if scenario.idle), None)
        return scenario and self.ratio(scenario, server.name, without_idle(server.name))

    def calls(self, scenario, name):
        """System calls a message, by name; None if not measured or not permitted."""
        return (self.timed.get(scenario.name, {}).get("system_calls") or {}).get(name)

    def neighbour(self, name, way):
        """(median p99 without, with the noise, the median of the rounds' ratios, the noise's median
        MiB a second)"""
        rounds = (self.part("neighbour") or {}).get(name, {}).get(way)
        if not rounds:
            return None
        return (statistics.median(quiet for quiet, _, _ in rounds),
                statistics.median(noisy for _, noisy, _ in rounds),
                statistics.median(noisy / quiet for quiet, noisy, _ in rounds),
                statistics.median(mib for _, _, mib in rounds))

    def slow_neighbour(self, name):
        """(median p99 without, with the neighbour, the median of the rounds' ratios to the loop by
        hand or None)"""
        part = self.part("slow_neighbour") or {}
        rounds = part.get(name)
        if not rounds:
            return None
        by_hand = part.get("bare_epoll")
        ratio = by_hand and statistics.median(
            ours / theirs for (_, ours), (_, theirs) in zip(rounds, by_hand))
        return (statistics.median(quiet for quiet, _ in rounds),
                statistics.median(slow for _, slow in rounds), ratio)

    def placement(self, name):
        """(the busiest thread's share of the work and messages a second, medians of the rounds)"""
        rounds = (self.part("placement") or {}).get(name)
        return rounds and (statistics.median(max(each["busy_ns"]) / max(1, sum(each["busy_ns"]))
                                             for each in rounds),
                           statistics.median(each["rate"] for each in rounds))

    def client_cost(self, way, figure):
        """The client's figure with verification, with a live view or with both over that
        without."""
        part = self.part("client")
        if not part:
            return None
        ours, plain = ([[run[figure] for run in halves[side]] for halves in part["cost"][way]]
                       for side in ("with", "without"))
        return paired.ratio(paired.log_ratios(ours, plain))

    def against_wrk(self, figure):
        """The client's figure over wrk's."""
        part = self.part("wrk")
        if not part:
            return None
        ours, theirs = ([[run[figure] for run in halves[side]] for halves in part["rounds"]]
                        for side in ("client", "wrk"))
        return paired.ratio(paired.log_ratios(ours, theirs))
