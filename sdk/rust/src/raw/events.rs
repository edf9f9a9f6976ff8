//! connection.h and events.h: addresses, and what callbacks are told.

use std::ffi::c_void;

use super::Code;

structures! {
    #[derive(Clone, Copy)]
    struct Part = "portico_part" {
        data: *const c_void,
        size: u64,
    }

    /// The address of a peer or of this side.
    #[derive(Clone, Copy)]
    struct Address = "portico_address" {
        family: u32,
        port: u16,
        text_size: u16,
        bytes: [u8; 16],
        scope: u32,
        reserved: u32,
        text: [u8; 128],
    }

    #[derive(Clone, Copy)]
    struct ConnectionInfo = "portico_connection_info" {
        struct_size: u32,
        reserved: u32,
        peer: Address,
        local: Address,
        queued_bytes: u64,
    }

    /// `on_open`: the connection is ready for the protocol.
    #[derive(Clone, Copy, Debug)]
    struct Opened = "portico_opened" {
        struct_size: u32,
        origin: u32,
        listen_index: u32,
        reserved: u32,
    }

    #[derive(Clone, Copy, Debug)]
    struct Frame = "portico_frame" {
        struct_size: u32,
        flags: u32,
        payload_offset: u64,
        payload_size: u64,
        offered_before: u64,
    }

    /// `on_end`: the peer has finished sending.
    #[derive(Clone, Copy, Debug)]
    struct Ended = "portico_ended" {
        struct_size: u32,
        flags: u32,
        remaining: u64,
    }

    /// `on_stop` and `on_drain`.
    #[derive(Clone, Copy, Debug)]
    struct Draining = "portico_draining" {
        struct_size: u32,
        reason: u32,
        deadline_ns: u64,
    }

    /// `on_close`: how it went.
    #[derive(Clone, Copy, Debug)]
    struct Closed = "portico_closed" {
        struct_size: u32,
        reason: u32,
        status: Code,
        native_error: u32,
        unsent_bytes: u64,
        received_bytes: u64,
        sent_bytes: u64,
        opened_ns: u64,
    }
}
