"""The bars: each requirement, the measured value, and whether it is met."""
import dataclasses

from suite import admission
from suite.exact import RECEIVES, SENDS, WAITS
from suite.results import BARE, PEERS, PORTICO
from suite.scenarios import BY_NAME

# Counts are differences between two runs. Calls that belong to no message (a timer's wait, a read
# that found nothing) may be so much of them.
COUNT_SLACK = 0.01
# 8 of 16 clients are half of the work; a thread that shares its processor with the clients takes
# somewhat more time for it.
PLACEMENT_SHARE_MAX = 0.60


@dataclasses.dataclass(frozen=True)
class Bar:
    text: str
    measured: str
    is_met: bool


def shown(interval):
    return f"{interval.middle:.2f} ({interval.low:.2f}–{interval.high:.2f})"


def sum_of(calls, names):
    return sum(calls.get(name, 0) for name in names)


def timed_bars(results):
    for server in results.measured(PORTICO):
        for peer in results.measured(PEERS):
            all_ratios = {scenario.title: results.ratio(scenario, server.name, peer.name)
                          for scenario in results.scenarios()}
            ratios = {title: ratio for title, ratio in all_ratios.items() if ratio}
            if not ratios:
                continue
            pair = f"{server.title} / {peer.title}, CPU a message"
            title, worst = max(ratios.items(), key=lambda item: item[1].low)
            yield Bar(f"{pair}: no interval wholly above 1.00",
                      f"highest lower end {worst.low:.3f} ({title})", worst.low <= 1.00)
            title, worst = max(ratios.items(), key=lambda item: item[1].high)
            yield Bar(f"{pair}: upper end at most 1.10 in each scenario",
                      f"highest upper end {worst.high:.3f} ({title})",
                      worst.high <= 1.10)
            mean = results.mean_ratio(server.name, peer.name)
            yield Bar(f"{pair}: geometric mean at most 1.00", shown(mean), mean.middle <= 1.00)
        mean = results.mean_ratio_to_better(server.name, [bare.name for bare in BARE])
        if mean:
            yield Bar(f"{server.title} / the better bare loop of each scenario, CPU a message: "
                      "geometric mean at most 1.10",
                      shown(mean), mean.middle <= 1.10)
        ratio = results.idle_ratio(server)
        if ratio:
            yield Bar(f"{server.title}: with 15,000 idle connections / without, CPU a message: at "
                      "most 1.10", shown(ratio),
                      ratio.middle <= 1.10)


def instruction_bars(results):
    instructions = (results.part("instructions") or {}).get("portico_epoll")
    if instructions:
        yield Bar("Portico, epoll: at most 500 user-space instructions a message (64 connections)",
                  f"{instructions:,.0f}",
                  instructions <= 500)
    dispatch = results.part("dispatch")
    if dispatch:
        yield Bar("plugin dispatch, from the completed receive to on_data and its send in the "
                  "queue: at most 150 instructions",
                  f"{dispatch:,.0f}", dispatch <= 150)


def system_call_bars(results):
    for scenario in results.scenarios():
        ours, bare = results.calls(scenario, "portico_uring"), results.calls(scenario, "bare_uring")
        if ours and bare:
            ratio = ours["all"] / bare["all"]
            yield Bar(f"Portico, io_uring / bare loop, io_uring, system calls ({scenario.title}): "
                      "at most 1.20",
                      f"{ours['all']:.3f} / {bare['all']:.3f} = {ratio:.2f}", 0 < ratio <= 1.20)
    for name in ("ping_1", "ping_64", "ping_512"):
        calls = results.calls(BY_NAME[name], "portico_epoll")
        if calls:
            receives, sends, waits = (sum_of(calls, names) for names in (RECEIVES, SENDS, WAITS))
            # no minus before a zero
            others = round(calls["all"] - receives - sends - waits, 3) + 0.0
            yield Bar(f"Portico, epoll, {BY_NAME[name].title}: one receive and one send a message, "
                      "one wait a batch, nothing else",
                      f"{receives:.3f}, {sends:.3f}, {waits:.3f}, others {others:.3f}",
                      receives <= 1 + COUNT_SLACK and sends <= 1 + COUNT_SLACK
                      and waits <= 1 + COUNT_SLACK and others <= COUNT_SLACK)
    calls = results.calls(BY_NAME["depth16_lines"], "portico_epoll")
    if calls:
        receives, sends = sum_of(calls, RECEIVES), sum_of(calls, SENDS)
        yield Bar("Portico, epoll, depth 16, lines: one send for all messages of a receive",
                  f"{sends:.3f} sends, {receives:.3f} receives a message",
                  sends <= receives + COUNT_SLACK)


def memory_bars(results):
    for server in PORTICO:
        memory = (results.part("memory") or {}).get(server.name)
        if memory:
            yield Bar(f"{server.title}: at most 512 B for each idle connection, before and after "
                      "traffic",
                      f"{memory['silent']:.0f} B, {memory['after_traffic']:.0f} B",
                      memory["silent"] <= 512 and memory["after_traffic"] <= 512)


def admission_bar(title, found, what=""):
    all_served = found["served"] == admission.CONNECTIONS
    return Bar(f"{title}: 1,000 clients that come at once{what}, messages until all have had an "
               f"answer: at most {admission.MESSAGES_MAX:,}",
               f"{found['messages']:,}" if all_served else f"only {found['served']:,} have had one",
               admission.holds(found))


def behaviour_bars(results):
    for server in PORTICO:
        # If the pings may not have a priority of their own, they are measured as they come.
        neighbour = (results.neighbour(server.name, "first")
                     or results.neighbour(server.name, "as_they_come"))
        if neighbour:
            quiet, noisy, ratio, _ = neighbour
            yield Bar(f"{server.title}: one connection that always has data, p99 of 63 others with "
                      "/ without: at most 3.0",
                      f"{noisy:,.0f} µs / {quiet:,.0f} µs = {ratio:.2f}", ratio <= 3.0)
        slow = results.slow_neighbour(server.name)
        if slow and slow[2]:
            yield Bar(f"{server.title} / bare loop, epoll, one connection with callbacks of 5 ms, "
                      "p99 of 63 others: at most 1.5",
                      f"{slow[1]:,.0f} µs, {slow[2]:.2f} times", slow[2] <= 1.5)
        placement = results.placement(server.name)
        if placement:
            yield Bar(f"{server.title}: 16 clients that come one by one to 2 threads, share of the "
                      f"busier one: at most {PLACEMENT_SHARE_MAX:.2f}",
                      f"{placement[0]:.2f}", placement[0] <= PLACEMENT_SHARE_MAX)
        admitted = (results.part("admission") or {}).get(server.name)
        if admitted:
            yield admission_bar(server.title, admitted)
            yield admission_bar(server.title, admitted["at_work"], ", callbacks of 5 ms")
        fairness = (results.part("fairness") or {}).get(server.name)
        if fairness:
            ratio = fairness["most"] / max(fairness["least"], 1)
            yield Bar(f"{server.title}: most / least served of 256 connections: at most 2.0",
                      f"{fairness['most']:,.0f} / {fairness['least']:,.0f} = {ratio:.2f}",
                      ratio <= 2.0)
    ratio = results.against_wrk("rate")
    if ratio:
        yield Bar("client / wrk, messages a second on one processor, same server and bytes: at "
                  "least 1.00", shown(ratio),
                  ratio.middle >= 1.00)


def client_bars(results):
    part = results.part("client")
    if not part:
        return
    rate = results.client_cost("both", "rate")
    yield Bar("client with verification and live view / without, messages a second on one "
              "processor: at least 0.90", shown(rate),
              rate.middle >= 0.90)
    each = part["memory"]["each_bytes"]
    yield Bar(f"client: memory of each of {part['memory']['connections']:,} connections: at most "
              "4,096 bytes", f"{each:,.0f}", each <= 4096)


def wine_bars(results):
    for each in (results.part("wine") or {}).get("verdicts", []):
        yield Bar(f"under Wine, {each['server']}, {each['connections']} "
                  f"connection{'s' * (each['connections'] != 1)}: at most 0.5 requests a message "
                  "beyond the bare loop",
                  f"{each['requests']:.2f}, at most {each['most']:.2f}", each["holds"])
    for name, found in (results.part("wine") or {}).get("admission", {}).items():
        if found["is_host"]:
            yield admission_bar(f"under Wine, {name}", found)


def all_bars(results):
    for bars in (instruction_bars, system_call_bars, memory_bars, timed_bars, behaviour_bars,
                 client_bars, wine_bars):
        yield from bars(results)
