//! A protocol against a host that answers as the test says: settings, sessions, replies of any
//! size, errors and panics.

#[path = "support/probe.rs"]
mod probe;
mod support;

use portico::raw;
use portico::{
    Answer, Connection, Draining, Ended, Error, Flow, Message, OnDrain, OnEnd, Opened, Protocol,
    Setup,
};
use probe::{drops, portico_plugin_query, seen};
use support::Driver;

fn fresh() -> Driver {
    // Another test may have run on this thread.
    seen();
    drops();
    Driver::new(portico_plugin_query)
}

fn started() -> Driver {
    let mut driver = fresh();
    driver.start();
    driver
}

/// An instance with this setting.
fn with_limit(limit: i64) -> Driver {
    let driver = fresh();
    driver.notes().settings.insert("limit", limit);
    driver
}

/// A protocol that has all callbacks.
struct Whole;

impl Protocol for Whole {
    type Session = ();
    const BLOCKING: bool = true;
    const FRAMING: u32 = portico::framing::DELIMITER | portico::framing::LENGTH_PREFIX;

    fn create(_: &Setup<Self>) -> Result<Self, Error> {
        Ok(Whole)
    }
    fn on_open(&self, _: &Connection<Self>, _: &Opened) -> Result<(), Error> {
        Ok(())
    }
    fn on_data(&self, _: &mut (), _: &Connection<Self>, _: Message) -> Answer {
        Ok(Flow::ALL)
    }
}
impl OnEnd for Whole {
    fn on_end(&self, _: &mut (), _: &Connection<Self>, _: &Ended) -> Result<(), Error> {
        Ok(())
    }
}
impl OnDrain for Whole {
    fn on_drain(&self, _: &mut (), _: &Connection<Self>, _: &Draining) -> Result<(), Error> {
        Ok(())
    }
}
portico::plugin_as!(whole_query, Whole, "whole", "");

#[test]
fn the_table_has_what_the_protocol_has() {
    let (probe, whole) = (Driver::new(portico_plugin_query), Driver::new(whole_query));
    // SAFETY: the tables are statics.
    let callbacks = |driver: &Driver| unsafe { &*driver.plugin().callbacks };
    assert!(callbacks(&probe).on_end.is_none() && callbacks(&probe).on_drain.is_none());
    assert!(callbacks(&whole).on_end.is_some() && callbacks(&whole).on_drain.is_some());
    assert_eq!(probe.plugin().flags, raw::PLUGIN_SERIAL);
    assert_eq!(whole.plugin().flags, raw::PLUGIN_BLOCKING);
    assert_eq!((probe.plugin().framing, whole.plugin().framing), (0, 6));
    assert_eq!((probe.plugin().name_size, probe.plugin().version_size), (5, 3));
}

#[test]
fn settings_have_defaults_and_ranges_and_their_errors_are_the_hosts() {
    assert_eq!(with_limit(7).create(), raw::OK);
    for limit in [0, 101] {
        let mut driver = with_limit(limit);
        assert_eq!((driver.validate(), driver.create()), (raw::WRONG_TYPE, raw::WRONG_TYPE));
        assert_eq!(driver.error, "");
    }
    let mut failing = with_limit(14);
    assert_eq!(failing.create(), raw::ERROR);
    assert_eq!(failing.calls(), "found 14");
    let mut without = fresh();
    without.notes().has_no_extensions = true;
    // Its settings are empty, so nothing is missing.
    assert_eq!(without.create(), raw::OK);
}

#[test]
fn what_create_fails_with_is_the_reason_as_far_as_it_fits() {
    let mut long = with_limit(15);
    assert_eq!(long.create(), raw::ERROR);
    assert_eq!(long.error, "é".repeat(128));
    let mut unlucky = with_limit(13);
    assert_eq!(unlucky.create(), raw::ERROR);
    assert!(unlucky.error.starts_with("create panicked at tests/support/probe.rs:"));
    assert!(unlucky.error.ends_with(": unlucky"), "{}", unlucky.error);
}

#[test]
fn what_was_posted_before_create_failed_is_freed() {
    let mut driver = with_limit(16);
    assert_eq!(driver.create(), raw::LIMIT);
    assert_eq!(drops(), 0);
    driver.run_posts(raw::CLOSING);
    assert_eq!(drops(), 1);
}

#[test]
fn a_session_that_fails_refuses_its_connection() {
    for (limit, code) in [(20, raw::REFUSED), (21, raw::ERROR)] {
        let mut driver = with_limit(limit);
        assert_eq!(driver.create(), raw::OK);
        assert_eq!(driver.open(), code);
        assert_eq!(driver.log().contains("not this one"), limit == 21);
    }
    let mut greeting = with_limit(22);
    greeting.start();
    assert_eq!(greeting.sent(), "welcome");
}

#[test]
fn a_session_lives_from_on_open_to_after_on_close() {
    let mut driver = started();
    assert_eq!(driver.data("send"), raw::OK);
    driver.close();
    assert_eq!(seen(), ["send after 0", "closed by peer after 1: 127.0.0.1"]);
    assert_eq!(drops(), 1);
    driver.destroy();
    assert_eq!(drops(), 1);
}

#[test]
fn a_large_reply_goes_in_pieces_and_what_the_queue_does_not_take_follows() {
    let mut driver = fresh();
    driver.max_send_bytes = 10;
    driver.start();
    driver.notes().room = 25;
    assert_eq!((driver.data("big 40"), driver.consumed), (raw::HOLD, 0));
    assert_eq!(driver.notes().sent.len(), 20);
    // An early offer and an early on_writable change nothing.
    assert_eq!((driver.data("big 40"), driver.consumed), (raw::HOLD, 0));
    assert_eq!(driver.writable(), raw::OK);
    assert_eq!(driver.notes().sent.len(), 20);
    driver.notes().room = u64::MAX;
    assert_eq!(driver.writable(), raw::OK);
    assert_eq!(driver.notes().sent.len(), 40);
    // The plugin has seen the message, so it is not called again.
    assert_eq!((driver.data("big 40"), driver.consumed), (raw::OK, 6));
    assert_eq!(seen(), ["big 40 after 0", "writable"]);
}

#[test]
fn what_was_not_consumed_is_shown_after_the_rest() {
    let mut driver = started();
    driver.notes().room = 0;
    assert_eq!((driver.data("take 5"), driver.consumed), (raw::HOLD, 0));
    driver.notes().room = u64::MAX;
    assert_eq!(driver.writable(), raw::OK);
    // "take " was consumed; "5" was offered before, " and more" is new.
    assert_eq!((driver.data("take 5 and more"), driver.consumed), (raw::OK, 15));
    assert_eq!(seen(), ["take 5 after 0", "writable", "5 and more after 1"]);
}

#[test]
fn a_rest_after_a_rest_adds_up() {
    let mut driver = started();
    driver.notes().room = 0;
    for _ in 0..2 {
        // First "take 6" leaves a rest, then what it has left.
        assert_eq!((driver.data("take 6big 9"), driver.consumed), (raw::HOLD, 0));
        driver.notes().room = u64::MAX;
        driver.writable();
        driver.notes().room = 0;
    }
    assert_eq!((driver.data("take 6big 9"), driver.consumed), (raw::OK, 11));
    assert_eq!(driver.notes().sent.len(), 49);
    assert_eq!(seen()[..3], ["take 6big 9 after 0", "writable", "big 9 after 5"]);
}

#[test]
fn a_refused_send_after_a_rest_consumes_what_the_rest_was_for() {
    let mut driver = started();
    driver.notes().room = 0;
    assert_eq!(driver.data("take 6send"), raw::HOLD);
    driver.notes().room = 40;
    driver.writable();
    assert_eq!((driver.data("take 6send"), driver.consumed), (raw::HOLD, 6));
    driver.notes().room = 1;
    assert_eq!((driver.data("send"), driver.consumed), (raw::OK, 4));
}

#[test]
fn a_framed_message_is_consumed_as_a_whole_after_its_reply() {
    let mut driver = fresh();
    driver.framing = raw::FRAMING_DELIMITER;
    driver.start();
    driver.notes().room = 0;
    assert_eq!((driver.offer("big 4\n", 0, 5), driver.consumed), (raw::HOLD, 0));
    driver.notes().room = u64::MAX;
    driver.writable();
    assert_eq!((driver.offer("big 4\n", 0, 5), driver.consumed), (raw::OK, 6));
    assert_eq!(seen(), ["big 4 after 0", "writable"]);
}

#[test]
fn while_a_rest_waits_other_sends_are_refused_and_a_close_comes_after_it() {
    let mut driver = started();
    driver.notes().room = 0;
    assert_eq!(driver.data("rest"), raw::HOLD);
    assert_eq!(
        seen()[1..],
        ["Err(WOULD_BLOCK (-3)) Err(WOULD_BLOCK (-3))", "Err(CLOSING (-5))", "Err(GONE (-2)) true"]
    );
    assert!(driver.calls().is_empty());
    driver.notes().room = u64::MAX;
    driver.writable();
    assert_eq!(driver.notes().sent.len(), 40);
    assert_eq!(driver.calls(), "close");
}

#[test]
fn flow_close_closes_after_what_was_sent() {
    let mut driver = started();
    assert_eq!((driver.data("close 3"), driver.consumed), (raw::OK, 7));
    assert_eq!((driver.sent(), driver.calls()), ("xxx".to_string(), "close".to_string()));
}

#[test]
fn a_send_that_is_refused_makes_the_message_come_again() {
    let mut driver = started();
    for command in ["send", "echo"] {
        driver.notes().room = 0;
        assert_eq!((driver.data(command), driver.consumed), (raw::WOULD_BLOCK, 0));
        driver.notes().room = 4;
        assert_eq!((driver.data(command), driver.consumed), (raw::OK, 4));
    }
    assert_eq!(driver.sent(), "secho");
    assert_eq!((driver.data("gone"), driver.data("wait 2")), (raw::GONE, raw::WAIT));
    assert_eq!(driver.consumed, 2);
    assert_eq!(driver.log(), "");
}

#[test]
fn an_error_ends_the_connection_and_its_text_is_logged() {
    let mut driver = started();
    assert_eq!(driver.data("fail"), raw::PROTOCOL_ERROR);
    assert_eq!(driver.log(), "on_data failed: wrong words\n");
    let mut other = started();
    other.notes().room = 0;
    // One that a method of the standard library gives, with `?`, after a rest was left.
    assert_eq!(other.data("big 40"), raw::HOLD);
    driver.notes().log.clear();
    let frame = driver.offer("\u{e9}", 0, 1); // half of a character
    assert_eq!(frame, raw::ERROR);
    assert!(driver.log().starts_with("on_data failed: "));
}

#[test]
fn a_panic_ends_the_connection_and_the_log_says_where() {
    let mut driver = started();
    assert_eq!(driver.data("panic"), raw::ERROR);
    assert_eq!(driver.data("value"), raw::ERROR);
    let log = driver.log();
    let lines: Vec<&str> = log.lines().collect();
    assert!(lines[0].starts_with("on_data panicked at tests/support/probe.rs:"), "{log}");
    assert!(lines[0].ends_with(": on purpose"), "{log}");
    assert!(lines[1].ends_with(": a value that is no text"), "{log}");
    driver.close();
    assert_eq!(seen().last().unwrap(), "closed by peer after 2: 127.0.0.1");
}
