"""Charts as inline SVG. Colours are the page's variables, so the page decides about light and dark;
each contestant has a shape as well as a colour. A chart is small, and as wide as a phone: a page
puts several side by side if there is room."""
import html
import math

WIDTH, HEIGHT = 340, 220
LEFT, RIGHT, TOP, BOTTOM = 56, 14, 10, 36
ROW_HEIGHT = 21
RATIO_LEFT = 142


def text(content, x, y, anchor="middle", kind=""):
    attributes = f' class="{kind}"' if kind else ""
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{attributes}>'
            f'{html.escape(content)}</text>')


def line(x1, y1, x2, y2, kind):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def marker(name, x, y, tip="", radius=4):
    """A contestant's shape, filled with its colour. `tip`: the text that the pointer shows."""
    shapes = {
        "one_to_one": f"M{x - radius:.1f} {y - radius:.1f}h{2 * radius}v{2 * radius}"
                      f"h{-2 * radius}z",
        "threads": f"M{x:.1f} {y - radius - 1:.1f}l{radius + 1} {2 * radius}h{-2 * radius - 2}z",
        "iocp": f"M{x:.1f} {y - radius - 1:.1f}l{radius + 1} {radius + 1}l{-radius - 1} "
                f"{radius + 1}l{-radius - 1} {-radius - 1}z",
        "portico": f"M{x - radius:.1f} {y:.1f}a{radius} {radius} 0 1 0 {2 * radius} 0a{radius} "
                   f"{radius} 0 1 0 {-2 * radius} 0z",
    }
    title = f"<title>{html.escape(tip)}</title>" if tip else ""
    return f'<path class="fill {name}" d="{shapes[name]}">{title}</path>'


def opened(height, title):
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{html.escape(title)}">'


# ---- axes
# --------------------------------------------------------------------------------------------------


def linear_ticks(most):
    """From 0 to at least `most`, in four or five round steps."""
    step = 10 ** math.floor(math.log10(most / 4))
    step *= next(factor for factor in (1, 2, 2.5, 5, 10) if factor * step * 5 >= most)
    ticks = [step * i for i in range(7)]
    return ticks[:next(i for i, tick in enumerate(ticks) if tick >= most * 0.999) + 1]


def logarithmic_ticks(least, most, base):
    """Powers of the base around all values: only every second or third if there are many, and also
    twice and five times a power of ten if there are few."""
    low, high = math.floor(math.log(least, base) + 1e-9), math.ceil(math.log(most, base) - 1e-9)
    high = max(high, low + 1)
    if base == 10 and high - low <= 2:
        fine = sorted(factor * 10.0**power for power in range(low, high + 1)
                      for factor in (1, 2, 5))
        start = max(tick for tick in fine if tick <= least * 1.001)
        end = min(tick for tick in fine if tick >= max(most * 0.999, 2 * start))
        return [tick for tick in fine if start <= tick <= end]
    step = math.ceil((high - low) / 5)
    high = low + step * math.ceil((high - low) / step)
    return [float(base) ** power for power in range(low, high + 1, step)]


def scale(ticks, is_logarithmic, start, end):
    """Maps a value to its place, with the first tick at `start` and the last at `end`."""
    def measure(value):
        return math.log10(value) if is_logarithmic else value
    low, high = measure(ticks[0]), measure(ticks[-1])
    return lambda value: start + (measure(value) - low) / (high - low) * (end - start)


def ratio_ticks(low, high):
    """Ticks around 1, few enough that their texts have room."""
    for candidates in ((0.5, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2), (0.25, 0.5, 0.7, 1, 1.5, 2, 4),
                       (0.1, 0.25, 0.5, 1, 2, 4, 10),
                       (0.01, 0.1, 1, 10, 100), (0.0001, 0.01, 1, 100, 10_000)):
        inside = [tick for tick in candidates if low <= tick <= high]
        if candidates[0] <= low and high <= candidates[-1] and len(inside) <= 7:
            return inside
    return [1]


# ---- charts
# --------------------------------------------------------------------------------------------------


def lines(chart, titles):
    """Draws blocks.Lines; `titles`: those of the contestants."""
    values = [value for series in chart.series for value in series.values if value]
    if not values:
        return ""
    ticks = (logarithmic_ticks(min(values), max(values), chart.base) if chart.base
             else linear_ticks(max(values)))
    y = scale(ticks, bool(chart.base), HEIGHT - BOTTOM, TOP)
    room = (WIDTH - LEFT - RIGHT) / len(chart.steps)
    xs = [LEFT + (i + 0.5) * room for i in range(len(chart.steps))]
    parts = [opened(HEIGHT, chart.title)]
    for tick in ticks:
        parts += [line(LEFT, y(tick), WIDTH - RIGHT, y(tick), "grid"),
                  text(chart.shown(tick), LEFT - 6, y(tick) + 4, "end")]
    parts += [text(step, x, HEIGHT - BOTTOM + 16) for step, x in zip(chart.steps, xs)]
    parts.append(text("connections", (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4, kind="axis"))
    for series in chart.series:
        points = [(x, y(value), step, value)
                  for x, step, value in zip(xs, chart.steps, series.values) if value]
        path = "".join(f"{'L' if i else 'M'}{point[0]:.1f} {point[1]:.1f}"
                       for i, point in enumerate(points))
        parts.append(f'<path class="line {series.name}" d="{path}"/>')
        parts += [marker(series.name, px, py,
                         f"{titles[series.name]}, {step} connections: {chart.shown(value)}")
                  for px, py, step, value in points]
    return "".join(parts) + "</svg>"


def ratios(chart):
    """Draws blocks.Ratios: a row for each interval."""
    low = min([0.9, *(interval.low for _, interval in chart.rows)]) / 1.05
    high = max([1.1, *(interval.high for _, interval in chart.rows)]) * 1.05
    x = scale([low, high], True, RATIO_LEFT, WIDTH - RIGHT - 4)
    height = TOP + ROW_HEIGHT * len(chart.rows) + BOTTOM
    bottom = height - BOTTOM
    parts = [opened(height, chart.title)]
    for tick in ratio_ticks(low, high):
        parts += [line(x(tick), TOP, x(tick), bottom, "one" if tick == 1 else "grid"),
                  text(f"{tick:g}", x(tick), bottom + 16)]
    for i, (label, interval) in enumerate(chart.rows):
        y = TOP + (i + 0.5) * ROW_HEIGHT
        parts += [text(label, RATIO_LEFT - 10, y + 4, "end"),
                  line(x(interval.low), y, x(interval.high), y, f"line {chart.name}"),
                  marker(chart.name, x(interval.middle), y,
                         f"{label}: {interval.middle:.2f} "
                         f"({interval.low:.2f}–{interval.high:.2f})")]
    parts.append(text(chart.note, (RATIO_LEFT + WIDTH - RIGHT) / 2, height - 4, kind="axis"))
    return "".join(parts) + "</svg>"
