"""Tests of the statistics: cd bench && python3 -m unittest"""
import math
import unittest

import numpy

from harness import paired


def rounds_of(figures):
    return [(figure, figure) for figure in figures]


class Rounds(unittest.TestCase):
    def test_each_round_runs_all_in_both_orders_and_begins_with_another(self):
        order = []

        def run(name):
            order.append(name)
            return len(order)

        runs = paired.rounds("ABC", range(2), run)
        self.assertEqual("".join(order), "ABCCBA" "BCAACB")
        self.assertEqual(runs, {"A": [[1, 6], [9, 10]], "B": [[2, 5], [7, 12]],
                                "C": [[3, 4], [8, 11]]})


class LogRatios(unittest.TestCase):
    def test_a_round_is_the_geometric_mean_of_its_halves(self):
        logs = paired.log_ratios([(2.0, 8.0)], [(1.0, 4.0)])
        self.assertAlmostEqual(math.exp(logs[0]), 2.0)

    def test_a_drift_that_meets_all_servers_alike_cancels(self):
        drift = [1.0 + 0.1 * i for i in range(21)]
        logs = paired.log_ratios(rounds_of([3 * d for d in drift]),
                                 rounds_of([2 * d for d in drift]))
        result = paired.ratio(logs)
        for figure in (result.middle, result.low, result.high):
            self.assertAlmostEqual(figure, 1.5)

    def test_a_drift_within_a_round_cancels(self):
        # A B B A, each run a tenth slower than the one before
        logs = paired.log_ratios([(1.0, 1.1**3)], [(1.1, 1.1**2)])
        self.assertAlmostEqual(logs[0], 0)

    def test_rounds_that_cannot_be_paired_are_refused(self):
        with self.assertRaises(ValueError):
            paired.log_ratios(rounds_of([1, 2]), rounds_of([1]))
        with self.assertRaises(ValueError):
            paired.log_ratios([], [])


class Intervals(unittest.TestCase):
    def test_the_interval_holds_the_truth_about_as_often_as_it_says(self):
        random = numpy.random.default_rng(1)
        hits = 0
        for _ in range(200):
            logs = random.normal(math.log(1.2), 0.1, size=21)
            result = paired.ratio(logs)
            hits += result.low <= 1.2 <= result.high
        self.assertGreater(hits, 180)
        self.assertLess(hits, 200)

    def test_it_is_the_same_each_time(self):
        logs = numpy.random.default_rng(2).normal(0, 0.1, size=21)
        self.assertEqual(paired.ratio(logs), paired.ratio(logs))

    def test_one_disturbed_round_does_not_move_it_far(self):
        quiet = numpy.random.default_rng(3).normal(0, 0.01, size=21)
        disturbed = quiet.copy()
        disturbed[7] = math.log(10)
        self.assertLess(paired.ratio(disturbed).high, 1.02)

    def test_more_noise_makes_it_wider(self):
        noise = numpy.random.default_rng(4).normal(0, 1, size=21)
        narrow, wide = paired.ratio(0.01 * noise), paired.ratio(0.1 * noise)
        self.assertLess(narrow.high / narrow.low, wide.high / wide.low)


class GeometricMeans(unittest.TestCase):
    def test_half_and_double_make_one(self):
        half, double = numpy.full(21, math.log(0.5)), numpy.full(21, math.log(2))
        self.assertAlmostEqual(paired.geometric_mean([half, double]).middle, 1)

    def test_several_scenarios_are_known_better_than_one(self):
        random = numpy.random.default_rng(5)
        scenarios = [random.normal(0, 0.1, size=21) for _ in range(9)]
        mean, single = paired.geometric_mean(scenarios), paired.ratio(scenarios[0])
        self.assertLess(mean.high / mean.low, single.high / single.low)


if __name__ == "__main__":
    unittest.main()
