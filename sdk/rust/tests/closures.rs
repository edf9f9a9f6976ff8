//! Posted functions, timers, blocking work and sends without a copy: what runs, and that all of it
//! is freed once.

#[path = "support/probe.rs"]
mod probe;
mod support;

use portico::raw;
use probe::{drops, portico_plugin_query, seen};
use support::Driver;

fn started() -> Driver {
    // Another test may have run on this thread.
    seen();
    drops();
    let mut driver = Driver::new(portico_plugin_query);
    driver.start();
    driver
}

/// Gives a command, which must succeed, and forgets what it has noted.
fn command(driver: &mut Driver, command: &str) {
    assert_eq!(driver.data(command), raw::OK, "{command}");
    seen();
    drops();
}

#[test]
fn posted_functions_are_freed_after_their_one_call_whatever_its_status() {
    let mut driver = started();
    command(&mut driver, "post");
    driver.run_posts(raw::OK);
    assert_eq!((driver.sent(), drops()), ("posted at 11".to_string(), 1));
    command(&mut driver, "post");
    driver.run_posts(raw::CLOSING);
    assert_eq!((driver.sent(), drops()), (String::new(), 1));
}

#[test]
fn what_is_refused_is_freed_at_once() {
    for what in ["post", "once", "run", "owned"] {
        let mut driver = started();
        driver.notes().answer = raw::LIMIT;
        drops();
        assert_eq!(driver.data(what), raw::LIMIT, "{what}");
        assert_eq!(drops(), 1, "{what}");
    }
}

#[test]
fn a_host_without_extensions_is_no_trouble() {
    for what in ["once", "run", "owned"] {
        let mut driver = started();
        driver.notes().has_no_extensions = true;
        assert_eq!(driver.data(what), raw::UNSUPPORTED, "{what}");
    }
    // The table of its groups is shorter than the crate's.
    let mut driver = started();
    assert_eq!(driver.data("groups"), raw::OK);
    assert_eq!(seen().last().unwrap(), "false");
}

#[test]
fn a_posted_function_that_fails_closes_its_connection() {
    for (what, line) in [("post-panic", "in a post"), ("post-error", "failed: bad")] {
        let mut driver = started();
        command(&mut driver, what);
        driver.run_posts(raw::OK);
        assert_eq!(driver.calls(), "abort", "{what}");
        assert!(driver.log().starts_with("a posted function "), "{what}");
        assert!(driver.log().trim().ends_with(line), "{what}: {}", driver.log());
    }
    let mut driver = started();
    command(&mut driver, "post-gone");
    driver.run_posts(raw::OK);
    assert!(driver.calls().is_empty() && driver.log().is_empty());
}

#[test]
fn timers_are_freed_by_their_last_call() {
    let mut driver = started();
    command(&mut driver, "once");
    assert_eq!(driver.timer(0), (5, 0));
    command(&mut driver, "restart");
    driver.fire(0, raw::OK, true);
    assert_eq!((seen().join(" "), drops()), ("due at 2".to_string(), 1));
    assert_eq!(driver.calls(), "restart 1 9 0");

    command(&mut driver, "every");
    assert_eq!(driver.timer(1), (0, 1));
    driver.fire(1, raw::OK, false);
    driver.fire(1, raw::OK, false);
    assert_eq!((seen().join(", "), drops()), ("call 1 due at 7, call 2 due at 7".into(), 0));
    command(&mut driver, "cancel");
    driver.fire(1, raw::CANCELLED, true);
    assert_eq!((seen().len(), drops()), (0, 1));
    assert_eq!(driver.calls(), "restart 1 9 0, cancel 2");
}

#[test]
fn a_timer_of_a_refused_connection_is_only_freed() {
    let mut driver = started();
    command(&mut driver, "once");
    driver.fire(0, raw::CLOSING, true); // with no state
    assert_eq!((seen().len(), drops()), (0, 1));
}

#[test]
fn blocking_work_gives_what_it_returned_to_the_second_function() {
    let mut driver = started();
    command(&mut driver, "run");
    driver.do_work(raw::OK);
    assert_eq!((driver.sent(), drops()), ("42 at 43".to_string(), 1));
    command(&mut driver, "run");
    driver.do_work(raw::CLOSING);
    assert_eq!((driver.sent(), drops()), (String::new(), 1));
}

#[test]
fn blocking_work_that_panics_closes_its_connection() {
    let mut driver = started();
    command(&mut driver, "run-panic");
    driver.do_work(raw::OK);
    assert_eq!(driver.calls(), "abort");
    assert!(driver.log().starts_with("blocking work panicked at tests/"));
    assert!(seen().is_empty());
}

#[test]
fn what_is_sent_without_a_copy_lives_until_its_release() {
    let mut driver = started();
    command(&mut driver, "owned");
    assert_eq!((driver.sent(), drops()), ("owned".to_string(), 0));
    driver.run_posts(raw::CLOSING);
    assert_eq!(drops(), 1);
}
