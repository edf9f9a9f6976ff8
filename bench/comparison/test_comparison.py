"""Tests of the comparison's logic: cd bench && python3 -m unittest"""
import argparse
import html.parser
import pathlib
import re
import unittest
import unittest.mock
import xml.etree.ElementTree

from comparison import compare
from harness import paired

from harness.processes import BenchError

from . import blocks, contestants, html as html_page, loads, markdown, measure, story, svg, words
from .findings import Findings

RATES = {"one_to_one": 900.0, "threads": 1000.0, "iocp": 800.0, "portico": 2000.0}


def runs_of(rate, count=5):
    one = {"rate": rate, "p50_us": 1e6 / rate, "p99_us": 2e6 / rate, "cpu_us": 5e5 / rate}
    return [[one, one]] * count


def data_of(systems=("linux", "wine"), connections=(1, 64), attended=(1, 64, 2000), rates=None,
            **settings):
    """Results like those of compare.py, with the same rates in all loads."""
    rates = rates or RATES
    data = {"machine": {"Processor": "<P&Q>"}, "systems": {},
            "settings": {"date": "2026-01-31", "is_quick": False, "load_before": 0.1,
                         "server_processors": 1, "is_whole": True, "minutes": 9.0,
                         **settings}}
    for system in systems:
        found = {"title": system, "backend": "epoll", "connections": list(connections),
                 "seconds": 0.4, "loads": {}, "attendance": {}, "census": {}}
        for load in loads.all_loads(list(connections)):
            taking = [each for each in contestants.on(system, load.plugin) if load.takes(each)]
            found["loads"][load.name] = {
                "runs": {each.name: runs_of(rates[each.name]) for each in taking},
                "opening_us": {each.name: 30.0 for each in taking}}
        for each in contestants.on(system, "echo"):
            found["attendance"][each.name] = {str(step): {"served": step if each.is_for_all else 1}
                                              for step in attended}
            found["census"][each.name] = {
                str(step): {
                    "alone": {"threads": 1, "pss": 2**20, "private": 2**20, "addresses": 2**26},
                    "serving": {"threads": 1 + step, "pss": 2**20 + 4096 * step,
                                "private": 2**20 + 4096 * step,
                                "addresses": 2**26 + 2**20 * step}} if each.is_for_all or step == 1
                else None for step in attended}
        data["systems"][system] = found
    return data


def setUpModule():  # pylint: disable=invalid-name
    """These data have no noise, and a page has many intervals."""
    fewer = unittest.mock.patch.object(paired, "RESAMPLES", 100)
    fewer.start()
    unittest.addModuleCleanup(fewer.stop)


def page_of(**options):
    return story.page(Findings(data_of(**options)))


class WordsForFigures(unittest.TestCase):
    def test_no_more_digits_than_are_known(self):
        self.assertEqual([words.number(value) for value in (123_456, 99.96, 1.2345, 0)],
                         ["123,000", "100", "1.23", "0"])

    def test_times_and_sizes_have_the_unit_that_suits(self):
        self.assertEqual([words.time_us(value) for value in (12.34, 1234, 2_500_000)],
                         ["12.3 µs", "1.23 ms", "2.5 s"])
        self.assertEqual([words.size(value) for value in (512, 8 * 2**20, 3 * 2**30, -5)],
                         ["512 B", "8 MiB", "3 GiB", "0 B"])

    def test_a_difference_is_said_only_where_the_interval_bears_it_out(self):
        self.assertIn("no difference", words.times(paired.Interval(1.1, 0.9, 1.3)))
        self.assertEqual(words.times(paired.Interval(0.5, 0.4, 0.6)),
                         "0.50 times as many (0.40–0.60)")

    def test_a_list_reads_as_a_sentence(self):
        self.assertEqual(words.listed(["a", "b", "c"]), "a, b and c")
        self.assertEqual((words.listed(["a"]), words.listed([])), ("a", ""))


class Loads(unittest.TestCase):
    def test_one_to_one_takes_part_only_where_everybody_comes_to_their_turn(self):
        taken = [load.name for load in loads.all_loads([1, 8, 64]) if load.plugin == "echo"
                 and load.takes(contestants.ONE_TO_ONE)]
        self.assertEqual(taken, ["echo_1", "visits"])

    def test_the_acknowledgement_is_checked(self):
        options = loads.pings("ack", [8])[0].options(("--count", "1"))
        self.assertIn("text:Message received successfully", options)


class TimedRuns(unittest.TestCase):
    def seconds_of_the_runs(self, received):
        """The seconds of the runs that are made if the first ones bring so many replies."""
        durations = []

        def counted(_place, _system, _running, options, least):
            self.assertEqual(least, 0)
            durations.append(options[options.index("--duration") + 1])
            return {"received": received[len(durations) - 1], "warm_up": 16,
                    "messages_per_second": 1, "latency_p50_us": 1, "latency_p99_us": 1}, 1e6
        with unittest.mock.patch.object(measure, "counted_run", counted):
            running = unittest.mock.Mock()
            running.name = "slow"
            measure.timed_run(None, None, running, loads.LARGE, 0.4,
                              measure.Opening(cpu_ns=1e3, seconds=0.5))
        return durations

    def test_they_last_until_each_connection_may_have_had_a_reply(self):
        self.assertEqual(self.seconds_of_the_runs([8]), ["500ms"])

    def test_a_server_so_slow_that_no_message_counted_gets_more_time(self):
        self.assertEqual(self.seconds_of_the_runs([0, 3]), ["500ms", "2000ms"])

    def test_a_server_that_answers_nothing_is_an_error(self):
        with self.assertRaises(BenchError):
            self.seconds_of_the_runs([0, 0, 0])


class WhatWasFound(unittest.TestCase):
    def test_more_messages_are_better_and_less_processor_time_is(self):
        findings = Findings(data_of())
        for figure in ("rate", "p99_us", "cpu_us"):
            better, equal, worse = findings.verdicts("linux", "threads", figure)
            self.assertEqual((len(better), len(equal), len(worse)), (5, 0, 0), figure)
        slow = Findings(data_of(rates={**RATES, "portico": 500.0}))
        self.assertEqual(len(slow.verdicts("linux", "threads", "rate")[2]), 5)

    def test_equal_is_neither(self):
        even = Findings(data_of(rates={**RATES, "portico": RATES["threads"]}))
        self.assertEqual([len(loads_of) for loads_of in even.verdicts("linux", "threads", "rate")],
                         [0, 5, 0])

    def test_of_too_few_rounds_nothing_is_concluded(self):
        data = data_of()
        data["systems"]["linux"]["loads"]["echo_64"]["runs"] = {name: runs_of(rate, 2)
                                                                for name, rate in RATES.items()}
        findings = Findings(data)
        better, equal, _ = findings.verdicts("linux", "threads", "rate")
        self.assertEqual((len(better), [load.name for load in equal]), (4, ["echo_64"]))
        text = markdown.written(story.page(findings))
        self.assertIn("2.00 times as many (in too few rounds to be sure)", text)
        self.assertIn("2.00 (?)", text)
        self.assertNotIn("inf", html_page.written(story.page(findings)).replace("infinity", ""))

    def test_what_a_client_adds_leaves_out_what_was_there_without_it(self):
        self.assertEqual(Findings(data_of()).bytes_each("linux", "threads", 2000), 4096)

    def test_what_was_not_measured_is_none(self):
        findings = Findings(data_of(systems=("linux",)))
        self.assertIsNone(findings.median("linux", loads.LARGE, "iocp", "rate"))
        self.assertIsNone(findings.census("linux", "one_to_one", 2000))
        self.assertIsNone(findings.median("linux", None, "portico", "rate"))


class Story(unittest.TestCase):
    def test_it_says_who_is_served(self):
        self.assertIn("2,000 clients that come at once and stay, on Linux: after a second these "
                      "have been answered: by the one-to-one server 1, a thread for each client "
                      "all and Portico all.", markdown.written(page_of()))

    def test_where_portico_is_worse_it_says_so(self):
        self.assertIn("| thread per client (Linux) | messages a second | nowhere | 5 | 0 | 0 |",
                      markdown.written(page_of()))
        text = markdown.written(page_of(rates={**RATES, "portico": 500.0}))
        self.assertIn("0.50 times as many", text)
        self.assertIn("| thread per client (Linux) | messages a second | echo, 1 connection "
                      "(0.50); echo, 64 connections (0.50); ", text)

    def test_what_was_not_measured_is_not_told(self):
        native = markdown.written(page_of(systems=("linux",)))
        measured = re.sub(r"(?s)## What was left out.*", "", native)
        self.assertNotIn("under Wine", measured.replace("under Wine with that of Wine's server", "")
                         .replace("Under Wine the private memory", ""))
        self.assertIn("`--native-only`", native)
        self.assertIn("`--windows-only`", markdown.written(page_of(systems=("wine",))))

    def test_connections_that_were_not_timed_are_named(self):
        self.assertIn("Throughput and latency of 2,000 connections under Wine",
                      markdown.written(page_of()))
        self.assertNotIn("Throughput and latency of", markdown.written(page_of(attended=(1, 64))))

    def test_a_run_that_says_little_says_so(self):
        self.assertIn("mean little", markdown.written(page_of(is_quick=True)))
        self.assertIn("not to be trusted", markdown.written(page_of(load_before=3.0)))
        self.assertNotIn("not to be trusted", markdown.written(page_of()))

    def test_one_number_of_connections_is_enough(self):
        for systems in (("linux",), ("wine",)):
            for written in (markdown.written, html_page.written):
                self.assertIn("8",
                              written(page_of(systems=systems, connections=(8,), attended=(8,))))


class PageChecker(html.parser.HTMLParser):
    """Checks that each element is closed, and collects the elements."""
    VOID = {"meta", "link", "br"}

    def __init__(self):
        super().__init__()
        self.opened, self.seen, self.values = [], set(), []

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        self.values += [value for _, value in attrs if value]
        if tag not in self.VOID:
            self.opened.append(tag)

    def handle_endtag(self, tag):
        if self.opened.pop() != tag:
            raise ValueError(f"{tag} is closed out of turn")


class Pages(unittest.TestCase):
    def setUp(self):
        self.text = html_page.written(page_of())

    def test_the_html_is_well_formed_and_needs_nothing_else(self):
        checker = PageChecker()
        checker.feed(self.text)
        self.assertEqual(checker.opened, [])
        self.assertFalse(checker.seen & {"script", "img", "iframe", "object"})
        self.assertFalse([value for value in checker.values if re.match(r"(https?:)?//", value)])
        self.assertNotRegex(self.text, r"@import|url\(")

    def test_texts_are_escaped(self):
        self.assertIn("&lt;P&amp;Q&gt;", self.text)
        self.assertNotIn("<P&Q>", self.text)

    def test_each_figure_of_the_one_page_is_on_the_other(self):
        cells = {cell.strip() for line in markdown.written(page_of()).splitlines()
                 if line.startswith("| ") for cell in line.strip("|").split("|")}
        figures = {cell for cell in cells if re.fullmatch(r"[\d.,]+( [µmGMK]?i?[sB])?", cell)}
        self.assertGreater(len(figures), 10)
        for figure in figures:
            self.assertIn(f">{figure}<", self.text)

    def test_rows_of_a_table_that_begin_alike_share_their_first_cell(self):
        rows = (("a", "1"), ("a", "2"), ("b", "3"))
        self.assertEqual([span for _, span in html_page.grouped(rows)], [2, 0, 1])

    def test_every_row_of_a_markdown_table_has_as_many_cells_as_its_head(self):
        for block in page_of().blocks:
            if isinstance(block, blocks.Table):
                self.assertEqual({len(row) for row in block.rows} | {len(block.head)},
                                 {len(block.head)}, block.title)


class ChartsDrawn(unittest.TestCase):
    def test_linear_ticks_reach_the_most(self):
        for most in (0.7, 1, 3.1, 999, 123_456):
            ticks = svg.linear_ticks(most)
            self.assertGreaterEqual(ticks[-1], most * 0.999)
            self.assertLess(ticks[-2], most)
            self.assertLessEqual(len(ticks), 7)

    def test_logarithmic_ticks_hold_all_values_and_stay_few(self):
        for base in (4, 10):
            for least, most in ((1, 1), (3, 40), (130, 500), (1, 999), (0.001, 1e9)):
                ticks = svg.logarithmic_ticks(least, most, base)
                self.assertLessEqual(ticks[0], least * 1.001)
                self.assertGreaterEqual(ticks[-1], most * 0.999)
                self.assertLessEqual(len(ticks), 9)
                self.assertGreaterEqual(len(ticks), 2)

    def test_ratio_ticks_have_the_one(self):
        for low, high in ((0.9, 1.1), (0.02, 1.2), (0.8, 30), (1e-6, 1e6)):
            self.assertIn(1, svg.ratio_ticks(low, high))

    def test_a_line_goes_on_where_a_value_is_missing(self):
        chart = blocks.Lines("A & B", "", ("1", "8", "64"),
                             (blocks.Series("portico", (1.0, None, 3.0)),), words.number)
        drawn = xml.etree.ElementTree.fromstring(svg.lines(chart, {"portico": "Portico"}))
        paths = [element.get("d") for element in drawn.iter("path")]
        self.assertEqual(len(paths), 3)  # the line and two markers
        self.assertEqual(paths[0].count("L"), 1)

    def test_nothing_measured_is_no_chart(self):
        self.assertEqual(
            svg.lines(blocks.Lines("", "", ("1",), (blocks.Series("portico", (None,)),),
                                   words.number), {}), "")


class Command(unittest.TestCase):
    def test_the_docs_are_for_a_whole_run(self):
        arguments = argparse.Namespace(output=None, build=pathlib.Path("b"))
        whole, part, quick = ({"is_whole": is_whole, "is_quick": is_quick}
                              for is_whole, is_quick in ((True, False), (False, False),
                                                         (True, True)))
        self.assertEqual(compare.output_folder(arguments, whole), compare.ROOT / "docs" / "results")
        self.assertEqual([compare.output_folder(arguments, each) for each in (part, quick)],
                         [pathlib.Path("b/compare")] * 2)
        self.assertEqual(compare.output_folder(argparse.Namespace(output=pathlib.Path("o")), whole),
                         pathlib.Path("o"))

    def test_connections_are_numbers(self):
        self.assertEqual(compare.numbers("64,1,64"), (1, 64))
        for text in ("", "a", "0", "1,20000"):
            with self.assertRaises(argparse.ArgumentTypeError):
                compare.numbers(text)


if __name__ == "__main__":
    unittest.main()
