//! host.h, plugin.h and entry.h: the tables of the host and of a plugin.

use std::ffi::c_void;

use super::{
    Closed, Code, ConnectionId, ConnectionInfo, Draining, Ended, Frame, Instance, Opened, Part,
    PostFunction,
};

structures! {
    struct Host = "portico_host" {
        struct_size: u32,
        abi_major: u32,
        abi_minor: u32,
        reserved: u32,
        version: *const u8,
        version_size: u64,
        send: unsafe extern "C" fn(*mut Instance, ConnectionId, *const c_void, u64) -> Code,
        send_parts: unsafe extern "C" fn(
            *mut Instance, ConnectionId, *const Part, u32, u32) -> Code,
        finish_sending: unsafe extern "C" fn(*mut Instance, ConnectionId) -> Code,
        close: unsafe extern "C" fn(*mut Instance, ConnectionId, u32) -> Code,
        pause_reading: unsafe extern "C" fn(*mut Instance, ConnectionId) -> Code,
        resume_reading: unsafe extern "C" fn(*mut Instance, ConnectionId) -> Code,
        post: unsafe extern "C" fn(
            *mut Instance, ConnectionId, PostFunction, *mut c_void) -> Code,
        post_instance: unsafe extern "C" fn(*mut Instance, PostFunction, *mut c_void) -> Code,
        info: unsafe extern "C" fn(*mut Instance, ConnectionId, *mut ConnectionInfo) -> Code,
        now: unsafe extern "C" fn(*mut Instance) -> u64,
        log: unsafe extern "C" fn(*mut Instance, ConnectionId, u32, *const u8, u64),
        worker_index: unsafe extern "C" fn(*mut Instance) -> u32,
        get_extension: unsafe extern "C" fn(*mut Instance, *const u8, u64) -> *const c_void,
    }

    struct Setup = "portico_setup" {
        struct_size: u32,
        mode: u32,
        host: *const Host,
        instance: *mut Instance,
        plugin: *const Plugin,
        settings: *const u8,
        settings_size: u64,
        listener_name: *const u8,
        listener_name_size: u64,
        error: *mut u8,
        error_capacity: u64,
        worker_count: u32,
        framing: u32,
        max_send_bytes: u64,
        send_high_bytes: u64,
        send_low_bytes: u64,
        max_message_bytes: u64,
    }

    struct Callbacks = "portico_callbacks" {
        struct_size: u32,
        reserved: u32,
        on_open: Option<unsafe extern "C" fn(
            *mut c_void, ConnectionId, *const Opened, *mut *mut c_void) -> Code>,
        on_data: Option<OnData>,
        on_writable: Option<unsafe extern "C" fn(*mut c_void, ConnectionId, *mut c_void) -> Code>,
        on_end: Option<OnEnd>,
        on_drain: Option<OnDrain>,
        on_close: Option<unsafe extern "C" fn(
            *mut c_void, ConnectionId, *mut c_void, *const Closed)>,
    }

    struct Plugin = "portico_plugin" {
        struct_size: u32,
        abi_major: u32,
        abi_minor: u32,
        abi_required: u32,
        flags: u32,
        optional_flags: u32,
        framing: u32,
        reserved: u32,
        name: *const u8,
        name_size: u64,
        version: *const u8,
        version_size: u64,
        validate: Option<unsafe extern "C" fn(*const Setup) -> Code>,
        create: Option<unsafe extern "C" fn(*const Setup, *mut *mut c_void) -> Code>,
        on_stop: Option<unsafe extern "C" fn(*mut c_void, *const Draining) -> Code>,
        destroy: Option<unsafe extern "C" fn(*mut c_void)>,
        get_extension: Option<unsafe extern "C" fn(*const u8, u64) -> *const c_void>,
        callbacks: *const Callbacks,
    }

    struct Module = "portico_module" {
        struct_size: u32,
        abi_major: u32,
        abi_minor: u32,
        plugin_count: u32,
        plugins: *const *const Plugin,
    }
}

pub type OnData = unsafe extern "C" fn(
    *mut c_void,
    ConnectionId,
    *mut c_void,
    *const u8,
    u64,
    *const Frame,
    *mut u64,
) -> Code;
pub type OnEnd = unsafe extern "C" fn(*mut c_void, ConnectionId, *mut c_void, *const Ended) -> Code;
pub type OnDrain =
    unsafe extern "C" fn(*mut c_void, ConnectionId, *mut c_void, *const Draining) -> Code;
