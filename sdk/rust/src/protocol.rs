//! The traits that a plugin implements.

use crate::{Answer, Closed, Connection, Draining, Ended, Error, Message, Opened, Setup};

/// The framings of a listener that a protocol can serve (`Protocol::FRAMING`), to be combined
/// with `|`.
pub mod framing {
    use crate::raw;

    /// All of them, later ones too: rely on `Message::payload` alone.
    pub const ANY: u32 = raw::FRAMING_ANY;
    /// Bytes as they come.
    pub const NONE: u32 = raw::FRAMING_NONE;
    pub const DELIMITER: u32 = raw::FRAMING_DELIMITER;
    pub const LENGTH_PREFIX: u32 = raw::FRAMING_LENGTH_PREFIX;
}

/// A protocol. Its value is an instance: one for each listener that names the plugin. Dropping it
/// is `destroy`.
///
/// Workers share the instance, so it is `Sync`, and callbacks of several connections run at once
/// (unless it is `SERIAL`). A session belongs to its connection, and its callbacks are serial.
///
/// An `Err` of a connection's callback is logged if it has a text, and aborts the connection unless
/// its status is harmless (`Status::is_harmless`). So does a panic. Two further callbacks mean
/// something to the host by being there at all, so they are traits of their own: `OnEnd` and
/// `OnDrain`.
pub trait Protocol: Sized + Send + Sync + 'static {
    /// What the protocol keeps for each connection. Several workers use it, one after the other.
    type Session: Send + 'static;

    /// All connections, posts and timers of an instance are one strand: no two of its callbacks
    /// ever run at once.
    const SERIAL: bool = false;
    /// Callbacks may block. The instance gets threads of its own (`"blocking_threads"`).
    const BLOCKING: bool = false;
    /// The library may be unloaded after its last instance: it leaves no thread and no thread-local
    /// destructor behind. The standard library leaves some behind for a thread's name, for example,
    /// so this is seldom true.
    const UNLOADABLE: bool = false;
    /// The framings that it can serve (`framing`).
    const FRAMING: u32 = framing::ANY;

    /// Makes an instance. An error, with its text, is the reason why the host does not start.
    fn create(setup: &Setup<Self>) -> Result<Self, Error>;

    /// `host check`: checks the settings and starts nothing.
    fn validate(_setup: &Setup<Self>) -> Result<(), Error> {
        Ok(())
    }

    /// The instance will end. Tell its own threads to finish.
    fn on_stop(&self, _draining: &Draining) -> Result<(), Error> {
        Ok(())
    }

    /// The connection is ready for the protocol. A greeting may be sent already. An error refuses
    /// the connection.
    fn on_open(
        &self,
        connection: &Connection<Self>,
        opened: &Opened,
    ) -> Result<Self::Session, Error>;

    /// Bytes, or one whole message, have come.
    fn on_data(
        &self,
        session: &mut Self::Session,
        connection: &Connection<Self>,
        message: Message,
    ) -> Answer;

    /// A refused send may be tried again.
    fn on_writable(
        &self,
        _session: &mut Self::Session,
        _connection: &Connection<Self>,
    ) -> Result<(), Error> {
        Ok(())
    }

    /// The connection is closed. The session is dropped next.
    fn on_close(
        &self,
        _session: &mut Self::Session,
        _connection: &Connection<Self>,
        _closed: &Closed,
    ) {
    }
}

/// Of a protocol that goes on after the peer has finished sending. Without it the host flushes and
/// closes.
pub trait OnEnd: Protocol {
    /// The peer has finished sending. Close within `limits.half_close_timeout_ms`.
    fn on_end(
        &self,
        session: &mut Self::Session,
        connection: &Connection<Self>,
        ended: &Ended,
    ) -> Result<(), Error>;
}

/// Of a protocol that ends its connections itself. Without it, if the host stops, it offers what
/// has arrived, waits for the end of a hold, flushes and closes.
pub trait OnDrain: Protocol {
    /// The connection should end soon: finish your work and close it before
    /// `draining.deadline_ns`, when it is cut off.
    fn on_drain(
        &self,
        session: &mut Self::Session,
        connection: &Connection<Self>,
        draining: &Draining,
    ) -> Result<(), Error>;
}
