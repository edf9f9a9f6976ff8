"""The article's story in figures: the page's texts, tables and charts, made from the results, so
that they cannot disagree with them. The texts report every outcome: what is better, what is worse,
and what the runs could not show."""
import math

from . import loads
from .blocks import Bullets, Charts, Heading, Lines, Page, Paragraph, Ratios, Series, Table
from .contestants import BY_NAME
from .words import count, interval, listed, number, plural, size, time_us, times

NOTHING = "–"
TITLE = "Portico beside the article's servers"
LEAD = ("A well-known article teaches how to write a server in three steps: one client at a time, "
        "a thread for each client, an I/O completion port for all. Portico grew out of the third. "
        "Here all three are written afresh, without the article's bugs, and stand beside Portico "
        "with the same plugin, on one machine, under the same load.")
BASELINES = (
    ("one to one", "accepts a client, serves it with blocking calls until it goes, then accepts "
                   "the next"),
    ("thread per client", "starts a thread for each client, which serves it with blocking calls; "
                          "echoes, or answers the article's fixed acknowledgement"),
    ("article's IOCP", "one completion port, two worker threads a processor that take one "
                       "completion at a time; for each client one operation at a time and a buffer "
                       "of 256 bytes; a vector of the clients under a lock; Windows only"))


def cell(value, shown):
    return NOTHING if value is None else shown(value)


def load_title(load):
    return ("16 KiB, 8 connections" if load is loads.LARGE else "visits" if load.is_visit
            else plural(load.connections, "connection"))


def place(system):
    return "on Linux" if system == "linux" else "under Wine"


def mark(system):
    """The same in a chart's title."""
    return "Linux" if system == "linux" else "Wine"


def servers_table(findings):
    ports = listed(f"{findings.of(system)['backend']} {place(system)}"
                   for system in findings.systems())
    return Table(("server", "what it does"), (
        *BASELINES, ("Portico", "`host` with its plugin `echo` or `ack`, every setting as it "
                                f"comes; it has chosen {ports}")), words=2)


# ---- charts and tables
# --------------------------------------------------------------------------------------------------


def chart(findings, system, plugin, figure, title, note, shown, base):
    """A figure of the timed runs over the numbers of connections."""
    pings = findings.pings(system, plugin)
    series = [
        Series(each.name, tuple(findings.median(system, load, each.name, figure) for load in pings))
        for each in findings.contestants(system, plugin)]
    return Lines(f"{title} ({mark(system)}, {plugin})", note,
                 tuple(count(load.connections) for load in pings), tuple(series), shown, base)


def census_chart(findings, system, figure, title, note, shown, base):
    steps = findings.counted(system)
    series = [
        Series(each.name, tuple((findings.census(system, each.name, step) or {}).get(figure)
                                for step in steps))
        for each in findings.contestants(system, "echo")]
    return Lines(f"{title} ({mark(system)}, echo)", note, tuple(count(step) for step in steps),
                 tuple(series), shown, base)


def timed_charts(findings, system, plugin="echo"):
    return (
        chart(findings, system, plugin, "rate", "Messages a second", "more is better", number, 0),
        chart(findings, system, plugin, "p99_us", "99th percentile of latency",
              "less is better; logarithmic", time_us, 10),
        chart(findings, system, plugin, "cpu_us", "The server's CPU a message",
              "less is better; logarithmic", time_us, 10))


def resource_charts(findings, system):
    return (census_chart(findings, system, "threads", "Threads of the server",
                         "fewer is better; logarithmic", count, 10),
            census_chart(findings, system, "private", "Private memory of the server",
                         "less is better; logarithmic", size, 4))


def attendance_chart(findings, system):
    steps = findings.attended(system)
    series = []
    for each in findings.contestants(system, "echo"):
        found = [findings.attendance(system, each.name, step) for step in steps]
        series.append(Series(each.name, tuple(one["served"] if one else None for one in found)))
    return Lines(f"Clients served in the first second ({mark(system)})",
                 "all of them is right; logarithmic", tuple(count(step) for step in steps),
                 tuple(series), count, 10)


def attendance_table(findings, system):
    servers = findings.contestants(system, "echo")
    rows = []
    for step in findings.attended(system):
        found = [findings.attendance(system, each.name, step) for each in servers]
        rows.append((count(step), *(cell(one, lambda one: count(one["served"])) for one in found)))
    return Table(("clients at once", *(each.title for each in servers)), tuple(rows),
                 f"Clients served in the first second, {place(system)}")


def figures_table(findings, system, plugin):
    """Rows are loads, columns are servers: messages a second, p50 and p99, CPU a message."""
    servers = findings.contestants(system, plugin)
    rows = []
    for load in findings.loads(system, plugin):
        for title, text in (
            ("messages a second",
             lambda name, load=load: cell(findings.median(system, load, name, "rate"), number)),
            ("latency, p50 / p99", lambda name, load=load: latency(findings, system, load, name)),
            ("CPU a message",
             lambda name, load=load: cell(findings.median(system, load, name, "cpu_us"), time_us))):
            rows.append((load_title(load), title, *(text(each.name) for each in servers)))
    return Table(("load", "", *(each.title for each in servers)), tuple(rows),
                 f"{plugin}, {place(system)}", words=2)


def latency(findings, system, load, name):
    p50, p99 = (findings.median(system, load, name, figure) for figure in ("p50_us", "p99_us"))
    return NOTHING if p50 is None else f"{time_us(p50)} / {time_us(p99)}"


def census_table(findings, system):
    servers = findings.contestants(system, "echo")
    rows = []
    for step in findings.counted(system):
        found = [(each.name, findings.census(system, each.name, step)) for each in servers]
        rows.append((count(step), "threads",
                     *(cell(one, lambda one: count(one["threads"])) for _, one in found)))
        rows.append((count(step), "private memory",
                     *(cell(one, lambda one: size(one["private"])) for _, one in found)))
        if system == "linux":  # under Wine neither is known
            rows.append((count(step), "memory (PSS)",
                         *(cell(one, lambda one: size(one["pss"])) for _, one in found)))
            rows.append((count(step), "addresses taken by the clients", *(
                cell(one, lambda one, name=name: size(
                    findings.bytes_each(system, name, step, "addresses") * step))
                for name, one in found)))
    return Table(("clients", "", *(each.title for each in servers)), tuple(rows),
                 f"Threads and memory, {place(system)}",
                 words=2)


def ratio_table(findings, system, plugin):
    """The ratios of Portico to each other server."""
    others = [each for each in findings.contestants(system, plugin) if each.name != "portico"]
    rows = []
    for load in findings.loads(system, plugin):
        for title, figure in (("messages a second", "rate"), ("p99", "p99_us"),
                              ("CPU a message", "cpu_us")):
            found = [findings.ratio(system, load, figure, "portico", other.name)
                     for other in others]
            if any(found):
                rows.append((load_title(load), title, *(cell(one, interval) for one in found)))
    return Table(("load", "Portico's figure over that of", *(each.title for each in others)),
                 tuple(rows), f"{plugin}, {place(system)}",
                 words=2)


def ratio_chart(findings, system, other, figure, title, note, plugin="echo"):
    rows = [(load_title(load), found) for load in findings.loads(system, plugin)
            if (found := findings.ratio(system, load, figure, "portico", other)) is not None
            and not math.isinf(found.high)]
    return Ratios(title, note, tuple(rows), "portico") if rows else None


# ---- sentences
# --------------------------------------------------------------------------------------------------


def rate_against(findings, system, load, other):
    """"Portico answers 1.2 times as many messages a second as ..." """
    found = load and findings.ratio(system, load, "rate", "portico", other)
    if not found:
        return ""
    ours, theirs = (findings.median(system, load, name, "rate") for name in ("portico", other))
    return (f"With {load_title(load)} {place(system)}, {BY_NAME[other].called} answers "
            f"{number(theirs)} messages a second and Portico {number(ours)}: {times(found)}.")


def served_text(findings, system):
    most = max(findings.attended(system), default=None)
    if most is None:
        return ""
    texts = []
    for each in findings.contestants(system, "echo"):
        if found := findings.attendance(system, each.name, most):
            served = "all" if found["served"] == most else count(found["served"])
            texts.append(f"{each.called} {served}")
    return (f"{count(most)} clients that come at once and stay, {place(system)}: after a second "
            f"these have been answered: by {listed(texts)}.")


def figure_text(findings, system, load, what):
    rates = [(each.called, findings.median(system, load, each.name, "rate"))
             for each in findings.contestants(system, "echo")]
    phrases = [f"{called} {number(rate)}" for called, rate in rates if rate]
    return f"{what}, {place(system)}: {listed(phrases)}." if phrases else ""


def cost_text(findings, system, *names):
    """Threads and memory of some servers with the most clients."""
    most = max(findings.counted(system), default=None)
    phrases = []
    for name in names:
        if found := most and findings.census(system, name, most):
            phrases.append(f"{BY_NAME[name].called} takes {plural(found['threads'], 'thread')} and "
                        f"{size(found['private'])} of private memory "
                        f"({size(findings.bytes_each(system, name, most))} a client)")
    return (f"With {count(most)} clients {place(system)}, {listed(phrases)}." if len(phrases) > 1
            else "")


def wall_text(findings):
    """How many threads' stacks fit the address space of the article's time."""
    text = ("Each thread reserves addresses for its stack, on Windows 1 MiB where nobody says "
            "otherwise: the 2 GiB that a 32-bit program had in the article's time end before 2,048 "
            "clients.")
    most = max(findings.counted("linux"), default=None) if "linux" in findings.systems() else None
    addresses = most and findings.bytes_each("linux", "threads", most, "addresses")
    if addresses:
        text += f" On Linux it is {size(addresses)} a client here."
    return text + " A 64-bit process has the addresses; what it pays is memory and switching."


def opening_text(findings, system):
    load = findings.most(system)
    phrases = [f"{each.called} {time_us(spent)}" for each in findings.contestants(system, "echo")
            if (spent := findings.opening_us(system, load, each.name))]
    if len(phrases) < 2:
        return ""
    return (f"A client that connects, says one thing and goes costs, with {load_title(load)} "
            f"{place(system)}, this much of the server's CPU: {listed(phrases)}.")


FIGURES = (("rate", "messages a second"), ("p99_us", "99th percentile"),
           ("cpu_us", "CPU a message"))


def weighed_table(findings):
    """The number of loads in which Portico is better, in which it is worse, and in which the runs
    show no difference."""
    rows = []
    for system in findings.systems():
        for other in (each for each in BY_NAME if each != "portico"):
            for figure, title in FIGURES:
                better, equal, worse = findings.verdicts(system, other, figure)
                if better or equal or worse:
                    where = "; ".join(f"{load.plugin}, {load_title(load)} ({found.middle:.2f})"
                                      for load, found in worse.items())
                    rows.append((f"{BY_NAME[other].title} ({mark(system)})", title,
                                 where or ("nowhere that can be told" if equal else "nowhere"),
                                 *(count(len(loads_of)) for loads_of in (better, equal, worse))))
    return Table(("against", "in", "Portico is worse in (its figure over the other's)", "better",
                  "cannot tell", "worse"), tuple(rows),
                 "Portico against each server, in how many loads", words=3)


# ---- sections
# --------------------------------------------------------------------------------------------------


def warnings(findings):
    settings = findings.settings
    if settings["is_quick"]:
        yield Paragraph("**A quick run, made to see that the comparison works: few rounds, short "
                        "ones. Its figures mean little.**")
    elif settings["load_before"] > 0.5:
        yield Paragraph(
            "**Other programs ran meanwhile: the timed figures are not to be trusted.**")


def in_short(findings):
    texts = []
    for system in findings.systems():
        texts.append(served_text(findings, system))
        for other in ("threads", "iocp"):
            few, many = (pick(findings, system, other) for pick in (few_clients, many_clients))
            texts += [rate_against(findings, system, load, other)
                      for load in dict.fromkeys((few, many)) if load]
        texts.append(cost_text(findings, system, "threads", "iocp", "portico"))
    yield Heading("In short")
    yield Bullets(tuple(text for text in texts if text))


def section_one(findings):
    yield Heading("One client at a time")
    yield Paragraph("The first server is the one that everybody writes first: accept, receive, "
                    "send, and again, until the client goes. While it waits for one client it "
                    "waits for no other. The others are connected all the same (the system does "
                    "that, in the listener's backlog) and get no answer. Here so many clients come "
                    "at once, each sends a message, sends the next when it has the reply, and none "
                    "goes.")
    yield Charts(tuple(attendance_chart(findings, system) for system in findings.systems()),
                 legend(findings))
    for system in findings.systems():
        yield attendance_table(findings, system)
    yield Paragraph("So one client that says nothing closes the shop. That does not make it a slow "
                    "server. Alone with it, a client is served as fast as the system goes, and "
                    "where clients say one thing and go, everybody's turn comes:")
    texts = []
    for system in findings.systems():
        texts += [figure_text(findings, system, findings.ping(system, "echo", 1),
                              "One client, messages a second"),
                  figure_text(findings, system, loads.VISITS,
                              "64 clients at any time that send one message and go, visits a "
                              "second")]
    yield Bullets(tuple(text for text in texts if text))


def section_threads(findings):
    yield Heading("A thread for each client")
    yield Paragraph("The second server gives each client a thread, and each thread is the first "
                    "server. Everybody is served in the end, and the code stays as simple. With "
                    "few clients there is little to say against it: one call to receive, one to "
                    "send, and nothing to look up. What it costs shows when clients are many: a "
                    "stack and a thread of the system for each, and a switch of threads for each "
                    "message.")
    for system in findings.systems():
        yield Charts((*timed_charts(findings, system), *resource_charts(findings, system)),
                     legend(findings, system))
        texts = [rate_against(findings, system, load, "threads")
                 for load in findings.pings(system, "echo")]
        yield Bullets(
            tuple(text for text in (*texts, cost_text(findings, system, "threads", "portico"),
                                    opening_text(findings, system)) if text))
    yield Paragraph(wall_text(findings))
    yield Paragraph("And with the fixed acknowledgement, as the article's second server had it, "
                    "against the plugin `ack`:")
    yield Charts(tuple(each for system in findings.systems()
                       for each in timed_charts(findings, system, "ack")),
                 legend(findings, plugin="ack"))
    texts = [rate_against(findings, system, load, "threads") for system in findings.systems()
             for load in findings.pings(system, "ack")]
    yield Bullets(tuple(text for text in texts if text))


def section_iocp(findings):
    if "wine" not in findings.systems():
        return
    yield Heading("The article's completion port")
    yield Paragraph("The third server hands the waiting to the system: all clients share a "
                    "completion port, and a few workers take what has completed. The number of "
                    "threads no longer depends on the number of clients. The design is the right "
                    "one; what it leaves on the table is in its details: one completion for each "
                    "wait, a packet even for what succeeds at once, one lock around the list of "
                    "all clients, and 256 bytes a client, so that a message of 16 KiB is received "
                    "in 64 pieces and each is sent back before the next is received.")
    found = {name: findings.median("wine", loads.LARGE, name, "rate")
             for name in ("iocp", "threads", "portico")}
    texts = [rate_against(findings, "wine", load, "iocp")
             for load in findings.pings("wine", "echo")]
    if found["iocp"] and found["portico"]:
        texts.append("Messages of 16 KiB on 8 connections: the article's design echoes "
                     f"{number(found['iocp'])} a second, a thread for each client "
                     f"{cell(found['threads'], number)}, Portico {number(found['portico'])}.")
    texts.append(cost_text(findings, "wine", "iocp", "portico"))
    yield Bullets(tuple(text for text in texts if text))
    yield Paragraph("These are figures of Wine, not of Windows. Under Wine most calls go through "
                    "its server, a process of one thread that does the work for all of the others; "
                    "that is counted as the server's CPU here. It makes all servers slower, and a "
                    "design dear that calls often. What it does not change is how many calls, "
                    "threads and bytes a design needs.")


def section_portico(findings):
    yield Heading("What Portico adds")
    yield Paragraph("Portico is the third server's idea finished: the waiting is the system's, and "
                    "the protocol is a plugin that gets bytes and answers with bytes. In the "
                    "figures, against each other server (a ratio above 1 is more messages, or more "
                    "latency, or more CPU):")
    ratio_charts = []
    for system in findings.systems():
        for other in ("threads", "iocp"):
            against = f"Portico over {BY_NAME[other].title} ({mark(system)}, echo)"
            ratio_charts += [
                ratio_chart(findings, system, other, "rate", f"Messages a second: {against}",
                            "right of 1: Portico answers more"),
                ratio_chart(findings, system, other, "cpu_us", f"CPU a message: {against}",
                            "left of 1: Portico needs less")]
    if any(ratio_charts):
        yield Charts(tuple(each for each in ratio_charts if each))
    yield weighed_table(findings)
    yield Paragraph("What no figure here shows, and the baselines do not have:")
    yield Bullets((
        "the protocol is a library behind a C interface, dropped into a folder and named in the "
        "configuration; the same source serves on Linux and Windows",
        "bounds: connections, queued bytes for a client that does not read, frame sizes, idle "
        "clients (`docs/reference/configuration.md`)",
        "framing: a plugin may get whole messages, by delimiter or length, however they were cut "
        "on their way",
        "an orderly end: it stops accepting, lets connections finish, and cuts them at a deadline",
        "tests: a simulation of its worlds by seed, every interleaving of its lock-free parts, "
        "fuzzing, planted defects (`docs/guide/testing.md`)"))


def section_figures(findings):
    yield Heading("All figures")
    yield Paragraph("Medians of all runs. Ratios are Portico's figure over the other's, the median "
                    "of the rounds, and in brackets its 95 % interval; where that includes 1, the "
                    "runs cannot tell the two apart, and (?) stands where there were too few "
                    "rounds for one. One in twenty such intervals is wrong, and there are many.")
    for system in findings.systems():
        for plugin in ("echo", "ack"):
            if findings.loads(system, plugin):
                yield figures_table(findings, system, plugin)
                yield ratio_table(findings, system, plugin)
        yield census_table(findings, system)


def section_how(findings):
    settings = findings.settings
    whom = "; ".join(f"{place(system)} {rounds_text(findings, system)}"
                     for system in findings.systems())
    yield Heading("How it was measured")
    yield Bullets((
        f"`./dev compare`, in {plural(max(1, round(settings['minutes'])), 'minute')}. Servers have "
        f"{plural(settings['server_processors'], 'processor')}, the client has the others. It is "
        "the project's own, with one thread; it checks every byte of every reply, and anything "
        "wrong or lost ends the comparison.",
        "The load is closed: a connection sends 64 bytes as soon as it has the reply to the last "
        "ones. *visits*: 64 clients at any time, each with one message.",
        "All servers of a load are started once. A round runs each once, and once more in the "
        f"opposite order, so that what changes slowly meets all alike: {whom}. Before each run's "
        "figures begin, all its connections have been accepted and served. Intervals: bootstrap "
        "over the rounds' ratios.",
        "CPU is the processor time of all the server's threads, under Wine with that of Wine's "
        "server, over the messages; what opening and closing the connections takes is measured "
        "apart and taken off, but not in *visits*. On loopback the kernel does a part of the "
        "receiving side's work on the sender's time.",
        "Memory is read when so many clients are connected and each has had a reply: PSS, and what "
        "is the process's alone (`smaps_rollup`). It is without the kernel's share: each thread "
        "also has a kernel stack (16 KiB on Linux, x86-64), each connection its socket. Under Wine "
        "the private memory includes what Wine itself touches, in each process and for each "
        "thread; seen in the process's map, that is nearly 1 MiB a thread.",
        "The servers print nothing. The article's print each message, and Portico's echo can."))
    yield Heading("What was left out, and why")
    yield Bullets(tuple(left_out(findings)))
    yield Heading("The machine")
    rows = [(name, text) for name, text in findings.machine.items()]
    rows += [("Measured", settings["date"]),
             ("Load average", f"{settings['load_before']:.2f} before the first run")]
    yield Table(("", ""), tuple(rows), words=2)


def rounds_text(findings, system):
    """"5 rounds of runs of 0.4 s", or fewer if a load takes long."""
    rounds = sorted({len(runs) for each in findings.of(system)["loads"].values()
                     for runs in each["runs"].values()})
    many = f"{rounds[0]} to {rounds[-1]}" if len(rounds) > 1 else f"{rounds[0]}"
    return (f"{many} rounds, of runs of at least {findings.of(system)['seconds']:g} s"
            + (", fewer where a load takes long" if len(rounds) > 1 else ""))


def left_out(findings):
    yield ("Real Windows: the Windows programs ran under Wine only. How these servers compare "
           "there nobody has measured yet.")
    yield ("One to one with more than one client that stays: there is no throughput to measure, "
           "all of it is the first client's.")
    yield "The article's IOCP server on Linux: it is made of Windows' calls."
    for system in findings.systems():
        if untimed := [step for step in findings.attended(system)
                       if step > max(findings.of(system)["connections"])]:
            yield (f"Throughput and latency of {listed(count(step) for step in untimed)} "
                   f"connections {place(system)}: each run would have to wait until a thread for "
                   "each client has started. Who is served in the first second, threads and memory "
                   "are measured.")
    if "wine" in findings.systems():
        yield ("The Windows client: the load under Wine comes from the client of Linux, so that "
               "Wine's server works for the measured server alone.")
        yield ("PSS and addresses under Wine: the one shares out pages of Wine's libraries by how "
               "many processes happen to run, the other are reserved by Wine in pieces of its own "
               "choosing.")
    else:
        yield "Everything under Wine, and with it the article's IOCP server (`--native-only`)."
    if "linux" not in findings.systems():
        yield "The servers of Linux (`--windows-only`)."
    yield "A network: all went over loopback, which has no delay and loses nothing."


# ---- the page
# --------------------------------------------------------------------------------------------------


def few_clients(findings, system, other):
    pings = [load for load in findings.pings(system, "echo")
             if findings.ratio(system, load, "rate", "portico", other)]
    return next((load for load in pings if load.connections >= 8), pings[0] if pings else None)


def many_clients(findings, system, other):
    pings = [load for load in findings.pings(system, "echo")
             if findings.ratio(system, load, "rate", "portico", other)]
    return pings[-1] if pings else None


def legend(findings, system=None, plugin="echo"):
    systems = [system] if system else findings.systems()
    seen = {each.name: each.title for one in systems for each in findings.contestants(one, plugin)}
    return tuple((name, title) for name, title in ((each.name, each.title)
                                                   for each in BY_NAME.values()) if name in seen)


def page(findings):
    sections = (warnings, in_short, section_one, section_threads, section_iocp, section_portico,
                section_figures, section_how)
    made = [block for section in sections for block in section(findings)]
    at = next(i for i, block in enumerate(made) if isinstance(block, Heading))
    made[at:at] = [servers_table(findings)]
    return Page(TITLE, LEAD,
                tuple(block for block in made if not isinstance(block, Paragraph) or block.text))
