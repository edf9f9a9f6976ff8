"""Tests of the results of placement, slow neighbours and admission: cd bench && python3 -m
unittest"""
import unittest

from suite import admission, bars, report
from suite.results import Results


def bar_of(results, text):
    found = [bar for bar in bars.all_bars(results) if text in bar.text]
    assert len(found) == 1, found
    return found[0]


class Placement(unittest.TestCase):
    def results(self, *busy):
        rounds = [{"busy_ns": list(each), "rate": 1000.0} for each in busy]
        return Results({"placement": {"portico_epoll": rounds}})

    def test_the_share_is_the_busiest_threads_of_all_work_in_the_median_round(self):
        self.assertEqual(self.results([30, 10], [10, 10], [90, 10]).placement("portico_epoll"),
                         (0.75, 1000.0))
        self.assertIsNone(self.results([1, 1]).placement("portico_uring"))

    def test_half_and_half_is_met_and_all_on_one_is_missed(self):
        self.assertTrue(bar_of(self.results([55, 45]), "come one by one").is_met)
        self.assertFalse(bar_of(self.results([100, 0]), "come one by one").is_met)

    def test_no_work_at_all_is_no_division_by_zero(self):
        self.assertEqual(self.results([0, 0]).placement("portico_epoll")[0], 0)


class SlowNeighbour(unittest.TestCase):
    def results(self, ours, theirs):
        return Results({"slow_neighbour": {"portico_epoll": [[700.0, each] for each in ours],
                                           "bare_epoll": [[700.0, each] for each in theirs]}})

    def test_rounds_are_paired_with_those_of_the_loop_by_hand(self):
        self.assertEqual(self.results([6.0, 10.0, 30.0], [5.0, 10.0, 10.0]).slow_neighbour(
            "portico_epoll"), (700.0, 10.0, 1.2))

    def test_one_and_a_half_times_the_loop_by_hand_is_the_most(self):
        self.assertTrue(bar_of(self.results([7500.0], [5000.0]), "callbacks of 5 ms").is_met)
        self.assertFalse(bar_of(self.results([10000.0], [5000.0]), "callbacks of 5 ms").is_met)

    def test_without_the_loop_by_hand_there_is_no_bar(self):
        results = Results({"slow_neighbour": {"portico_epoll": [[700.0, 5000.0]]}})
        self.assertFalse([bar for bar in bars.all_bars(results) if "callbacks of 5 ms" in bar.text])
        self.assertIn("–", report.slow_neighbour_part(results))


class Admission(unittest.TestCase):
    def found(self, messages, served=admission.CONNECTIONS):
        found = admission.summary([{"messages": messages, "milliseconds": 5, "served": served}])
        return {**found, "at_work": found}

    def test_the_summary_has_the_medians_and_the_fewest_that_were_served(self):
        rounds = [{"messages": messages, "milliseconds": milliseconds, "served": served}
                  for messages, milliseconds, served in (
                      (3000, 9, 1000), (1000, 7, 999), (2000, 8, 1000))]
        self.assertEqual(admission.summary(rounds),
                         {"messages": 2000, "milliseconds": 8, "served": 999,
                          "all_messages": [3000, 1000, 2000]})

    def test_too_many_messages_or_a_client_without_an_answer_miss_the_bar(self):
        self.assertTrue(admission.holds(self.found(6000)))
        self.assertFalse(admission.holds(self.found(6001)))
        self.assertFalse(admission.holds(self.found(1000, served=999)))

    def test_the_bars_are_about_the_host_here_and_under_wine(self):
        found = self.found(51452)
        results = Results({"admission": {"portico_epoll": self.found(1000), "libuv": found},
                           "wine": {"requests": {}, "verdicts": [], "admission": {
                               "iocp": {**found, "is_host": True},
                               "article's port": {**found, "is_host": False}}}})
        self.assertTrue(
            bar_of(results, "Portico, epoll: 1,000 clients that come at once, messages").is_met)
        self.assertTrue(
            bar_of(results,
                   "Portico, epoll: 1,000 clients that come at once, callbacks of 5 ms").is_met)
        self.assertFalse(bar_of(results, "under Wine, iocp: 1,000 clients").is_met)
        self.assertIn("51,452", report.admission_part(results))


class NothingMeasured(unittest.TestCase):
    def test_parts_that_were_not_measured_have_no_bars_and_no_tables(self):
        results = Results({})
        self.assertEqual(list(bars.all_bars(results)), [])
        for part in (report.placement_part, report.slow_neighbour_part, report.admission_part):
            self.assertIsNone(part(results))


if __name__ == "__main__":
    unittest.main()
