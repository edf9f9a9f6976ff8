//! The headers of ext/: the tables of the host's extensions.

use std::ffi::c_void;

use super::{Code, ConnectionId, Extension, Instance, Part, PostFunction};

structures! {
    struct Settings = "portico_settings" {
        struct_size: u32,
        reserved: u32,
        get_boolean: unsafe extern "C" fn(*mut Instance, *const u8, u64, *mut i32) -> Code,
        get_integer: unsafe extern "C" fn(
            *mut Instance, *const u8, u64, i64, i64, *mut i64) -> Code,
        get_number: unsafe extern "C" fn(
            *mut Instance, *const u8, u64, f64, f64, *mut f64) -> Code,
        get_string: unsafe extern "C" fn(
            *mut Instance, *const u8, u64, *mut *const u8, *mut u64) -> Code,
        get_count: unsafe extern "C" fn(*mut Instance, *const u8, u64, *mut u64) -> Code,
        read_anything: unsafe extern "C" fn(*mut Instance, *const u8, u64) -> Code,
        get_kind: unsafe extern "C" fn(*mut Instance, *const u8, u64, *mut u32) -> Code,
        get_key: unsafe extern "C" fn(
            *mut Instance, *const u8, u64, u64, *mut *const u8, *mut u64) -> Code,
        fail: unsafe extern "C" fn(*mut Instance, *const u8, u64, *const u8, u64) -> Code,
    }

    /// A call of a timer.
    #[derive(Clone, Copy, Debug)]
    struct TimerEvent = "portico_timer_event" {
        struct_size: u32,
        flags: u32,
        timer: u64,
        due_ns: u64,
        status: Code,
        periods: u32,
    }

    struct Timers = "portico_timers" {
        struct_size: u32,
        reserved: u32,
        start: unsafe extern "C" fn(
            *mut Instance, ConnectionId, u32, u32, TimerFunction, *mut c_void, *mut u64) -> Code,
        restart: unsafe extern "C" fn(*mut Instance, u64, u32, u32) -> Code,
        cancel: unsafe extern "C" fn(*mut Instance, u64) -> Code,
    }

    struct SendOwned = "portico_send_owned" {
        struct_size: u32,
        reserved: u32,
        send: unsafe extern "C" fn(
            *mut Instance, ConnectionId, *const Part, u32, u32, PostFunction, *mut c_void) -> Code,
        reserve: unsafe extern "C" fn(
            *mut Instance, ConnectionId, u64, *mut *mut c_void, *mut u64) -> Code,
        commit: unsafe extern "C" fn(*mut Instance, u64, u64) -> Code,
        drop: unsafe extern "C" fn(*mut Instance, u64) -> Code,
    }

    struct Executor = "portico_executor" {
        struct_size: u32,
        reserved: u32,
        run: unsafe extern "C" fn(
            *mut Instance, ConnectionId, WorkFunction, PostFunction, *mut c_void) -> Code,
    }

    struct Connections = "portico_connections" {
        struct_size: u32,
        reserved: u32,
        list: unsafe extern "C" fn(
            *mut Instance, *mut u64, *mut ConnectionId, u32, *mut u32) -> Code,
        join: unsafe extern "C" fn(*mut Instance, ConnectionId, u64) -> Code,
        leave: unsafe extern "C" fn(*mut Instance, ConnectionId, u64) -> Code,
        broadcast: unsafe extern "C" fn(
            *mut Instance, u64, ConnectionId, *const Part, u32, u32, u32) -> Code,
    }

    struct MetricDefinition = "portico_metric_definition" {
        struct_size: u32,
        kind: u32,
        name: *const u8,
        name_size: u64,
        help: *const u8,
        help_size: u64,
        labels: *const Part,
        bounds: *const f64,
        label_count: u32,
        label_stride: u32,
        bound_count: u32,
        series_max: u32,
    }

    struct Metrics = "portico_metrics" {
        struct_size: u32,
        reserved: u32,
        define: unsafe extern "C" fn(*mut Instance, *const MetricDefinition, *mut u64) -> Code,
        get_series: unsafe extern "C" fn(
            *mut Instance, u64, *const Part, u32, u32, *mut u64) -> Code,
        add: unsafe extern "C" fn(*mut Instance, u64, f64) -> Code,
        set: unsafe extern "C" fn(*mut Instance, u64, f64) -> Code,
        record: unsafe extern "C" fn(*mut Instance, u64, f64) -> Code,
    }
}

/// What a timer calls.
pub type TimerFunction =
    unsafe extern "C" fn(*mut c_void, ConnectionId, *mut c_void, *mut c_void, *const TimerEvent);
/// Blocking work.
pub type WorkFunction = unsafe extern "C" fn(*mut c_void, *mut c_void);

// SAFETY: each is the table of ext/ with this id, and `layout` compares it with the header.
unsafe impl Extension for Settings {
    const ID: &'static str = "portico.settings.draft/1";
}
// SAFETY: as above.
unsafe impl Extension for Timers {
    const ID: &'static str = "portico.timer.draft/1";
}
// SAFETY: as above.
unsafe impl Extension for SendOwned {
    const ID: &'static str = "portico.send_owned.draft/1";
}
// SAFETY: as above.
unsafe impl Extension for Executor {
    const ID: &'static str = "portico.executor.draft/1";
}
// SAFETY: as above.
unsafe impl Extension for Connections {
    const ID: &'static str = "portico.connections.draft/1";
}
// SAFETY: as above.
unsafe impl Extension for Metrics {
    const ID: &'static str = "portico.metrics.draft/1";
}

/// The ids with the names that they have in C.
pub fn ids() -> Vec<(&'static str, &'static str)> {
    vec![
        ("PORTICO_EXT_SETTINGS", Settings::ID),
        ("PORTICO_EXT_TIMER", Timers::ID),
        ("PORTICO_EXT_SEND_OWNED", SendOwned::ID),
        ("PORTICO_EXT_EXECUTOR", Executor::ID),
        ("PORTICO_EXT_CONNECTIONS", Connections::ID),
        ("PORTICO_EXT_METRICS", Metrics::ID),
    ]
}
