"""Paired rounds and their statistics: ratios of two servers, with bootstrap intervals.

A round runs every server once, and then once more in the opposite order. Slow changes (the clock of
the processor, other programs) affect the two runs of each server alike, so within a round two
servers can be compared; rounds are compared with each other only through these ratios.
"""
import dataclasses
import math

import numpy

RESAMPLES = 10_000
SEED = 20_240_131  # fixed: the same runs give the same report


@dataclasses.dataclass(frozen=True)
class Interval:
    """A ratio and the interval in which it lies with 95 %."""
    middle: float
    low: float
    high: float


def rounds(names, numbers, run):
    """{name: [[first half, second half] of each round]}, the results of run(name). There is a round
    for each of `numbers`: 0, 1, ...; the iterable may end them early, or tell of the progress."""
    names = list(names)
    runs = {name: [] for name in names}
    for number in numbers:
        # The last one runs twice in a row, so that place rotates.
        turn = number % len(names)
        order = names[turn:] + names[:turn]
        first = {name: run(name) for name in order}
        second = {name: run(name) for name in reversed(order)}
        for name in names:
            runs[name].append([first[name], second[name]])
    return runs


def log_ratios(numerator, denominator):
    """The logarithm of numerator over denominator, one figure a round. Each argument is a list of
    rounds, and a round is its two runs' figures."""
    if len(numerator) != len(denominator) or not numerator:
        raise ValueError(f"{len(numerator)} rounds cannot be paired with {len(denominator)}")
    return numpy.array([
        (math.log(a1) + math.log(a2) - math.log(b1) - math.log(b2)) / 2
        for (a1, a2), (b1, b2) in zip(numerator, denominator)
    ])


def resampled_medians(logs, seed):
    drawn = numpy.random.default_rng(seed).integers(0, len(logs), size=(RESAMPLES, len(logs)))
    return numpy.median(logs[drawn], axis=1)


def interval_of(middle, resampled):
    low, high = numpy.percentile(resampled, [2.5, 97.5])
    return Interval(math.exp(middle), math.exp(low), math.exp(high))


def ratio(logs):
    """The median ratio of some rounds."""
    return interval_of(numpy.median(logs), resampled_medians(logs, SEED))


def geometric_mean(logs_of_scenarios):
    """The geometric mean of the scenarios' median ratios. Rounds are resampled within their
    scenario."""
    middle = numpy.mean([numpy.median(logs) for logs in logs_of_scenarios])
    resampled = numpy.mean(
        [resampled_medians(logs, SEED + i) for i, logs in enumerate(logs_of_scenarios)], axis=0)
    return interval_of(middle, resampled)
