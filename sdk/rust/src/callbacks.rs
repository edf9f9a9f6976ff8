//! The C functions behind a protocol's connections. Each of them turns the host's pointers into
//! references, runs the protocol's Rust code, and lets no panic out.

use std::ffi::c_void;
use std::mem::MaybeUninit;

use crate::connection::{Connection, Message, State};
use crate::entry::{holder_of, Holder};
use crate::panics::{self, catch};
use crate::raw;
use crate::{Flow, Handle, OnDrain, OnEnd, Protocol, Status};

/// What on_open stores for a connection: the `state` of the C callbacks. The session is there once
/// on_open has accepted.
pub(crate) struct Kept<P: Protocol> {
    pub state: State,
    pub session: MaybeUninit<P::Session>,
}

/// # Safety
/// `state` is what on_open stored, and a callback of its connection runs, on_close at the latest.
#[inline(always)]
unsafe fn parts_of<'a, P: Protocol>(state: *mut c_void) -> (&'a State, &'a mut P::Session) {
    let kept = state as *mut Kept<P>;
    // SAFETY: on_open leaked a Kept<P> with a session. It lives until on_close, the last callback.
    // The callbacks of a connection are serial, each sees what the one before has written, and no
    // host function calls back: nobody else uses the session or the state now. The two are
    // different members, so the references do not overlap.
    unsafe { (&(*kept).state, (*kept).session.assume_init_mut()) }
}

#[inline(always)]
fn connection<'a, P: Protocol>(
    holder: &'a Holder<P>,
    id: raw::ConnectionId,
    state: &'a State,
) -> Connection<'a, P> {
    Connection { handle: Handle { instance: holder.instance, id }, core: &holder.core, state }
}

pub(crate) unsafe extern "C" fn on_open<P: Protocol>(
    me: *mut c_void,
    id: raw::ConnectionId,
    opened: *const raw::Opened,
    state: *mut *mut c_void,
) -> raw::Code {
    // SAFETY: as `holder_of` says; the event is valid until this returns.
    let (holder, opened) = unsafe { (holder_of::<P>(me), &*opened) };
    let mut kept = Box::new(Kept::<P> { state: State::new(), session: MaybeUninit::uninit() });
    let at = connection(holder, id, &kept.state);
    let handle = at.handle;
    let session = match catch(|| holder.plugin.on_open(&at, opened)) {
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
    // returns, and nobody changes them; there is a place for the result.
    let (holder, bytes, frame, consumed) = unsafe {
        let bytes = std::slice::from_raw_parts(data, size as usize);
        (holder_of::<P>(me), bytes, &*frame, &mut *consumed)
    };
    // SAFETY: as above.
    let (state, session) = unsafe { parts_of::<P>(state) };
    let at = connection(holder, id, state);
    if state.has_rest() {
        return offer_after_rest(holder, &at, session, bytes, frame, consumed);
    }
    offer(holder, &at, session, Message::new(bytes, frame), consumed)
}

/// One call of the protocol's `on_data`.
#[inline(always)]
fn offer<P: Protocol>(
    holder: &Holder<P>,
    at: &Connection<P>,
    session: &mut P::Session,
    message: Message,
    consumed: &mut u64,
) -> raw::Code {
    let size = message.bytes().len() as u64;
    let flow = match catch(|| holder.plugin.on_data(session, at, message)) {
        Ok(Ok(flow)) => flow,
        Ok(Err(error)) => {
            let code = panics::failed(at.handle, "on_data", &error);
            return if at.state.has_rest() { owe(at, code, 0, size, consumed) } else { code };
        }
        Err(panic) => return panics::panicked(at.handle, "on_data", &panic),
    };
    let taken = if flow.consumed == Flow::EVERYTHING { size } else { flow.consumed };
    let mut code = flow.code;
    if code == Flow::CLOSES {
        let _: Result<(), Status> = at.close(); // it may be closing already
        code = raw::OK;
    }
    if at.state.has_rest() {
        return owe(at, code, taken, size, consumed);
    }
    *consumed = taken;
    code
}

/// After `on_data`, if it left a rest: what it consumed is kept until the rest has gone.
#[cold]
fn owe<P>(
    at: &Connection<P>,
    code: raw::Code,
    taken: u64,
    size: u64,
    consumed: &mut u64,
) -> raw::Code {
    if code < 0 && !matches!(code, raw::GONE | raw::CLOSING | raw::WOULD_BLOCK) {
        return code;
    }
    let is_whole = at.core.is_framed && (code == raw::OK || taken != 0);
    at.state.with_rest(|rest| rest.owed = if is_whole { size } else { taken });
    *consumed = 0;
    if code == raw::WAIT {
        raw::WAIT
    } else {
        raw::HOLD
    }
}

/// `on_data` if `send_all` had a rest when the last one ended.
#[cold]
#[inline(never)]
fn offer_after_rest<P: Protocol>(
    holder: &Holder<P>,
    at: &Connection<P>,
    session: &mut P::Session,
    bytes: &[u8],
    frame: &raw::Frame,
    consumed: &mut u64,
) -> raw::Code {
    let mut rest = match at.state.take_rest() {
        Some(rest) => rest,
        None => return offer(holder, at, session, Message::new(bytes, frame), consumed),
    };
    rest.seen = rest.seen.min(frame.offered_before);
    if rest.is_pending() {
        at.state.put_rest(rest);
        return raw::HOLD;
    }
    // What the plugin has consumed already is not shown to it again.
    let size = bytes.len() as u64;
    let owed = rest.owed.min(size);
    let offered_before = rest.seen.max(owed) - owed;
    drop(rest);
    *consumed = owed;
    if owed == size {
        return raw::OK;
    }
    let shown = raw::Frame {
        payload_offset: if owed == 0 { frame.payload_offset } else { 0 },
        payload_size: if owed == 0 { frame.payload_size } else { size - owed },
        offered_before,
        ..*frame
    };
    let mut taken = 0;
    let message = Message::new(&bytes[owed as usize..], &shown);
    let code = offer(holder, at, session, message, &mut taken);
    if at.state.has_rest() {
        at.state.with_rest(|rest| rest.owed += owed);
        *consumed = 0;
        return code;
    }
    *consumed = owed + taken;
    // WOULD_BLOCK would mean that nothing is consumed.
    if code == raw::WOULD_BLOCK && owed != 0 {
        raw::HOLD
    } else {
        code
    }
}

pub(crate) unsafe extern "C" fn on_writable<P: Protocol>(
    me: *mut c_void,
    id: raw::ConnectionId,
    state: *mut c_void,
) -> raw::Code {
    // SAFETY: as these functions say.
    let (holder, (state, session)) = unsafe { (holder_of::<P>(me), parts_of::<P>(state)) };
    let at = connection(holder, id, state);
    if state.is_pending() {
        match at.send_rest() {
            Ok(true) => {}
            Ok(false) => return raw::OK,
            Err(status) => return status.code(),
        }
    }
    let made = catch(|| holder.plugin.on_writable(session, &at));
    panics::code_of(at.handle, "on_writable", made)
}

pub(crate) unsafe extern "C" fn on_end<P: OnEnd>(
    me: *mut c_void,
    id: raw::ConnectionId,
    state: *mut c_void,
    ended: *const raw::Ended,
) -> raw::Code {
    // SAFETY: as these functions say; the event is valid until this returns.
    let (holder, (state, session), ended) =
        unsafe { (holder_of::<P>(me), parts_of::<P>(state), &*ended) };
    let at = connection(holder, id, state);
    let made = catch(|| holder.plugin.on_end(session, &at, ended));
    panics::code_of(at.handle, "on_end", made)
}

pub(crate) unsafe extern "C" fn on_drain<P: OnDrain>(
    me: *mut c_void,
    id: raw::ConnectionId,
    state: *mut c_void,
    draining: *const raw::Draining,
) -> raw::Code {
    // SAFETY: as these functions say; the event is valid until this returns.
    let (holder, (state, session), draining) =
        unsafe { (holder_of::<P>(me), parts_of::<P>(state), &*draining) };
    let at = connection(holder, id, state);
    let made = catch(|| holder.plugin.on_drain(session, &at, draining));
    panics::code_of(at.handle, "on_drain", made)
}

pub(crate) unsafe extern "C" fn on_close<P: Protocol>(
    me: *mut c_void,
    id: raw::ConnectionId,
    state: *mut c_void,
    closed: *const raw::Closed,
) {
    let kept = state as *mut Kept<P>;
    // SAFETY: as these functions say; the event is valid until this returns.
    let (holder, (state, session), closed) =
        unsafe { (holder_of::<P>(me), parts_of::<P>(state), &*closed) };
    let at = connection(holder, id, state);
    let handle = at.handle;
    let made = catch(|| {
        holder.plugin.on_close(session, &at, closed);
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
