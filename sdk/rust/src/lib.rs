//! Network protocols as plugins of a Portico host: a plugin is a type that implements `Protocol`,
//! and one macro.
//!
//! ```
//! use portico::{Answer, Connection, Error, Message, Opened, Protocol, Setup};
//!
//! struct Echo;
//!
//! impl Protocol for Echo {
//!     type Session = ();
//!
//!     fn create(_: &Setup<Self>) -> Result<Self, Error> {
//!         Ok(Echo)
//!     }
//!     fn on_open(&self, _: &Connection<Self>, _: &Opened) -> Result<(), Error> {
//!         Ok(())
//!     }
//!     fn on_data(&self, _: &mut (), connection: &Connection<Self>, message: Message) -> Answer {
//!         connection.send_message(message)
//!     }
//! }
//!
//! portico::plugin!(Echo, "echo", "1.0");
//! ```
//!
//! The crate is a library of type `cdylib`, and its plugin needs no `unsafe`. A callback that
//! panics closes its connection; the host goes on.
//!
//! It mirrors the C headers, which say in full what each function promises. `Protocol` is the place
//! to begin.

#![deny(unsafe_op_in_unsafe_fn)]

mod callbacks;
mod connection;
#[doc(hidden)]
pub mod entry;
mod events;
mod groups;
mod handle;
#[cfg(test)]
mod layout;
mod metrics;
mod owned;
mod panics;
mod protocol;
pub mod raw;
mod run;
mod setup;
mod status;
mod task;

pub use connection::{Connection, Message};
pub use events::{Address, Closed, Draining, Ended, Opened, TimerEvent};
pub use groups::{Groups, WhenFull};
pub use handle::{Handle, Info, Instance, Level};
pub use metrics::{Metric, MetricKind, Metrics, Series};
pub use protocol::{framing, OnDrain, OnEnd, Protocol};
pub use setup::{Kind, NumberSetting, Setting, Settings, Setup};
pub use status::{Answer, Error, Flow, Outcome, Status};
pub use task::Timer;

#[cfg(test)]
mod tests {
    #[test]
    fn the_layout_is_that_of_the_c_headers() {
        let work = std::env::temp_dir().join(format!("portico_layout_{}", std::process::id()));
        std::fs::create_dir_all(&work).unwrap();
        let compared = crate::layout::compare(&work);
        std::fs::remove_dir_all(&work).unwrap();
        assert_eq!(compared, Ok(true), "false: there are no headers, or there is no C compiler");
    }
}
