//! rust_upper: answers each line in upper case. README.md says what it shows of the SDK.
//!
//!     later MS TEXT   the same after so many milliseconds; other lines go on
//!     repeat N TEXT   N times in one reply, of any size
//!     panic           panics: this connection closes, and no other one
//!     else            the line in upper case
//!
//! The host cuts the stream into lines ("framing" in host.json).

#![forbid(unsafe_code)]

use portico::{
    framing, Answer, Connection, Draining, Error, Flow, Message, MetricKind, OnDrain, Opened,
    Protocol, Series, Setup, Timer,
};

/// The longest reply to "repeat".
const REPLY_MAX: usize = 64 << 20;

/// An instance: one for each listener.
struct Upper {
    idle_ms: u32,
    lines: Option<Series>,
}

/// What a connection keeps. Its callbacks are serial, so nothing here locks.
struct Session {
    reply: Vec<u8>,
    idle: Option<Timer>,
}

impl Protocol for Upper {
    type Session = Session;
    const FRAMING: u32 = framing::DELIMITER;

    fn create(setup: &Setup<Self>) -> Result<Self, Error> {
        let idle_ms = Upper::idle_ms(setup)?;
        let define = |metrics: portico::Metrics| {
            metrics.series(MetricKind::Counter, "lines_total", "Lines that were answered.")
        };
        Ok(Upper { idle_ms, lines: setup.metrics().map(define).transpose()? })
    }

    fn validate(setup: &Setup<Self>) -> Result<(), Error> {
        Upper::idle_ms(setup).map(drop)
    }

    fn on_open(&self, connection: &Connection<Self>, _: &Opened) -> Result<Session, Error> {
        let mut idle = None;
        if self.idle_ms != 0 {
            // It runs on the connection's strand, as its callbacks do, and ends with it.
            idle = Some(connection.after(self.idle_ms, |_, _, connection| {
                connection.send_all("YOU ARE SO QUIET\n")?;
                connection.close().map_err(Error::from)
            })?);
        }
        Ok(Session { reply: Vec::new(), idle })
    }

    fn on_data(
        &self,
        session: &mut Session,
        connection: &Connection<Self>,
        message: Message,
    ) -> Answer {
        if let Some(idle) = session.idle {
            idle.restart(self.idle_ms)?;
        }
        if let Some(lines) = self.lines {
            lines.add(1.0)?;
        }
        let line = message.bytes(); // with its "\n", which the answer has too
        if let Some((milliseconds, text)) = command(line, b"later ") {
            let text = text.to_ascii_uppercase();
            let milliseconds = milliseconds.min(60_000) as u32;
            connection.after(milliseconds, move |_, _, connection| connection.send_all(text))?;
            return Ok(Flow::ALL);
        }
        if let Some((count, text)) = command(line, b"repeat ") {
            // What the queue does not take follows by itself, before the next line is offered.
            let count = count.min(REPLY_MAX / text.len());
            return connection.send_all(text.to_ascii_uppercase().repeat(count));
        }
        if message.payload() == b"panic" {
            panic!("a client asked for it");
        }
        session.reply.clear();
        session.reply.extend_from_slice(line);
        session.reply.make_ascii_uppercase();
        connection.send_all(&session.reply)
    }
}

/// Everybody is told before the host stops.
impl OnDrain for Upper {
    fn on_drain(
        &self,
        _: &mut Session,
        connection: &Connection<Self>,
        _: &Draining,
    ) -> Result<(), Error> {
        connection.send_all("GOODBYE\n")?;
        connection.close().map_err(Error::from)
    }
}

impl Upper {
    /// The setting "idle_ms": so long may a client say nothing; 0 (the default) is for ever.
    fn idle_ms(setup: &Setup<Self>) -> Result<u32, Error> {
        setup.settings().get_in("idle_ms", 0, 0..=3_600_000)
    }
}

/// The number and the text of a line such as "later 500 text", if it begins with this word.
fn command<'a>(line: &'a [u8], word: &[u8]) -> Option<(usize, &'a [u8])> {
    let rest = line.strip_prefix(word)?;
    let space = rest.iter().position(|&byte| byte == b' ')?;
    let number = std::str::from_utf8(&rest[..space]).ok()?.parse().ok()?;
    Some((number, &rest[space + 1..]))
}

portico::plugin!(Upper, "rust_upper", "1.0");
