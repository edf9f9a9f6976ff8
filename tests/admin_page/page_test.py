#!/usr/bin/env python3
"""The admin endpoint's page in a real Chromium, against the real host with real traffic.

    page_test.py --bin DIR --work DIR

Without a Chromium it says so and exits with 77, which ctest counts as skipped.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import unittest

from devtools import Browser, Page, find_browser
from inspection import inspect, nameless
from serving import Host, echoes, is_refused, lasting_port, send_until_closed, wait_until

MARKUP = "<img/src=x/onerror=document.title=1>"  # a listener's name has no spaces and no quotes
TOKEN = "a-token-for-the-page-test"
SKIPPED = 77
options = None


def text(value):
    """As a JavaScript expression."""
    return json.dumps(value)


def row(listener):
    """The expression of a listener's row."""
    return (f"[...by('listener_rows').rows].find(each => each.querySelector('.name').textContent"
            f" === {text(listener)})")


def button(listener, number):
    """Drain, undo, connections: that button of the listener's row."""
    return f"{row(listener)}.querySelectorAll('.actions button')[{number}]"


def state_is(listener, *states):
    return f"{text(states)}.some(each => {row(listener)}.querySelector('.badge').textContent" \
           ".endsWith(each))"


def counted(listener, measure):
    """What the rates of a track add up to. (The first one has no beginning.)"""
    return (f"(() => {{ const {{times, tracks}} = poller.history;"
            f" return (tracks.get({text(listener)})?.{measure} ?? []).reduce((sum, each, i) =>"
            " sum + (i > 0 && Number.isFinite(each) ? each * (times[i] - times[i - 1]) / 1000 : 0),"
            " 0); })()")


SAMPLES = "poller.history.times.length"


class PageTest(unittest.TestCase):
    def check_page(self, page, *expected):
        """It asked nobody but its host, and the browser had nothing to complain about but what is
        expected."""
        strangers = {each for each in page.requests if not each.startswith(self.host.address)}
        self.assertEqual(strangers - {"data:,"}, set())
        self.assertEqual([each for each in page.complaints
                          if not any(part in each for part in expected)], [])


class WithTraffic(PageTest):
    """One page, on a host with a hundred listeners."""

    @classmethod
    def setUpClass(cls):
        local = {"listen": "127.0.0.1:0"}
        listeners = [{"name": "echo", "plugin": "echo", **local},
                     {"name": MARKUP, "plugin": "echo", **local},
                     {"name": "traffic", "plugin": "echo", **local},
                     {"name": "errors", "plugin": "bad_answers_error", **local},
                     {"name": "warnings", "plugin": "bad_answers_error", **local}]
        listeners += [{"name": f"tenant-{i:03}", "plugin": "ack", **local} for i in range(95)]
        cls.host = Host(options.bin, options.work, "busy", listeners, local)
        cls.addClassCleanup(cls.host.stop)
        cls.browser = Browser(find_browser(), os.path.join(options.work, "browser"))
        cls.enterClassContext(cls.browser)
        cls.page = Page(cls.browser)
        cls.page.open(cls.host.address)
        cls.page.wait(SAMPLES + " >= 2")

    def setUp(self):
        self.page.look(1280, 900, dark=False)
        self.page.evaluate("by('search').value = ''; choose_order(undefined); show_all(true)")

    def tearDown(self):
        self.check_page(self.page)

    def wait(self, condition):
        self.page.wait(condition)

    def wait_for_samples(self, more):
        self.wait(f"{SAMPLES} >= {self.page.evaluate(SAMPLES) + more}")

    def load(self, *arguments):
        result = subprocess.run(
            [os.path.join(options.bin, "client"), f"127.0.0.1:{self.host.port('traffic')}",
             *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=120, check=False)
        self.assertEqual(result.returncode, 0, result.stdout.decode())

    def test_it_says_what_the_host_is(self):
        self.assertEqual(self.page.evaluate("by('state').textContent"), "ready")
        facts = self.page.evaluate("by('facts').textContent")
        self.assertRegex(facts, r"^version \d.* · Linux · \w+ · \d+ workers? · process \d+ · up ")
        self.assertEqual(self.page.evaluate("by('listener_rows').rows.length"), 100)
        self.assertEqual(self.page.evaluate(
            f"{row('echo')}.querySelector('.detail').textContent"),
            f"echo · 127.0.0.1:{self.host.port('echo')}")
        self.wait("by('worker_list').querySelector('.number').textContent.endsWith('%')")
        # 100 instances of three plugins are three rows.
        self.assertEqual(self.page.evaluate("by('plugin_rows').rows.length"), 3)
        self.assertIn("and 89 more", self.page.evaluate("by('plugin_rows').textContent"))

    def test_the_charts_show_what_happened(self):
        self.load("--size", "100", "--connections", "4", "--count", "500")
        for _ in range(5):
            send_until_closed(self.host.port("errors"), b"hi")
        # The rates add up to what the clients did: nothing is lost between two samples.
        for listener, measure, sum_of_rates in (
                ("traffic", "received", 200000), ("traffic", "sent", 200000),
                ("traffic", "accepted", 4), ("errors", "errors", 5)):
            with self.subTest(listener=listener, measure=measure):
                self.wait(f"Math.abs({counted(listener, measure)} - {sum_of_rates}) < 0.01")
        self.assertGreater(self.page.evaluate(counted("traffic", "messages")), 0)
        latency = self.page.evaluate(
            "poller.history.tracks.get('traffic').p99.filter(Number.isFinite)")
        self.assertTrue(latency and all(0 < each < 10 for each in latency), latency)
        # All charts have lines, and the listeners with traffic are among them.
        self.wait("ranked_at = -Infinity, show_all(), shade_of.has('traffic')")
        self.assertEqual(self.page.evaluate(
            "[...document.querySelectorAll('figure')].map(each =>"
            " each.querySelectorAll('path.line').length > 0)"), [True] * 6)
        self.assertIn("traffic", self.page.evaluate("by('legend').textContent"))
        # The cursor tells the values, by pointer and by keyboard.
        x, y = self.page.evaluate(
            "(() => { by('figures').scrollIntoView(); const place ="
            " document.querySelector('figure svg').getBoundingClientRect();"
            " return [place.right - 20, place.top + 40]; })()")
        self.page.point(x, y)
        self.wait("/\\d\\d:\\d\\d:\\d\\d.*traffic.*B\\/s/.test("
                  "document.querySelector('.tip.seen')?.textContent)")
        self.page.point(0, 0)
        self.wait("!document.querySelector('.tip.seen')")
        self.page.evaluate("document.querySelectorAll('figure')[4].focus()")
        self.page.press("ArrowLeft")
        self.wait("document.querySelector('.tip.seen')")
        self.page.evaluate("document.activeElement.blur()")

    def test_a_drain_is_a_click_a_question_and_an_undo(self):
        port = self.host.port("tenant-007")
        self.page.click(button("tenant-007", 0))
        self.wait("by('question').open")
        self.assertEqual(self.page.evaluate("by('question_title').textContent"),
                         "Drain tenant-007?")
        self.assertFalse(is_refused(port))
        self.page.click("by('question_yes')")
        self.wait(state_is("tenant-007", "drained"))
        self.assertTrue(is_refused(port))
        self.assertIn("tenant-007 drains", self.page.evaluate("by('notes').textContent"))
        self.page.click(button("tenant-007", 1))
        self.wait(state_is("tenant-007", "listening"))
        self.assertFalse(is_refused(port))

    def test_a_drain_without_consent_does_nothing(self):
        # With the keyboard alone, and what has the focus keeps it while the page goes on.
        self.page.click("by('search')")
        drain = button("echo", 0)
        for _ in range(60):
            self.page.press("Tab")
            if self.page.evaluate(f"document.activeElement === {drain}"):
                break
        else:
            self.fail("the keyboard does not reach the button")
        self.wait_for_samples(2)
        self.assertTrue(self.page.evaluate(f"document.activeElement === {drain}"))
        self.page.press("Enter")
        self.wait("by('question').open")
        self.page.press("Escape")
        self.wait(f"!by('question').open && document.activeElement === {drain}")
        self.wait_for_samples(1)
        self.assertTrue(self.page.evaluate(state_is("echo", "listening")))
        self.assertFalse(is_refused(self.host.port("echo")))

    def test_a_connection_is_closed_by_a_click(self):
        with socket.create_connection(("127.0.0.1", self.host.port("echo")), 30) as connection:
            self.assertTrue(echoes(connection, b"hello"))
            own = "%s:%d" % connection.getsockname()
            self.page.click(button("echo", 2))
            find = (f"[...by('connection_rows').rows].find(each => each.textContent"
                    f".includes({text(own)}))")
            self.wait(find + "?.textContent.includes('5 B')")
            self.page.click(f"{find}.querySelector('button')")
            self.assertEqual(connection.recv(1), b"")
        self.wait(f"!({find})")
        self.wait("by('endings').textContent.startsWith('Ended so far: ')")
        self.page.click("by('connections_done')")
        self.wait("!by('connections').open")

    def test_a_hundred_listeners_are_searched_and_sorted(self):
        self.page.click("by('search')")
        self.page.type("tenant-09")
        self.wait("by('listener_rows').rows.length === 5")
        self.assertEqual(self.page.evaluate("by('matches').textContent"), "5 of 100")
        self.page.type(" nothing")
        self.wait("by('listener_rows').rows.length === 0")
        self.page.evaluate("by('search').value = ''; show_all(true)")
        with socket.create_connection(("127.0.0.1", self.host.port("tenant-050")), 30):
            self.wait("listener_items.find(each => each.name === 'tenant-050')"
                      ".listener.connections.open === 1")
            self.page.click("listener_columns.find(each => each.title === 'Connections').head"
                            ".firstElementChild")
            self.wait("by('listener_rows').rows[0].textContent.includes('tenant-050')")
            self.assertEqual(self.page.evaluate(
                "document.querySelector('[aria-sort=descending]').textContent"), "Connections")

    def test_what_the_host_says_is_text(self):
        self.assertEqual(self.page.evaluate(f"{row(MARKUP)}.querySelector('.name').textContent"),
                         MARKUP)
        self.page.evaluate(f"picked.clear(), picked.add({text(MARKUP)}), show_all(),"
                           f"note({text(MARKUP)})")
        self.wait(f"by('legend').textContent.includes({text(MARKUP)})")
        self.assertEqual(self.page.evaluate("document.images.length"), 0)
        self.assertEqual(self.page.evaluate("document.title"), "Portico")
        self.page.evaluate("picked.clear(), show_all()")

    def test_warnings_are_listed(self):
        send_until_closed(self.host.port("warnings"), b"hi")
        self.wait("by('warning_list').textContent.includes('on_data returned')")
        self.page.evaluate("by('level').value = 'debug',"
                           " by('level').dispatchEvent(new Event('change'))")
        self.wait("poller.status.log.level === 'debug'")
        self.page.evaluate("by('level').value = 'info',"
                           " by('level').dispatchEvent(new Event('change'))")
        self.wait("poller.status.log.level === 'info'")

    def test_it_can_be_read_light_and_dark_wide_and_narrow(self):
        for dark in (False, True):
            for width, height, phone in ((1280, 900, False), (390, 844, True)):
                with self.subTest(dark=dark, width=width):
                    self.page.look(width, height, dark, phone)
                    self.wait_for_samples(1)
                    self.assertEqual(self.page.evaluate(
                        "getComputedStyle(document.body).backgroundColor"),
                        "rgb(15, 18, 22)" if dark else "rgb(246, 247, 249)")
                    self.assertEqual(inspect(self.page, "faint_texts"), [])
                    self.assertLessEqual(inspect(self.page, "overflow"), 0)
                    if phone:
                        self.assertEqual(inspect(self.page, "small_controls"), [])

    def test_screen_readers_have_names_for_everything(self):
        self.assertEqual(nameless(self.page), [])

    def test_the_exposition_is_read_as_it_is_written(self):
        samples = self.page.evaluate(
            "(() => { const taken = []; read_samples("
            + text('# HELP a {b="c"} 1\na 1\n\na{b="x,} \\"\\\\\\n",c="d"} +Inf\nother{b="1"} 7\n'
                   'a{b=""} NaN') +
            ", new Set(['a']), (name, labels, value) =>"
            " taken.push([name, {...labels}, String(value)])); return taken; })()")
        self.assertEqual(samples, [["a", {}, "1"], ["a", {"b": 'x,} "\\\n', "c": "d"}, "Infinity"],
                                   ["a", {"b": ""}, "NaN"]])

    def test_quantiles_are_those_of_the_buckets(self):
        for buckets, share, expected in (
                ([[1, 10], [2, 20], ["i", 20]], 0.5, 1), ([[1, 10], [2, 20], ["i", 20]], 0.75, 1.5),
                ([[1, 0], [2, 4], ["i", 4]], 0.5, 1.5), ([[1, 0], ["i", 4]], 0.99, 1),
                ([[1, 0], ["i", 0]], 0.5, None), ([], 0.5, None)):
            with self.subTest(buckets=buckets, share=share):
                argument = text(buckets).replace('"i"', "Infinity")
                self.assertEqual(self.page.evaluate(
                    f"(value => Number.isFinite(value) ? value : null)(quantile({argument},"
                    f" {share}))"), expected)


class WithToken(PageTest):
    """A host that asks for a token, ends and comes back."""

    def start(self):
        host = Host(options.bin, options.work, "guarded",
                    [{"name": "echo", "plugin": "echo", "listen": "127.0.0.1:0"}], self.admin)
        self.addCleanup(host.stop)
        return host

    def test_it_asks_for_the_token_and_waits_for_a_host_that_is_gone(self):
        token_file = os.path.join(options.work, "token")
        with open(token_file, "w", encoding="ascii",
                  opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(TOKEN + "\n")
        self.admin = {"listen": f"127.0.0.1:{lasting_port()}", "token_file": token_file}
        self.host = self.start()
        with Browser(find_browser(), os.path.join(options.work, "guarded_browser")) as browser:
            page = Page(browser)
            page.open(self.host.address)
            page.wait("by('token').open")
            page.type("another-token-than-that")
            page.press("Enter")
            page.wait("by('token').open && by('token_text').textContent.includes('refused')")
            page.type(TOKEN)
            page.click("document.querySelector('#token button')")
            page.wait(SAMPLES + " >= 1")
            self.assertFalse(page.evaluate("by('token').open"))
            self.check_page(page, "401 (")

            self.host.stop()
            page.wait("!by('trouble').hidden && by('state').textContent === 'no answer'")
            self.assertRegex(page.evaluate("by('trouble').textContent"),
                             r"^The host has not answered since \d\d:\d\d:\d\d \(\d+ s\)\.")
            self.host = self.start()
            page.wait("by('trouble').hidden && by('state').textContent === 'ready'")
            self.assertIn("started anew", page.evaluate("by('notes').textContent"))
            self.check_page(page, "401 (", "net::ERR_", "503 (")


def main():
    global options
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, type=os.path.abspath)
    parser.add_argument("--work", required=True, type=os.path.abspath)
    options, rest = parser.parse_known_args()
    if not find_browser():
        print("SKIPPED: no Chromium is installed (./dev setup browser)")
        sys.exit(SKIPPED)
    shutil.rmtree(options.work, ignore_errors=True)
    os.makedirs(options.work)
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)


if __name__ == "__main__":
    main()
