//! What callbacks are told. The members are public; `events.h` says what each of them means.

use crate::raw;

pub use crate::raw::{Address, Closed, Draining, Ended, Opened, TimerEvent};

impl Ended {
    /// A framed message is incomplete, or the stream ended without the end that its protocol
    /// demands.
    pub fn is_truncated(&self) -> bool {
        self.flags & raw::ENDED_TRUNCATED != 0
    }
}

impl Closed {
    /// "peer", "reset", "plugin error", ...
    pub fn reason_name(&self) -> &'static str {
        match self.reason {
            raw::REASON_PLUGIN => "plugin",
            raw::REASON_PEER => "peer",
            raw::REASON_RESET => "reset",
            raw::REASON_PLUGIN_ERROR => "plugin error",
            raw::REASON_IDLE => "idle",
            raw::REASON_HALF_CLOSE => "half close",
            raw::REASON_FRAME => "frame",
            raw::REASON_UNCONSUMED => "unconsumed",
            raw::REASON_DRAIN => "drain",
            raw::REASON_DRAIN_DEADLINE => "drain deadline",
            raw::REASON_NO_MEMORY => "no memory",
            raw::REASON_CONNECT_FAILED => "connect failed",
            raw::REASON_CONNECT_TIMEOUT => "connect timeout",
            _ => "error",
        }
    }
}
