//! The C functions behind a protocol's connections. Each of them turns the host's pointers into
//! references, runs the protocol's Rust code, and lets no panic out.

use std::ffi::c_void;
use std::mem::MaybeUninit;

use crate::connection::{Connection, Message};
use crate::entry::holder_of;
use crate::panics::{self, catch};
use crate::raw;
use crate::{Answer, Flow, OnDrain, OnEnd, Protocol, Status};

/// What on_open stores for a connection: the `state` of the C callbacks. The session is there once
/// on_open has accepted.
pub(crate) struct Kept<P: Protocol> {
    connection: Connection<P>,
    session: MaybeUninit<P::Session>,
}

/// # Safety
/// `state` is what on_open stored for a connection of `P`. A callback of it runs, on_close at the
/// latest, or a function that was posted to it.
#[inline(always)]
pub(crate) unsafe fn parts_of<'a, P: Protocol>(
    state: *mut c_void,
) -> (&'a Connection<P>, &'a mut P::Session) {
    let kept = state as *mut Kept<P>;
    // SAFETY: on_open leaked a Kept<P> with a session. It lives until on_close returns, and that
    // comes after all such calls. The calls of a connection are serial, each sees what the one
    // before has written, and no host function calls back: nobody else uses the session or the
    // connection now. The two are different members, so the references do not overlap.
    unsafe { (&(*kept).connection, (*kept).session.assume_init_mut()) }
}

pub(crate) unsafe extern "C" fn on_open<P: Protocol>(
    me: *mut c_void,
    id: raw::ConnectionId,
    opened: *const raw::Opened,
    state: *mut *mut c_void,
) -> raw::Code {
    // SAFETY: as `holder_of` says; the event is valid until this returns.
    let (holder, opened) = unsafe { (holder_of::<P>(me), &*opened) };
    let handle = holder.instance.connection(id);
    let connection = Connection::new(handle, holder.max_send_bytes, holder.is_framed);
    let mut kept = Box::new(Kept::<P> { connection, session: MaybeUninit::uninit() });
    let session = match catch(|| holder.plugin.on_open(&kept.connection, opened)) {
        Ok(Ok(session)) => session,
        // Any negative status refuses, harmless ones too.
        Ok(Err(error)) => return panics::failed(handle, "on_open", &error),
        Err(panic) => return panics::panicked(handle, "on_open", &panic),
    };
    kept.session.write(session);
    // SAFETY: the host has a place for it. `on_close` takes it back.
    unsafe { *state = Box::into_raw(kept) as *mut c_void };
    raw::OK
}

pub(crate) unsafe extern "C" fn on_data<P: Protocol>(
    me: *mut c_void,
    id: raw::ConnectionId,
    state: *mut c_void,
    data: *const u8,
    size: u64,
    frame: *const raw::Frame,
    consumed: *mut u64,
) -> raw::Code {
    // SAFETY: as these functions say. The bytes, at least one, and the frame are valid until this
    // returns, and nobody changes them; the payload lies within the bytes; there is a place for the
    // result.
    let (holder, (at, session), message, consumed) = unsafe {
        let bytes = std::slice::from_raw_parts(data, size as usize);
        let message = Message::new(bytes, &*frame);
        (holder_of::<P>(me), parts_of::<P>(state), message, &mut *consumed)
    };
    // At once, so that what a message has in hand need not outlive the protocol's callback.
    *consumed = size;
    if at.has_rest() {
        // SAFETY: the host's arguments, of this very call. The references are not used any more.
        return unsafe { on_data_after_rest::<P>(me, id, state, data, size, frame, consumed) };
    }
    let made = catch(|| {
        // This is the only call of it, so that the compiler can put its code here.
        match holder.plugin.on_data(session, at, message) {
            Ok(flow) if flow == Flow::ALL && !at.has_rest() => raw::OK,
            Ok(flow) => settle(at, Ok(flow), consumed),
            Err(error) => settle(at, Err(error), consumed),
        }
    });
    made.unwrap_or_else(|panic| panics::panicked(at.handle(), "on_data", &panic))
}

/// The answer of an `on_data` that did not just consume everything. `consumed` is the size of the
/// offer before, and then what the host takes for consumed.
#[cold]
#[inline(never)]
fn settle<P>(at: &Connection<P>, said: Answer, consumed: &mut u64) -> raw::Code {
    let size = *consumed;
    let (taken, code) = match said {
        Ok(flow) => {
            if flow.closes() {
                let _: Result<(), Status> = at.close(); // it may be closing already
            }
            (flow.taken(size), flow.code())
        }
        Err(error) => (0, panics::failed(at.handle(), "on_data", &error)),
    };
    *consumed = taken;
    let is_error = code < 0 && !matches!(code, raw::GONE | raw::CLOSING | raw::WOULD_BLOCK);
    match at.take_rest() {
        Some(mut rest) if !is_error => {
            // What is consumed is kept until the rest has gone.
            let is_whole = at.is_framed() && (code == raw::OK || taken != 0);
            rest.owed = if is_whole { size } else { taken };
            at.put_rest(rest);
            *consumed = 0;
            match code {
                raw::WAIT => raw::WAIT,
                _ => raw::HOLD,
            }
        }
        _ => code,
    }
}

/// `on_data` if `send_all` had a rest when the last one ended.
///
/// # Safety
/// As of `on_data`, which hands its arguments on.
#[cold]
#[inline(never)]
unsafe fn on_data_after_rest<P: Protocol>(
    me: *mut c_void,
    id: raw::ConnectionId,
    state: *mut c_void,
    data: *const u8,
    size: u64,
    frame: *const raw::Frame,
    consumed: &mut u64,
) -> raw::Code {
    // SAFETY: the host's arguments.
    let (at, frame) = unsafe { (parts_of::<P>(state).0, &*frame) };
    let (mut owed, mut seen) = (0, frame.offered_before);
    if let Some(mut rest) = at.take_rest() {
        rest.seen = rest.seen.min(frame.offered_before);
        if rest.is_pending() {
            at.put_rest(rest);
            *consumed = 0;
            return raw::HOLD;
        }
        (owed, seen) = (rest.owed.min(size), rest.seen);
    }
    // What the plugin has consumed already is not shown to it again.
    *consumed = owed;
    if owed == size {
        return raw::OK;
    }
    let shown = raw::Frame {
        payload_offset: if owed == 0 { frame.payload_offset } else { 0 },
        payload_size: if owed == 0 { frame.payload_size } else { size - owed },
        offered_before: seen.max(owed) - owed,
        ..*frame
    };
    let mut taken = 0;
    // SAFETY: the host's arguments, but for the end of its bytes, of which at least one is left,
    // and their frame. There is no rest now, so it does not come back here.
    let code = unsafe {
        let data = data.add(owed as usize);
        on_data::<P>(me, id, state, data, size - owed, &shown, &mut taken)
    };
    if let Some(mut rest) = at.take_rest() {
        rest.owed += owed;
        at.put_rest(rest);
        *consumed = 0;
        return code;
    }
    *consumed = owed + taken;
    // WOULD_BLOCK would mean that nothing is consumed.
    match code {
        raw::WOULD_BLOCK if owed != 0 => raw::HOLD,
        code => code,
    }
}

pub(crate) unsafe extern "C" fn on_writable<P: Protocol>(
    me: *mut c_void,
    _id: raw::ConnectionId,
    state: *mut c_void,
) -> raw::Code {
    // SAFETY: as these functions say.
    let (holder, (at, session)) = unsafe { (holder_of::<P>(me), parts_of::<P>(state)) };
    if at.is_sending_rest() {
        match at.send_rest() {
            Ok(true) => {}
            Ok(false) => return raw::OK,
            Err(status) => return status.code(),
        }
    }
    let made = catch(|| holder.plugin.on_writable(session, at));
    panics::code_of(at.handle(), "on_writable", made)
}

pub(crate) unsafe extern "C" fn on_end<P: OnEnd>(
    me: *mut c_void,
    _id: raw::ConnectionId,
    state: *mut c_void,
    ended: *const raw::Ended,
) -> raw::Code {
    // SAFETY: as these functions say; the event is valid until this returns.
    let (holder, (at, session), ended) =
        unsafe { (holder_of::<P>(me), parts_of::<P>(state), &*ended) };
    let made = catch(|| holder.plugin.on_end(session, at, ended));
    panics::code_of(at.handle(), "on_end", made)
}

pub(crate) unsafe extern "C" fn on_drain<P: OnDrain>(
    me: *mut c_void,
    _id: raw::ConnectionId,
    state: *mut c_void,
    draining: *const raw::Draining,
) -> raw::Code {
    // SAFETY: as these functions say; the event is valid until this returns.
    let (holder, (at, session), draining) =
        unsafe { (holder_of::<P>(me), parts_of::<P>(state), &*draining) };
    let made = catch(|| holder.plugin.on_drain(session, at, draining));
    panics::code_of(at.handle(), "on_drain", made)
}

pub(crate) unsafe extern "C" fn on_close<P: Protocol>(
    me: *mut c_void,
    _id: raw::ConnectionId,
    state: *mut c_void,
    closed: *const raw::Closed,
) {
    let kept = state as *mut Kept<P>;
    // SAFETY: as these functions say; the event is valid until this returns.
    let (holder, (at, session), closed) =
        unsafe { (holder_of::<P>(me), parts_of::<P>(state), &*closed) };
    let handle = at.handle();
    let made = catch(|| {
        holder.plugin.on_close(session, at, closed);
        Ok(())
    });
    panics::code_of(handle, "on_close", made);
    // SAFETY: on_open leaked this box, and on_close is the last callback. The references above are
    // not used any more. The session is there, and is dropped once.
    let made = catch(|| unsafe {
        let mut kept = Box::from_raw(kept);
        kept.session.assume_init_drop();
        Ok(())
    });
    panics::code_of(handle, "dropping the session", made);
}
