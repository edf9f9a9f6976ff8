//! The least echo in Rust, which instructions.sh compares to the least one in C.

#![forbid(unsafe_code)]

use portico::{Answer, Connection, Error, Message, Opened, Protocol, Setup};

struct Echo;

impl Protocol for Echo {
    type Session = ();

    fn create(_: &Setup<Self>) -> Result<Self, Error> {
        Ok(Echo)
    }
    fn on_open(&self, _: &Connection<Self>, _: &Opened) -> Result<(), Error> {
        Ok(())
    }
    fn on_data(&self, _: &mut (), connection: &Connection<Self>, message: Message) -> Answer {
        connection.send_message(message)
    }
}

portico::plugin!(Echo, "echo_in_rust", "1.0");
