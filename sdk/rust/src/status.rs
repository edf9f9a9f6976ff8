//! What functions and callbacks answer: `Status`, `Error` and `Flow`.

use std::fmt;

use crate::raw;

/// Why a function of the host did nothing, or what a callback fails with. `status.h` says what each
/// one means.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Status(raw::Code);

impl Status {
    /// It failed, and no other code fits.
    pub const ERROR: Status = Status(raw::ERROR);
    /// The connection, timer or instance does not exist any more, or is closing. No mistake.
    pub const GONE: Status = Status(raw::GONE);
    /// The send queue is full. `on_writable` follows.
    pub const WOULD_BLOCK: Status = Status(raw::WOULD_BLOCK);
    /// More than `limits.max_send_bytes`.
    pub const TOO_LARGE: Status = Status(raw::TOO_LARGE);
    /// The sending side has ended.
    pub const CLOSING: Status = Status(raw::CLOSING);
    /// An argument is out of range.
    pub const INVALID: Status = Status(raw::INVALID);
    /// Out of memory; nothing was changed.
    pub const NO_MEMORY: Status = Status(raw::NO_MEMORY);
    /// This host, or this thread, cannot do it.
    pub const UNSUPPORTED: Status = Status(raw::UNSUPPORTED);
    /// A limit was reached.
    pub const LIMIT: Status = Status(raw::LIMIT);
    /// The setting does not exist.
    pub const NOT_FOUND: Status = Status(raw::NOT_FOUND);
    /// The setting has another type, or is out of range.
    pub const WRONG_TYPE: Status = Status(raw::WRONG_TYPE);
    /// For plugins: the peer broke the protocol.
    pub const PROTOCOL_ERROR: Status = Status(raw::PROTOCOL_ERROR);
    /// For plugins: `on_open` does not want this connection.
    pub const REFUSED: Status = Status(raw::REFUSED);
    /// A timer was cancelled.
    pub const CANCELLED: Status = Status(raw::CANCELLED);
    /// A name was not looked up in time.
    pub const TIMED_OUT: Status = Status(raw::TIMED_OUT);

    /// The number that the C ABI has for it.
    pub const fn code(self) -> i32 {
        self.0
    }

    /// Does it say only that nothing more can be sent, or not yet? A callback that ends with such a
    /// status has not failed.
    pub const fn is_harmless(self) -> bool {
        matches!(self.0, raw::GONE | raw::CLOSING | raw::WOULD_BLOCK)
    }

    /// Of a host function's answer. A positive one means OK.
    #[inline]
    pub(crate) fn result(code: raw::Code) -> Result<(), Status> {
        if code < 0 {
            Err(Status(code))
        } else {
            Ok(())
        }
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Status::GONE => "GONE",
            Status::WOULD_BLOCK => "WOULD_BLOCK",
            Status::TOO_LARGE => "TOO_LARGE",
            Status::CLOSING => "CLOSING",
            Status::INVALID => "INVALID",
            Status::NO_MEMORY => "NO_MEMORY",
            Status::UNSUPPORTED => "UNSUPPORTED",
            Status::LIMIT => "LIMIT",
            Status::NOT_FOUND => "NOT_FOUND",
            Status::WRONG_TYPE => "WRONG_TYPE",
            Status::PROTOCOL_ERROR => "PROTOCOL_ERROR",
            Status::REFUSED => "REFUSED",
            Status::CANCELLED => "CANCELLED",
            Status::TIMED_OUT => "TIMED_OUT",
            _ => "ERROR",
        };
        write!(f, "{} ({})", name, self.0)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Why a callback failed. In a callback of a connection the text goes to the log, and the status
/// aborts the connection unless it `is_harmless`. In `create` and `validate` the text is the reason
/// that the host gives; if it is empty, the host uses its own (about a wrong setting, for example).
///
/// `?` makes one of a `Status`, and of any error of the standard library's kind.
pub struct Error {
    status: Status,
    text: Option<Box<str>>,
}

impl Error {
    pub fn new(status: Status, text: impl Into<String>) -> Error {
        Error { status, text: Some(text.into().into_boxed_str()) }
    }

    /// With `Status::ERROR`.
    pub fn text(text: impl Into<String>) -> Error {
        Error::new(Status::ERROR, text)
    }

    pub fn status(&self) -> Status {
        self.status
    }

    /// Empty if there is none.
    pub fn message(&self) -> &str {
        self.text.as_deref().unwrap_or("")
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.status, self.message())
    }
}

impl From<Status> for Error {
    #[inline]
    fn from(status: Status) -> Error {
        Error { status, text: None }
    }
}

impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Error {
        Error::text(error.to_string())
    }
}

/// What `on_data` says about the bytes that it was offered.
// One word, which the compiler keeps in a register: the kind, and above it the bytes consumed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Flow(u64);

impl Flow {
    const KINDS: [&'static str; 4] = ["done", "hold", "wait", "close"];
    const EVERYTHING: u64 = u64::MAX >> 2;

    const fn new(bytes: u64, kind: u64) -> Flow {
        let bytes = if bytes < Flow::EVERYTHING { bytes } else { Flow::EVERYTHING };
        Flow(bytes << 2 | kind)
    }

    /// Done with all of it.
    pub const ALL: Flow = Flow::new(Flow::EVERYTHING, 0);
    /// Done with all of it, and the connection closes in order after all that was sent, the rest of
    /// `send_all` included.
    pub const CLOSE: Flow = Flow::new(Flow::EVERYTHING, 3);

    /// Done with the first `bytes`. Without framing the rest is offered again together with what
    /// comes next; `consumed(0)` waits for more.
    pub const fn consumed(bytes: usize) -> Flow {
        Flow::new(bytes as u64, 0)
    }

    /// Stops reading until `on_writable` or `resume`; what is left after the first `bytes` is
    /// offered again. Make sure that one of the two follows.
    pub const fn hold(bytes: usize) -> Flow {
        Flow::new(bytes as u64, 1)
    }

    /// The same until `resume`.
    pub const fn wait(bytes: usize) -> Flow {
        Flow::new(bytes as u64, 2)
    }

    pub(crate) fn closes(self) -> bool {
        self == Flow::CLOSE
    }

    /// The bytes consumed of an offer of `size`.
    pub(crate) fn taken(self, size: u64) -> u64 {
        match self.0 >> 2 {
            Flow::EVERYTHING => size,
            bytes => bytes,
        }
    }

    pub(crate) fn code(self) -> raw::Code {
        [raw::OK, raw::HOLD, raw::WAIT, raw::OK][(self.0 & 3) as usize]
    }
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = Flow::KINDS[(self.0 & 3) as usize];
        match self.0 >> 2 {
            Flow::EVERYTHING => write!(f, "{kind} with all"),
            bytes => write!(f, "{kind} with {bytes}"),
        }
    }
}

/// What `on_data` returns.
pub type Answer = Result<Flow, Error>;

/// What a function that was posted or given to a timer may return: nothing, or a result. If it is
/// an error, that is logged, and the connection is aborted unless the status `is_harmless`.
pub trait Outcome {
    fn into_result(self) -> Result<(), Error>;
}

impl Outcome for () {
    fn into_result(self) -> Result<(), Error> {
        Ok(())
    }
}

impl Outcome for Result<(), Error> {
    fn into_result(self) -> Result<(), Error> {
        self
    }
}

impl Outcome for Result<(), Status> {
    fn into_result(self) -> Result<(), Error> {
        self.map_err(Error::from)
    }
}

impl Outcome for Answer {
    fn into_result(self) -> Result<(), Error> {
        self.map(drop)
    }
}
