//! The host's functions.

use super::*;
use raw::{Connections, Executor, Extension, Host, Instance, Part, SendOwned, Settings, Timers};

fn notes<R>(instance: *mut Instance, function: impl FnOnce(&mut Notes) -> R) -> R {
    // SAFETY: the handle is the address of a driver's notes, which are never freed.
    function(&mut unsafe { &*(instance as *const RefCell<Notes>) }.borrow_mut())
}

unsafe fn slice<'a>(data: *const u8, size: u64) -> &'a [u8] {
    if size == 0 {
        return &[];
    }
    // SAFETY: the caller's bytes.
    unsafe { std::slice::from_raw_parts(data, size as usize) }
}

unsafe extern "C" fn send(
    instance: *mut Instance,
    _: ConnectionId,
    data: *const c_void,
    size: u64,
) -> Code {
    notes(instance, |notes| {
        if notes.calls.iter().any(|call| call == "close" || call == "abort") {
            return raw::GONE;
        }
        if size > notes.room {
            notes.is_refused = true;
            return raw::WOULD_BLOCK;
        }
        notes.room -= size;
        // SAFETY: the plugin's bytes are valid during the call.
        notes.sent.extend_from_slice(unsafe { slice(data as *const u8, size) });
        raw::OK
    })
}

unsafe extern "C" fn send_parts(
    instance: *mut Instance,
    id: ConnectionId,
    parts: *const Part,
    count: u32,
    _: u32,
) -> Code {
    let mut all = Vec::new();
    for index in 0..count as usize {
        // SAFETY: the plugin's parts are valid during the call.
        unsafe {
            let part = *parts.add(index);
            all.extend_from_slice(slice(part.data as *const u8, part.size));
        }
    }
    // SAFETY: as above.
    unsafe { send(instance, id, all.as_ptr() as *const c_void, all.len() as u64) }
}

fn note(instance: *mut Instance, what: &str) -> Code {
    notes(instance, |notes| notes.calls.push(what.to_string()));
    raw::OK
}
unsafe extern "C" fn finish(instance: *mut Instance, _: ConnectionId) -> Code {
    note(instance, "finish")
}
unsafe extern "C" fn close(instance: *mut Instance, _: ConnectionId, how: u32) -> Code {
    note(instance, if how == raw::CLOSE_ABORT { "abort" } else { "close" })
}
unsafe extern "C" fn pause(instance: *mut Instance, _: ConnectionId) -> Code {
    note(instance, "pause")
}
unsafe extern "C" fn resume(instance: *mut Instance, _: ConnectionId) -> Code {
    note(instance, "resume")
}

fn new_call(connection: ConnectionId, argument: *mut c_void) -> Call {
    let (posted, timer, work) = (None, None, None);
    Call { connection, posted, timer, work, argument, first_ms: 0, period_ms: 0 }
}
/// Keeps the call in a list, unless the test wants another answer.
fn keep(
    instance: *mut Instance,
    call: Call,
    list: impl FnOnce(&mut Notes) -> &mut Vec<Call>,
) -> Code {
    notes(instance, |notes| {
        if notes.answer == raw::OK {
            list(notes).push(call);
        }
        notes.answer
    })
}
unsafe extern "C" fn post(
    instance: *mut Instance,
    id: ConnectionId,
    function: raw::PostFunction,
    argument: *mut c_void,
) -> Code {
    let call = Call { posted: Some(function), ..new_call(id, argument) };
    keep(instance, call, |notes| &mut notes.posts)
}
unsafe extern "C" fn post_instance(
    instance: *mut Instance,
    function: raw::PostFunction,
    argument: *mut c_void,
) -> Code {
    // SAFETY: as it was called.
    unsafe { post(instance, 0, function, argument) }
}
unsafe extern "C" fn start(
    instance: *mut Instance,
    id: ConnectionId,
    first_ms: u32,
    period_ms: u32,
    function: raw::TimerFunction,
    argument: *mut c_void,
    timer: *mut u64,
) -> Code {
    let call = Call { timer: Some(function), first_ms, period_ms, ..new_call(id, argument) };
    let code = keep(instance, call, |notes| &mut notes.timers);
    // SAFETY: the plugin has a place for it.
    unsafe { *timer = notes(instance, |notes| notes.timers.len() as u64) };
    code
}
unsafe extern "C" fn restart(instance: *mut Instance, id: u64, first: u32, period: u32) -> Code {
    note(instance, &format!("restart {id} {first} {period}"))
}
unsafe extern "C" fn cancel(instance: *mut Instance, id: u64) -> Code {
    note(instance, &format!("cancel {id}"))
}
unsafe extern "C" fn run(
    instance: *mut Instance,
    id: ConnectionId,
    work: raw::WorkFunction,
    done: raw::PostFunction,
    argument: *mut c_void,
) -> Code {
    let call = Call { work: Some(work), posted: Some(done), ..new_call(id, argument) };
    keep(instance, call, |notes| &mut notes.work)
}
/// The release is a post, so the test says when it comes.
unsafe extern "C" fn send_owned(
    instance: *mut Instance,
    id: ConnectionId,
    parts: *const Part,
    count: u32,
    stride: u32,
    release: raw::PostFunction,
    argument: *mut c_void,
) -> Code {
    // SAFETY: as it was called.
    unsafe {
        match notes(instance, |notes| notes.answer) {
            raw::OK => post(instance, id, release, argument),
            code => return code,
        };
        send_parts(instance, id, parts, count, stride)
    }
}

unsafe extern "C" fn info(
    _: *mut Instance,
    _: ConnectionId,
    info: *mut raw::ConnectionInfo,
) -> Code {
    // SAFETY: the plugin's structure.
    unsafe {
        let peer = &mut (*info).peer;
        peer.text[..9].copy_from_slice(b"127.0.0.1");
        peer.text_size = 9;
    }
    raw::OK
}
unsafe extern "C" fn now(_: *mut Instance) -> u64 {
    42
}
unsafe extern "C" fn log(
    instance: *mut Instance,
    _: ConnectionId,
    _: u32,
    text: *const u8,
    size: u64,
) {
    // SAFETY: the plugin's text is valid during the call.
    let text = unsafe { String::from_utf8_lossy(slice(text, size)) };
    notes(instance, |notes| notes.log += &format!("{text}\n"));
}
unsafe extern "C" fn worker_index(_: *mut Instance) -> u32 {
    if IS_WORKER.with(Cell::get) {
        0
    } else {
        u32::MAX
    }
}

unsafe extern "C" fn get_integer(
    instance: *mut Instance,
    key: *const u8,
    size: u64,
    minimum: i64,
    maximum: i64,
    value: *mut i64,
) -> Code {
    // SAFETY: the plugin's key, and its place for the value.
    let key = unsafe { std::str::from_utf8(slice(key, size)).unwrap() };
    match notes(instance, |notes| notes.settings.get(key).copied()) {
        None => raw::NOT_FOUND,
        Some(found) if found < minimum || found > maximum => raw::WRONG_TYPE,
        Some(found) => {
            // SAFETY: as above.
            unsafe { *value = found };
            raw::OK
        }
    }
}
unsafe extern "C" fn fail(
    instance: *mut Instance,
    _: *const u8,
    _: u64,
    text: *const u8,
    size: u64,
) -> Code {
    // SAFETY: the plugin's text.
    note(instance, &String::from_utf8_lossy(unsafe { slice(text, size) }));
    raw::ERROR
}

include!("extensions.rs");
