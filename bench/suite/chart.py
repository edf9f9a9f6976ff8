"""The chart: Portico's CPU for each message over that of each other server, with the 95 %
intervals."""
import matplotlib

matplotlib.use("svg")
# pylint: disable=wrong-import-position
from matplotlib import pyplot, ticker

from harness import servers
from suite.results import BARE, PEERS, PORTICO

COLOURS = {"portico_epoll": "#1f5fa8", "portico_uring": "#c7541c"}
COLUMNS = 3


def rows_of(results, name, other):
    """(label, interval) of each scenario, and their mean."""
    rows = [(scenario.title, results.ratio(scenario, name, other))
            for scenario in results.scenarios()]
    rows.append(("geometric mean", results.mean_ratio(name, other)))
    return rows


def draw_panel(axes, results, other, title, ours):
    for i, server in enumerate(ours):
        shift = (i - (len(ours) - 1) / 2) * 0.3
        for row, (label, interval) in enumerate(rows_of(results, server.name, other)):
            if interval is None:
                continue
            marker = "D" if label == "geometric mean" else "o"
            ends = [[interval.middle - interval.low], [interval.high - interval.middle]]
            axes.errorbar([interval.middle], [row + shift], xerr=ends, fmt=marker,
                          color=COLOURS[server.name],
                          markersize=5, elinewidth=1.6, capsize=2.5)
    axes.axvline(1.0, color="#333333", linewidth=1)
    axes.set_title(title, fontsize=10, loc="left", fontweight="bold")
    axes.grid(axis="x", which="major", color="#dddddd", linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="both", labelsize=8.5)
    labels = [scenario.title for scenario in results.scenarios()] + ["geometric mean"]
    axes.set_yticks(range(len(labels)), labels)
    axes.axhline(len(labels) - 1.5, color="#bbbbbb", linewidth=0.7)


def panels_of(results):
    ours = results.measured(PORTICO)
    panels = [(other.name, f"against {other.title}", ours)
              for other in results.measured([*PEERS, *BARE])]
    if results.measured([servers.AGAIN]):
        panels.append((servers.AGAIN.name, "against itself (A/A): the noise",
                       [servers.BY_NAME["portico_epoll"]]))
    return panels


def limits_of(results, panels):
    ends = [end for other, _, ours in panels for server in ours
            for _, interval in rows_of(results, server.name, other) if interval
            for end in (interval.low, interval.high)]
    return min(0.8, min(ends) / 1.05), max(1.25, max(ends) * 1.05)


def draw(results, file):
    panels = panels_of(results)
    if not panels:
        return
    rows = -(-len(panels) // COLUMNS)
    with pyplot.rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": "portico", "font.family": "sans-serif",
         "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"]}):
        figure, grid = pyplot.subplots(rows, COLUMNS, figsize=(12, 0.9 + 3.3 * rows), sharex=True,
                                       sharey=True, squeeze=False)
        figure.patch.set_facecolor("white")
        for axes, (other, title, ours) in zip(grid.flat, panels):
            draw_panel(axes, results, other, title, ours)
        first = grid.flat[0]
        first.set_xscale("log")
        first.set_xlim(*limits_of(results, panels))
        first.invert_yaxis()
        ticks = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2, 3, 4, 6, 10,
                 20]
        low, high = first.get_xlim()
        inside = [tick for tick in ticks if low <= tick <= high]
        if len(inside) > 7:  # a wide range: fewer of them
            inside = [tick for tick in inside
                      if tick in (0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2, 4, 10, 20)]
        for axes in grid.flat[:len(panels)]:
            axes.xaxis.set_major_locator(ticker.FixedLocator(inside))
            axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
            axes.xaxis.set_minor_locator(ticker.NullLocator())
            axes.xaxis.set_tick_params(labelbottom=True)
        for axes in grid.flat[len(panels):]:
            axes.set_visible(False)
        figure.suptitle("CPU time of the server a message: Portico / other, with 95 % intervals. "
                        "Left of 1 Portico needs less.",
                        fontsize=11.5, x=0.01, ha="left")
        handles = [pyplot.Line2D([], [], color=COLOURS[server.name], marker="o", linewidth=1.6,
                                 label=server.title)
                   for server in results.measured(PORTICO)]
        figure.legend(handles=handles, loc="upper right", ncol=2, frameon=False, fontsize=9.5,
                      bbox_to_anchor=(0.995, 1.0))
        figure.tight_layout(rect=(0, 0, 1, 0.965))
        figure.savefig(file, format="svg", metadata={"Date": None})
        pyplot.close(figure)
