//! @NAME@: answers each line with a greeting and the line: "world" with "hello world".
//!
//! The host cuts the stream into lines ("framing" in host.json), so this file never sees half a
//! line. "greeting" in "settings" says something else than "hello". Begin with `answer_to` to make
//! another protocol of it. `cargo doc --open -p portico` shows what a protocol may have.

#![forbid(unsafe_code)]

use portico::{
    framing, Answer, Closed, Connection, Error, Level, Message, Opened, Protocol, Setup,
};

/// An instance: one for each listener that names the plugin. Threads share it.
struct Plugin {
    greeting: String,
}

/// What is kept for each connection. Its callbacks never overlap, so nothing needs a lock.
struct Session {
    lines: u64,
}

impl Plugin {
    fn greeting_in(setup: &Setup<Self>) -> Result<String, Error> {
        setup.settings().get("greeting", "hello".to_string())
    }

    /// The line has its "\n", and so has the answer.
    fn answer_to(&self, line: &[u8]) -> Vec<u8> {
        [self.greeting.as_bytes(), b" ", line].concat()
    }
}

impl Protocol for Plugin {
    type Session = Session;
    const FRAMING: u32 = framing::DELIMITER;

    /// For `host check`.
    fn validate(setup: &Setup<Self>) -> Result<(), Error> {
        Plugin::greeting_in(setup).map(drop)
    }

    fn create(setup: &Setup<Self>) -> Result<Self, Error> {
        Ok(Plugin { greeting: Plugin::greeting_in(setup)? })
    }

    fn on_open(&self, _: &Connection<Self>, _: &Opened) -> Result<Session, Error> {
        Ok(Session { lines: 0 })
    }

    fn on_data(
        &self,
        session: &mut Session,
        connection: &Connection<Self>,
        message: Message,
    ) -> Answer {
        session.lines += 1;
        // Of any size: what the queue does not take follows by itself, before the next line.
        connection.send_all(self.answer_to(message.bytes()))
    }

    fn on_close(&self, session: &mut Session, connection: &Connection<Self>, _: &Closed) {
        connection.log(Level::Debug, &format!("{} lines", session.lines));
    }
}

portico::plugin!(Plugin, "@NAME@", "0.1.0");
