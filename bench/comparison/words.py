"""Figures in words: the same for every text, so that a page always uses the same words."""
import math


def rounded(value, digits=3):
    """To so many significant digits: more would only be noise."""
    if value == 0:
        return 0.0
    return round(value, digits - 1 - math.floor(math.log10(abs(value))))


def number(value, digits=3):
    value = rounded(value, digits)
    return f"{value:,.0f}" if value >= 100 else f"{value:g}"


def count(value):
    """The exact number."""
    return f"{value:,.0f}"


def time_us(value):
    value = rounded(value)
    return (f"{value / 1e6:g} s" if value >= 1e6 else f"{value / 1e3:g} ms" if value >= 1e3
            else f"{value:g} µs")


def size(value):
    value = max(0.0, value)
    for unit, bytes_of in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if value >= bytes_of:
            return f"{rounded(value / bytes_of):,g} {unit}"
    return f"{value:.0f} B"


def interval(found):
    """1.23 (1.20–1.26)"""
    if math.isinf(found.high):
        return f"{found.middle:.2f} (?)"
    return f"{found.middle:.2f} ({found.low:.2f}–{found.high:.2f})"


def plural(amount, noun):
    return f"{amount:,} {noun}{'' if amount == 1 else 's'}"


def listed(texts):
    texts = list(texts)
    return (texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}" if texts
            else "")


def times(found):
    """The text before "as many": only a ratio whose interval excludes 1 is called a difference."""
    if math.isinf(found.high):
        return f"{found.middle:.2f} times as many (in too few rounds to be sure)"
    if found.low <= 1 <= found.high:
        return f"no difference that these runs can tell, {interval(found)}"
    return f"{found.middle:.2f} times as many ({found.low:.2f}–{found.high:.2f})"
