//! No panic crosses the C boundary: every function that the host calls runs its Rust code in
//! `catch`. And the log says where a panic was: a panic hook keeps its text, which the standard
//! library would print to standard error, past the host's log. Panics of the plugin's own threads
//! are still printed.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, Once};

use crate::raw;
use crate::{Error, Handle, Instance, Level, Status};

#[cfg(panic = "abort")]
compile_error!("with panic = \"abort\" a panic would end the host: build plugins with \"unwind\"");

thread_local! {
    /// This thread runs Rust code for the host, and is not one of its workers.
    static IS_CALLED: Cell<bool> = const { Cell::new(false) };
    /// The text and place of this thread's last panic.
    static TEXT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The instances that live, to ask one of them whether a thread is a worker. So the callbacks of
/// connections need not mark their thread, which would cost instructions for each message.
static INSTANCES: Mutex<Vec<Instance<()>>> = Mutex::new(Vec::new());

fn with_instances<R>(function: impl FnOnce(&mut Vec<Instance<()>>) -> R) -> R {
    function(&mut INSTANCES.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
}

/// Before anything of the plugin's runs.
pub(crate) fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !is_called() {
                return previous(info);
            }
            let place = info.location().map_or(String::new(), |place| format!(" at {place}"));
            let text = format!("{place}: {}", text_of(info.payload()));
            let _ = TEXT.try_with(|kept| kept.replace(Some(text)));
        }));
    });
}

/// Before anything of the instance runs.
pub(crate) fn begin<P>(instance: Instance<P>) {
    install_hook();
    // SAFETY: nothing is posted by this handle, so its type does not matter.
    let instance = unsafe { Instance::new(instance.host, instance.raw) };
    with_instances(|all| all.push(instance));
}

/// Before an instance is destroyed, and if it could not be created.
pub(crate) fn end<P>(instance: Instance<P>) {
    with_instances(|all| all.retain(|one| one.raw != instance.raw));
}

/// Does this thread run a callback?
fn is_called() -> bool {
    if IS_CALLED.try_with(Cell::get).unwrap_or(false) {
        return true;
    }
    // If the list is in use, a panic may come from there: it is printed then.
    let instances = INSTANCES.try_lock();
    instances.map_or(false, |all| all.iter().any(|one| one.worker_index().is_some()))
}

fn text_of(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a value that is no text")
}

/// What a panic has left: " at PLACE: TEXT".
pub(crate) struct Panic {
    text: String,
}

impl Panic {
    #[cold]
    fn new(payload: Box<dyn Any + Send>) -> Panic {
        let kept = TEXT.try_with(|kept| kept.take()).unwrap_or(None);
        let text = kept.unwrap_or_else(|| format!(": {}", text_of(&*payload)));
        if payload.is::<&str>() || payload.is::<String>() {
            drop(payload);
        } else {
            // Its destructor might panic, and nothing would stop that at the C boundary.
            std::mem::forget(payload);
        }
        Panic { text }
    }

    pub fn after(&self, what: &str) -> String {
        format!("{what} panicked{}", self.text)
    }
}

/// Runs `function`, and stops its panic here.
///
/// The values that it uses need not be unwind-safe. After a panic the connection is aborted, so its
/// session is only told of the close, and dropped; what a panic leaves of the values that sessions
/// share is safe to use, and their mutexes are poisoned as ever.
#[inline(always)]
pub(crate) fn catch<R>(function: impl FnOnce() -> R) -> Result<R, Panic> {
    panic::catch_unwind(AssertUnwindSafe(function)).map_err(Panic::new)
}

/// The same on a thread that may not be a worker's.
pub(crate) fn catch_anywhere<R>(function: impl FnOnce() -> R) -> Result<R, Panic> {
    let was_called = IS_CALLED.try_with(|called| called.replace(true)).unwrap_or(true);
    let made = catch(function);
    let _ = IS_CALLED.try_with(|called| called.set(was_called));
    made
}

/// The answer of a connection's callback that failed, which is logged.
#[cold]
pub(crate) fn failed<P>(at: Handle<P>, what: &str, error: &Error) -> raw::Code {
    if !error.message().is_empty() {
        at.log(Level::Error, &format!("{what} failed: {}", error.message()));
    }
    error.status().code()
}

/// The answer of a connection's callback that panicked, which is logged.
#[cold]
pub(crate) fn panicked<P>(at: Handle<P>, what: &str, panic: &Panic) -> raw::Code {
    at.log(Level::Error, &panic.after(what));
    raw::ERROR
}

/// The answer of a callback that made this.
pub(crate) fn code_of<P>(
    at: Handle<P>,
    what: &str,
    made: Result<Result<(), Error>, Panic>,
) -> raw::Code {
    match made {
        Ok(Ok(())) => raw::OK,
        Ok(Err(error)) => failed(at, what, &error),
        Err(panic) => panicked(at, what, &panic),
    }
}

/// For functions that the plugin posted or gave to a timer, and that answer nothing: if it failed,
/// this closes the connection itself.
pub(crate) fn settle<P>(at: Handle<P>, what: &str, made: Result<Result<(), Error>, Panic>) {
    let is_bad = match &made {
        Ok(result) => result.as_ref().err().map_or(false, |error| !error.status().is_harmless()),
        Err(_) => true,
    };
    if let Ok(Err(error)) = &made {
        if is_bad && error.message().is_empty() {
            at.log(Level::Error, &format!("{what} failed: {}", error.status()));
        }
    }
    code_of(at, what, made);
    if is_bad && at.id != 0 {
        let _: Result<(), Status> = at.abort(); // it may be gone already
    }
}
