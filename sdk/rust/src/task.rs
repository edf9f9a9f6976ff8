//! Posted functions and timers as closures: one allocation each, freed after the last call.
//!
//! A closure of a connection is given the plugin, the session and the connection, as its callbacks
//! are. It runs only if the connection is still open, and is dropped without a call otherwise.

use std::ffi::c_void;

use crate::callbacks::parts_of;
use crate::connection::Connection;
use crate::entry::holder_of;
use crate::panics;
use crate::raw;
use crate::{Error, Handle, Instance, Outcome, Protocol, Status, TimerEvent};

/// What a closure is called with, made of what the host passes. The instance's `session` and
/// `connection` are `None`.
pub(crate) struct Call<'a, P: Protocol> {
    pub plugin: &'a P,
    pub place: Option<(&'a mut P::Session, &'a Connection<P>)>,
}

/// `None`: there is nothing to run with, because `create` failed, or `on_open` refused the
/// connection.
///
/// # Safety
/// `me` and `state` are what the host has passed to a function posted to `at`, or to a timer of it,
/// and that function runs. `at` is of the instance that `me` belongs to.
pub(crate) unsafe fn call_of<'a, P: Protocol>(
    me: *mut c_void,
    state: *mut c_void,
    at: Handle<P>,
) -> Option<Call<'a, P>> {
    if me.is_null() {
        return None;
    }
    // SAFETY: it is what create stored, and lives until destroy, which comes after every call.
    // Callbacks only share it.
    let holder = unsafe { holder_of::<P>(me) };
    if at.id == 0 {
        return Some(Call { plugin: &holder.plugin, place: None });
    }
    if state.is_null() {
        return None;
    }
    // SAFETY: on_open stored it, and a function that was posted to its connection runs.
    let (connection, session) = unsafe { parts_of::<P>(state) };
    Some(Call { plugin: &holder.plugin, place: Some((session, connection)) })
}

/// A boxed closure and where it belongs. `F` takes what `Call` has.
struct Task<P, F> {
    instance: Instance<P>,
    function: F,
}

/// Posts `function` by `post`, which hands it to the host.
fn post_task<P, F>(
    instance: Instance<P>,
    function: F,
    post: impl FnOnce(raw::PostFunction, *mut c_void) -> raw::Code,
) -> Result<(), Status>
where
    P: Protocol,
    F: FnOnce(Call<P>) -> Result<(), Error> + Send + 'static,
{
    let task = Box::into_raw(Box::new(Task { instance, function }));
    let posted = Status::result(post(run_posted::<P, F>, task as *mut c_void));
    if posted.is_err() {
        // SAFETY: the host has not taken it, so it is still this function's.
        drop(unsafe { Box::from_raw(task) });
    }
    posted
}

unsafe extern "C" fn run_posted<P, F>(
    me: *mut c_void,
    id: raw::ConnectionId,
    state: *mut c_void,
    argument: *mut c_void,
    status: raw::Code,
) where
    P: Protocol,
    F: FnOnce(Call<P>) -> Result<(), Error> + Send + 'static,
{
    // SAFETY: `post_task` gave this box to the host, which calls this once for it.
    let task = unsafe { Box::from_raw(argument as *mut Task<P, F>) };
    let at = task.instance.connection(id);
    let made = panics::catch_anywhere(move || {
        // SAFETY: the host calls this as a posted function of `at`.
        match unsafe { call_of::<P>(me, state, at) } {
            Some(call) if status == raw::OK => (task.function)(call),
            _ => Ok(()),
        }
    });
    panics::settle(at, "a posted function", made);
}

/// A timer's closure, called again and again.
fn start_timer<P, F>(
    at: Handle<P>,
    first_ms: u32,
    period_ms: u32,
    function: F,
) -> Result<Timer, Status>
where
    P: Protocol,
    F: FnMut(Call<P>, &TimerEvent) -> Result<(), Error> + Send + 'static,
{
    let instance = at.instance;
    let table = instance.extension::<raw::Timers>().ok_or(Status::UNSUPPORTED)?;
    let task = Box::into_raw(Box::new(Task { instance, function }));
    let argument = task as *mut c_void;
    let mut id = 0;
    // SAFETY: [any]. The function is one of a timer, and its argument is what it expects.
    let started = Status::result(unsafe {
        let due = run_timer::<P, F>;
        (table.start)(instance.raw, at.id, first_ms, period_ms, due, argument, &mut id)
    });
    if let Err(status) = started {
        // SAFETY: the host has not taken it, so it is still this function's.
        drop(unsafe { Box::from_raw(task) });
        return Err(status);
    }
    Ok(Timer { table, instance: instance.raw, id, is_periodic: period_ms != 0 })
}

unsafe extern "C" fn run_timer<P, F>(
    me: *mut c_void,
    id: raw::ConnectionId,
    state: *mut c_void,
    argument: *mut c_void,
    event: *const TimerEvent,
) where
    P: Protocol,
    F: FnMut(Call<P>, &TimerEvent) -> Result<(), Error> + Send + 'static,
{
    let task = argument as *mut Task<P, F>;
    // SAFETY: the event is valid during the call. The task is the box that `start_timer` gave to
    // the host; the calls of one timer are serial, and only its last one frees it.
    let (event, at) = unsafe { (&*event, (*task).instance.connection(id)) };
    let made = panics::catch_anywhere(|| {
        // SAFETY: the host calls this as a function of a timer of `at`.
        match unsafe { call_of::<P>(me, state, at) } {
            // SAFETY: as above, and this is the only reference.
            Some(call) if event.status == raw::OK => unsafe { ((*task).function)(call, event) },
            _ => Ok(()),
        }
    });
    panics::settle(at, "a timer's function", made);
    if event.flags & raw::TIMER_LAST != 0 {
        // SAFETY: no call follows the last one, so the box is this function's again.
        let freed = panics::catch_anywhere(|| drop(unsafe { Box::from_raw(task) }));
        panics::settle(at, "dropping a timer's function", freed.map(Ok));
    }
}

/// A timer of a connection or an instance: a handle, so dropping it does not stop the timer.
/// Connections and instances stop theirs when they end.
#[derive(Clone, Copy)]
pub struct Timer {
    table: &'static raw::Timers,
    instance: *mut raw::Instance,
    id: u64,
    is_periodic: bool,
}

// SAFETY: the functions of the table are [any], and valid as long as the instance's handle: until
// the process ends.
unsafe impl Send for Timer {}
// SAFETY: as above.
unsafe impl Sync for Timer {}

impl Timer {
    /// Counts anew from now; a periodic timer takes it as its period too. `GONE` if the timer is
    /// over. Cheap enough for every message.
    #[inline]
    pub fn restart(&self, milliseconds: u32) -> Result<(), Status> {
        let period_ms = if self.is_periodic { milliseconds.max(1) } else { 0 };
        // SAFETY: [any].
        Status::result(unsafe {
            (self.table.restart)(self.instance, self.id, milliseconds, period_ms)
        })
    }

    /// Its function is dropped soon, on the strand.
    pub fn cancel(&self) -> Result<(), Status> {
        // SAFETY: [any].
        Status::result(unsafe { (self.table.cancel)(self.instance, self.id) })
    }
}

impl<P: Protocol> Handle<P> {
    /// Runs `function` on the connection's strand, if it is still open then.
    pub fn post<F, R>(&self, function: F) -> Result<(), Status>
    where
        F: FnOnce(&P, &mut P::Session, &Connection<P>) -> R + Send + 'static,
        R: Outcome,
    {
        let (instance, id) = (self.instance, self.id);
        let run = move |call: Call<P>| match call.place {
            Some((session, at)) => function(call.plugin, session, at).into_result(),
            None => Ok(()),
        };
        // SAFETY: [any]. The function is a posted one, and its argument is what it expects.
        post_task(instance, run, |posted, argument| unsafe {
            (instance.host.post)(instance.raw, id, posted, argument)
        })
    }

    /// Calls `function` once after so many milliseconds, on the connection's strand.
    pub fn after<F, R>(&self, milliseconds: u32, function: F) -> Result<Timer, Status>
    where
        F: FnOnce(&P, &mut P::Session, &Connection<P>) -> R + Send + 'static,
        R: Outcome,
    {
        let mut function = Some(function);
        start_timer(*self, milliseconds, 0, move |call: Call<P>, _: &TimerEvent| {
            match (call.place, function.take()) {
                (Some((session, at)), Some(function)) => {
                    function(call.plugin, session, at).into_result()
                }
                _ => Ok(()),
            }
        })
    }

    /// The same again and again. The event says how many periods a late call stands for.
    pub fn every<F, R>(&self, milliseconds: u32, mut function: F) -> Result<Timer, Status>
    where
        F: FnMut(&P, &mut P::Session, &Connection<P>, &TimerEvent) -> R + Send + 'static,
        R: Outcome,
    {
        let period_ms = milliseconds.max(1);
        start_timer(*self, milliseconds, period_ms, move |call: Call<P>, event: &TimerEvent| {
            match call.place {
                Some((session, at)) => function(call.plugin, session, at, event).into_result(),
                None => Ok(()),
            }
        })
    }
}

impl<P: Protocol> Instance<P> {
    /// Runs `function` on the instance's own strand.
    pub fn post<F, R>(&self, function: F) -> Result<(), Status>
    where
        F: FnOnce(&P) -> R + Send + 'static,
        R: Outcome,
    {
        let instance = *self;
        let run = move |call: Call<P>| function(call.plugin).into_result();
        // SAFETY: [any]. The function is a posted one, and its argument is what it expects.
        post_task(instance, run, |posted, argument| unsafe {
            (instance.host.post_instance)(instance.raw, posted, argument)
        })
    }

    /// Calls `function` once after so many milliseconds, on the instance's own strand.
    pub fn after<F, R>(&self, milliseconds: u32, function: F) -> Result<Timer, Status>
    where
        F: FnOnce(&P) -> R + Send + 'static,
        R: Outcome,
    {
        let mut function = Some(function);
        start_timer(self.connection(0), milliseconds, 0, move |call: Call<P>, _: &TimerEvent| {
            function.take().map_or(Ok(()), |function| function(call.plugin).into_result())
        })
    }

    /// The same again and again.
    pub fn every<F, R>(&self, milliseconds: u32, mut function: F) -> Result<Timer, Status>
    where
        F: FnMut(&P, &TimerEvent) -> R + Send + 'static,
        R: Outcome,
    {
        let (at, period_ms) = (self.connection(0), milliseconds.max(1));
        start_timer(at, milliseconds, period_ms, move |call: Call<P>, event: &TimerEvent| {
            function(call.plugin, event).into_result()
        })
    }
}
