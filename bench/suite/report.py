"""Writes the generated parts of docs/results/benchmarks.md; the prose around them is left alone."""
import re

from harness import servers
from harness.machine import LOAD_MAX
from suite import bars
from suite.results import BARE, PEERS, PORTICO
from suite.scenarios import BY_NAME

NOTHING = "–"
CALLS_SHOWN = ("ping_1", "ping_64", "depth16_lines", "churn")


def table(head, rows, note=""):
    """The first column is text, the others are figures."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + (f"\n\n{note}" if note else "")


def figure(value, form):
    return NOTHING if value is None else format(value, form)


def all_servers(results):
    return results.measured([*servers.SERVERS, servers.AGAIN])


def scenario_table(results, cell, note=""):
    """Rows are servers, columns are scenarios."""
    scenarios = results.scenarios()
    rows = [[server.title, *(cell(scenario, server.name) for scenario in scenarios)]
            for server in all_servers(results)]
    return table(["", *(scenario.title for scenario in scenarios)], rows, note)


def machine_part(results):
    machine = results.part("machine")
    settings = results.part("settings")
    rows = [[name, text] for name, text in machine.items()]
    rows.append(["Measured", f"{settings['date']}, {settings['rounds']} rounds, in "
                             f"{settings['minutes']:.0f} minutes"])
    rows.append(["Load average", f"{settings['load_before']:.2f} before the first run"])
    lines = ["| | |", "|---|---|", *(f"| {name} | {text} |" for name, text in rows)]
    if settings["is_partial"]:
        lines += ["", "**Only a part was measured.**"]
    if settings["is_quick"]:
        lines += ["", "**A quick run, made to see that the benchmark works: its figures mean "
                      "nothing.**"]
    elif settings["load_before"] > LOAD_MAX:
        lines += ["", "**Other programs ran meanwhile: the timed figures are not to be trusted.**"]
    return "\n".join(lines)


def bars_part(results):
    rows = list(bars.all_bars(results))
    met = sum(bar.is_met for bar in rows)
    lines = [f"{met} of {len(rows)} met.", "", "| bar | measured | |", "|---|---|---|"]
    lines += [f"| {bar.text} | {bar.measured} | {'met' if bar.is_met else '**MISSED**'} |"
              for bar in rows]
    return "\n".join(lines)


def ratio_part(results):
    scenarios = results.scenarios()
    parts = []
    for server in results.measured(PORTICO):
        others = [*PEERS, *BARE, *([servers.AGAIN] if server.name == "portico_epoll" else [])]
        rows = []
        for other in results.measured(others):
            cells = [results.ratio(scenario, server.name, other.name) for scenario in scenarios]
            cells.append(results.mean_ratio(server.name, other.name))
            rows.append(
                [other.title, *(NOTHING if cell is None else bars.shown(cell) for cell in cells)])
        idle = results.idle_ratio(server)
        note = f"With 15,000 idle connections / without: {bars.shown(idle)}." if idle else ""
        parts.append(f"**{server.title} /**\n\n"
                     + table(["", *(scenario.title for scenario in scenarios), "geometric mean"],
                             rows, note))
    return "\n\n".join(parts)


def cpu_part(results):
    def cell(scenario, name):
        value = results.median(scenario, name, "cpu_ns")
        return (NOTHING if value is None else f"{value / 1000:.3g}" if value < 1e6
                else f"{value / 1000:,.0f}")
    return scenario_table(results, cell)


def throughput_part(results):
    return scenario_table(
        results, lambda scenario, name: figure(results.median(scenario, name, "rate"), ",.0f"))


def latency_part(results):
    def cell(scenario, name):
        values = [results.median(scenario, name, percentile)
                  for percentile in ("p50_us", "p99_us", "p999_us")]
        return NOTHING if None in values else " / ".join(f"{value:,.0f}" for value in values)
    return scenario_table(results, cell)


def system_call_part(results):
    scenarios = results.scenarios()
    measured = results.measured(servers.SERVERS)
    if not any(results.calls(scenario, server.name) for scenario in scenarios
               for server in measured):
        return "Not available: perf may not count system calls here."
    all_calls = [
        [server.title, *(figure((results.calls(scenario, server.name) or {}).get("all"), ".3f")
                         for scenario in scenarios)]
        for server in measured]
    rows = []
    for name in CALLS_SHOWN:
        for server in measured:
            calls = results.calls(BY_NAME[name], server.name)
            if calls:
                named = sorted(((call, times) for call, times in calls.items() if call != "all"),
                               key=lambda item: -item[1])
                listed = ", ".join(f"{call} {times:.3f}" for call, times in named if times >= 0.001)
                rows.append([BY_NAME[name].title, server.title, listed])
    lines = ["| scenario | server | system calls a message |", "|---|---|---|",
             *("| " + " | ".join(row) + " |" for row in rows)]
    return (table(["", *(scenario.title for scenario in scenarios)], all_calls) + "\n\n"
            + "\n".join(lines))


def instruction_part(results):
    part = results.part("instructions")
    dispatch = results.part("dispatch")
    note = (f"Of Portico's, plugin dispatch takes {dispatch:,.0f} "
            "(`bench/micro/count_dispatch.sh`)." if dispatch else "")
    return part and table(["", "instructions a message"],
                          [[servers.BY_NAME[name].title, figure(value, ",.0f")]
                           for name, value in part.items()], note)


def memory_part(results):
    part = results.part("memory")
    return part and table(
        ["", "silent, B", "after a message, B", "kernel, both ends, B", "the server itself, KiB"],
        [[servers.BY_NAME[name].title, f"{memory['silent']:,.0f}",
          f"{memory['after_traffic']:,.0f}", f"{memory['kernel']:,.0f}",
          f"{memory['none'] / 1024:,.0f}"] for name, memory in part.items()])


def neighbour_part(results):
    part = results.part("neighbour")
    if not part:
        return None
    rows = []
    for name in part:
        cells = [servers.BY_NAME[name].title]
        for way in ("first", "as_they_come"):
            found = results.neighbour(name, way)
            cells += ([f"{found[0]:,.0f}", f"{found[1]:,.0f}", f"{found[2]:.2f}",
                       f"{found[3]:,.0f}"] if found else ["-"] * 4)
        rows.append(cells)
    return table(["", "pings first: p99 without, µs", "with", "ratio", "noise, MiB/s",
                  "as they come: p99 without, µs", "with", "ratio", "noise, MiB/s"],
                 rows)


def slow_neighbour_part(results):
    part = results.part("slow_neighbour")
    if not part:
        return None
    found = {name: results.slow_neighbour(name) for name in part}
    return table(["", "p99 without, µs", "with", "with / bare loop, epoll"],
                 [[servers.BY_NAME[name].title, f"{quiet:,.0f}", f"{slow:,.0f}",
                   NOTHING if ratio is None else f"{ratio:.2f}"]
                  for name, (quiet, slow, ratio) in found.items()])


def placement_part(results):
    part = results.part("placement")
    if not part:
        return None
    found = {name: results.placement(name) for name in part}
    return table(["", "share of the busier thread", "messages a second"],
                 [[servers.BY_NAME[name].title, f"{share:.2f}", f"{rate:,.0f}"]
                  for name, (share, rate) in found.items()])


def admission_part(results):
    here = {servers.BY_NAME[name].title: found
            for name, found in (results.part("admission") or {}).items()}
    wine = {f"under Wine, {name}": found
            for name, found in (results.part("wine") or {}).get("admission", {}).items()}
    rows = []
    for name, found in (here | wine).items():
        cells = []
        for each in (found, found.get("at_work")):
            cells += ([f"{each['messages']:,}", f"{each['milliseconds']:,}"] if each
                      else [NOTHING] * 2)
        rows.append([name, *cells])
    if not rows:
        return None
    return table(["", "messages until all have had an answer", "ms",
                  "with callbacks of 5 ms: messages", "ms"], rows)


def fairness_part(results):
    part = results.part("fairness")
    return part and table(
        ["", "most served", "least served", "ratio", "all messages"],
        [[servers.BY_NAME[name].title, f"{served['most']:,.0f}", f"{served['least']:,.0f}",
          f"{served['most'] / max(served['least'], 1):.2f}", f"{served['messages']:,.0f}"]
         for name, served in part.items()])


def wrk_part(results):
    part = results.part("wrk")
    if not part:
        return None

    def mean(side, key):
        values = [run[key] for halves in part["rounds"] for run in halves[side]]
        return sum(values) / len(values)
    rows = [[side, f"{mean(side, 'rate'):,.0f}", f"{mean(side, 'cpu_us'):.2f}"]
            for side in ("client", "wrk")]
    rows.append(["client / wrk", bars.shown(results.against_wrk("rate")),
                 bars.shown(results.against_wrk("cpu_us"))])
    return table(["", "messages a second", "its own CPU a message, µs"], rows,
                 f"Requests of {part['request_bytes']} bytes, replies of {part['reply_bytes']}.")


def client_part(results):
    part = results.part("client")
    if not part:
        return None
    rows = [[f"with {way} / without", bars.shown(results.client_cost(way, "rate")),
             bars.shown(results.client_cost(way, "cpu_us"))]
            for way in part["cost"]]
    memory = part["memory"]
    return table(["", "messages a second", "its own CPU a message"], rows,
                 f"Lines of 64 bytes, 64 connections, depth 4. Memory: {memory['each_bytes']:,.0f} "
                 f"bytes for each of {memory['connections']:,} connections at depth 1, all of them "
                 "sending.")


def wine_part(results):
    part = results.part("wine")
    if not part:
        return None
    found = part["requests"]
    counts = list(next(iter(found.values())))
    return table(["requests to the Wine server a message",
                  *(f"{count} connection{'s' * (count != '1')}" for count in counts)],
                 [[name, *(f"{each[count]['all']:.2f}" for count in counts)]
                  for name, each in found.items()])


PARTS = {
    "machine": machine_part, "bars": bars_part, "ratios": ratio_part, "cpu": cpu_part,
    "throughput": throughput_part,
    "latency": latency_part, "system_calls": system_call_part, "instructions": instruction_part,
    "memory": memory_part,
    "neighbour": neighbour_part, "slow_neighbour": slow_neighbour_part, "placement": placement_part,
    "admission": admission_part,
    "fairness": fairness_part, "wrk": wrk_part, "client": client_part, "wine": wine_part,
}


def generate(results, text):
    """Replaces in `text` the part between each pair of markers."""
    for name, part in PARTS.items():
        begin, end = f"<!-- generated: {name} -->\n", "<!-- end -->"
        pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
        if not pattern.search(text):
            raise ValueError(f"no markers for \"{name}\"")
        content = part(results) or "Not measured yet: `./dev bench`."
        text = pattern.sub(lambda _, content=content: f"{begin}{content}\n{end}", text, count=1)
    return text
