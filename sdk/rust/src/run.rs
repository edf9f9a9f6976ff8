//! Blocking work as two closures: the first one runs on a helper thread, where it may block, and
//! the second one gets what it returned, on the strand. One allocation holds both, freed after the
//! second one, or instead of it.

use std::ffi::c_void;

use crate::entry::holder_of;
use crate::panics;
use crate::raw;
use crate::task::{call_of, Call};
use crate::{Connection, Error, Handle, Instance, Outcome, Protocol, Status};

/// The host hands it from the caller to the helper thread, and from there to the strand; each sees
/// what the one before has written.
struct Job<P: Protocol, R, W, D> {
    at: Handle<P>,
    work: Option<W>,
    done: D,
    made: Option<R>,
}

/// `work` gets the plugin, and `done` gets what a call has, and what `work` returned.
fn run_job<P, R, W, D>(at: Handle<P>, work: W, done: D) -> Result<(), Status>
where
    P: Protocol,
    R: Send + 'static,
    W: FnOnce(&P) -> R + Send + 'static,
    D: FnOnce(Call<P>, R) -> Result<(), Error> + Send + 'static,
{
    let table = at.instance.extension::<raw::Executor>().ok_or(Status::UNSUPPORTED)?;
    let job = Box::into_raw(Box::new(Job { at, work: Some(work), done, made: None::<R> }));
    // SAFETY: [any]. Both functions get the argument that they expect.
    let taken = Status::result(unsafe {
        let (working, finished) = (do_work::<P, R, W, D>, finish::<P, R, W, D>);
        (table.run)(at.instance.raw, at.id, working, finished, job as *mut c_void)
    });
    if taken.is_err() {
        // SAFETY: the host has not taken it, so it is still this function's.
        drop(unsafe { Box::from_raw(job) });
    }
    taken
}

unsafe extern "C" fn do_work<P, R, W, D>(me: *mut c_void, argument: *mut c_void)
where
    P: Protocol,
    R: Send + 'static,
    W: FnOnce(&P) -> R + Send + 'static,
    D: FnOnce(Call<P>, R) -> Result<(), Error> + Send + 'static,
{
    // SAFETY: `run_job` gave this box to the host. Nobody else uses it until this returns, and
    // `finish` comes after that. destroy waits for both, so the instance is there.
    let (job, holder) = unsafe { (&mut *(argument as *mut Job<P, R, W, D>), holder_of::<P>(me)) };
    let at = job.at;
    let made = panics::catch_anywhere(|| {
        job.made = job.work.take().map(|work| work(&holder.plugin));
        Ok(())
    });
    panics::settle(at, "blocking work", made);
}

unsafe extern "C" fn finish<P, R, W, D>(
    me: *mut c_void,
    _id: raw::ConnectionId,
    state: *mut c_void,
    argument: *mut c_void,
    status: raw::Code,
) where
    P: Protocol,
    R: Send + 'static,
    W: FnOnce(&P) -> R + Send + 'static,
    D: FnOnce(Call<P>, R) -> Result<(), Error> + Send + 'static,
{
    // SAFETY: `run_job` gave this box to the host, and this is the last call for it.
    let job = unsafe { Box::from_raw(argument as *mut Job<P, R, W, D>) };
    let at = job.at;
    let made = panics::catch_anywhere(move || {
        let job = *job;
        if status != raw::OK {
            return Ok(()); // perhaps after on_close, so there may be no state
        }
        // SAFETY: the host calls this as a posted function of `at`.
        match (unsafe { call_of::<P>(me, state, at) }, job.made) {
            (Some(call), Some(made)) => (job.done)(call, made),
            _ => Ok(()),
        }
    });
    panics::settle(at, "the function after blocking work", made);
}

impl<P: Protocol> Handle<P> {
    /// Runs `work`, which may block, on a helper thread, and then `done` on the connection's strand
    /// with what it returned, if the connection is still open. `LIMIT`: too much work waits.
    /// `UNSUPPORTED`: this host has no such threads, or it is `create`.
    pub fn run<R, W, D, O>(&self, work: W, done: D) -> Result<(), Status>
    where
        R: Send + 'static,
        W: FnOnce(&P) -> R + Send + 'static,
        D: FnOnce(&P, &mut P::Session, &Connection<P>, R) -> O + Send + 'static,
        O: Outcome,
    {
        if self.id == 0 {
            return Err(Status::GONE);
        }
        run_job(*self, work, move |call: Call<P>, made: R| match call.place {
            Some((session, at)) => done(call.plugin, session, at, made).into_result(),
            None => Ok(()),
        })
    }
}

impl<P: Protocol> Instance<P> {
    /// Runs `work` on a helper thread, and then `done` on the instance's own strand.
    pub fn run<R, W, D, O>(&self, work: W, done: D) -> Result<(), Status>
    where
        R: Send + 'static,
        W: FnOnce(&P) -> R + Send + 'static,
        D: FnOnce(&P, R) -> O + Send + 'static,
        O: Outcome,
    {
        let at = self.connection(0);
        run_job(at, work, move |call: Call<P>, made: R| done(call.plugin, made).into_result())
    }
}
