//! The C functions of a protocol's instances, its table, and the macro that exports it.
//! `callbacks` has those of connections.

use std::ffi::c_void;
use std::marker::PhantomData;
use std::mem::size_of;

use crate::callbacks::{on_close, on_data, on_drain, on_end, on_open, on_writable};
use crate::panics::{self, catch_anywhere};
use crate::raw;
use crate::{Error, Instance, OnDrain, OnEnd, Protocol, Setup};

/// An instance: the `self` of the C callbacks.
pub(crate) struct Holder<P> {
    pub instance: Instance<P>,
    pub max_send_bytes: u64,
    pub is_framed: bool,
    pub plugin: P,
}

/// # Safety
/// `me` is what create stored, and destroy has not been called.
#[inline(always)]
pub(crate) unsafe fn holder_of<'a, P>(me: *mut c_void) -> &'a Holder<P> {
    // SAFETY: create leaked a Holder<P>. It lives until destroy, which comes after all callbacks,
    // and they only share it: P is Sync.
    unsafe { &*(me as *const Holder<P>) }
}

unsafe extern "C" fn validate<P: Protocol>(setup: *const raw::Setup) -> raw::Code {
    // SAFETY: the host's setup is valid until this returns.
    let (setup, raw) = unsafe { (Setup::<P>::new(&*setup), &*setup) };
    panics::install_hook();
    let made = catch_anywhere(|| P::validate(&setup));
    explain(raw, "validate", made)
}

unsafe extern "C" fn create<P: Protocol>(
    setup: *const raw::Setup,
    me: *mut *mut c_void,
) -> raw::Code {
    // SAFETY: the host's setup is valid until this returns.
    let (setup, raw) = unsafe { (Setup::<P>::new(&*setup), &*setup) };
    let instance = setup.instance();
    panics::begin(instance);
    let made = catch_anywhere(|| P::create(&setup)).map(|made| {
        made.map(|plugin| {
            let (max_send_bytes, framing) = (raw.max_send_bytes.max(1), raw.framing);
            let is_framed = framing != raw::FRAMING_NONE;
            let holder = Box::new(Holder { instance, max_send_bytes, is_framed, plugin });
            // SAFETY: the host has a place for it. `destroy` takes it back.
            unsafe { *me = Box::into_raw(holder) as *mut c_void };
        })
    });
    let code = explain(raw, "create", made);
    if code != raw::OK {
        panics::end(instance);
    }
    code
}

/// For create and validate: the error's text, or the panic's, becomes the reason.
fn explain(
    setup: &raw::Setup,
    what: &str,
    made: Result<Result<(), Error>, panics::Panic>,
) -> raw::Code {
    let (code, text) = match made {
        Ok(Ok(())) => return raw::OK,
        Ok(Err(error)) => (error.status().code(), error.message().to_string()),
        Err(panic) => (raw::ERROR, panic.after(what)),
    };
    let mut size = text.len().min(setup.error_capacity as usize);
    while !text.is_char_boundary(size) {
        size -= 1;
    }
    // SAFETY: there is zeroed room for error_capacity bytes, and no more are copied.
    unsafe { std::ptr::copy_nonoverlapping(text.as_ptr(), setup.error, size) };
    code
}

unsafe extern "C" fn on_stop<P: Protocol>(
    me: *mut c_void,
    draining: *const raw::Draining,
) -> raw::Code {
    // SAFETY: as `holder_of` says; the event is valid until this returns.
    let (holder, draining) = unsafe { (holder_of::<P>(me), &*draining) };
    let made = catch_anywhere(|| holder.plugin.on_stop(draining));
    panics::code_of(holder.instance.connection(0), "on_stop", made)
}

unsafe extern "C" fn destroy<P: Protocol>(me: *mut c_void) {
    // SAFETY: create leaked this box, no callback runs any more, and destroy comes once.
    let holder = unsafe { Box::from_raw(me as *mut Holder<P>) };
    let instance = holder.instance;
    let made = catch_anywhere(|| drop(holder));
    panics::code_of(instance.connection(0), "dropping the plugin", made.map(Ok));
    panics::end(instance);
}

/// The tables of a protocol, made at compile time. The macro `plugin` uses it.
#[doc(hidden)]
pub struct Entry<P>(PhantomData<P>);

impl<P: Protocol> Entry<P> {
    pub const fn callbacks(
        on_end: Option<raw::OnEnd>,
        on_drain: Option<raw::OnDrain>,
    ) -> raw::Callbacks {
        raw::Callbacks {
            struct_size: size_of::<raw::Callbacks>() as u32,
            reserved: 0,
            on_open: Some(on_open::<P>),
            on_data: Some(on_data::<P>),
            on_writable: Some(on_writable::<P>),
            on_end,
            on_drain,
            on_close: Some(on_close::<P>),
        }
    }

    pub const fn plugin(
        name: &'static str,
        version: &'static str,
        callbacks: &'static raw::Callbacks,
    ) -> raw::Plugin {
        assert!(!name.is_empty() && name.len() <= 64, "a name has 1 to 64 bytes");
        assert!(version.len() <= 64, "a version has at most 64 bytes");
        raw::Plugin {
            struct_size: size_of::<raw::Plugin>() as u32,
            abi_major: raw::ABI_MAJOR,
            abi_minor: raw::ABI_MINOR,
            abi_required: raw::ABI_MINOR,
            flags: flag(P::SERIAL, raw::PLUGIN_SERIAL)
                | flag(P::BLOCKING, raw::PLUGIN_BLOCKING)
                | flag(P::UNLOADABLE, raw::PLUGIN_UNLOADABLE),
            optional_flags: 0,
            framing: P::FRAMING,
            reserved: 0,
            name: name.as_ptr(),
            name_size: name.len() as u64,
            version: version.as_ptr(),
            version_size: version.len() as u64,
            validate: Some(validate::<P>),
            create: Some(create::<P>),
            on_stop: Some(on_stop::<P>),
            destroy: Some(destroy::<P>),
            get_extension: None,
            callbacks,
        }
    }
}

const fn flag(is_set: bool, flag: u32) -> u32 {
    if is_set {
        flag
    } else {
        0
    }
}

/// Finds out at compile time whether a protocol has the further callbacks: for a type that is an
/// `OnEnd`, its own constant is nearer than the trait's.
#[doc(hidden)]
pub struct Probe<P>(PhantomData<P>);

#[doc(hidden)]
pub trait WithoutOnEnd {
    const ON_END: Option<raw::OnEnd> = None;
}
impl<P> WithoutOnEnd for Probe<P> {}
impl<P: OnEnd> Probe<P> {
    pub const ON_END: Option<raw::OnEnd> = Some(on_end::<P>);
}

#[doc(hidden)]
pub trait WithoutOnDrain {
    const ON_DRAIN: Option<raw::OnDrain> = None;
}
impl<P> WithoutOnDrain for Probe<P> {}
impl<P: OnDrain> Probe<P> {
    pub const ON_DRAIN: Option<raw::OnDrain> = Some(on_drain::<P>);
}

/// The pointers to a module's plugins.
#[doc(hidden)]
pub struct List(pub [*const raw::Plugin; 1]);

impl List {
    pub const fn module(&'static self) -> raw::Module {
        raw::Module {
            struct_size: size_of::<raw::Module>() as u32,
            abi_major: raw::ABI_MAJOR,
            abi_minor: raw::ABI_MINOR,
            plugin_count: self.0.len() as u32,
            plugins: self.0.as_ptr(),
        }
    }
}

// SAFETY: the macro makes statics of these tables. Nobody writes to them, and their pointers lead
// to functions, to literals and to each other.
unsafe impl Sync for raw::Plugin {}
// SAFETY: as above.
unsafe impl Sync for raw::Module {}
// SAFETY: as above.
unsafe impl Sync for List {}

/// Exports a protocol as the one plugin of this library: `plugin!(Upper, "upper", "1.0");`, once,
/// outside of all functions. The name has 1 to 64 bytes, printable ASCII without spaces, and the
/// version is the plugin's own.
#[macro_export]
macro_rules! plugin {
    ($protocol:ty, $name:expr, $version:expr) => {
        $crate::plugin_as!(portico_plugin_query, $protocol, $name, $version);
    };
}

/// The same with another name for the entry, for plugins that are linked statically into a program.
#[macro_export]
macro_rules! plugin_as {
    ($query:ident, $protocol:ty, $name:expr, $version:expr) => {
        /// The entry of the plugin, for the host.
        #[no_mangle]
        pub extern "C" fn $query(_host_abi_major: u32) -> *const $crate::raw::Module {
            // Paths in full, because a protocol may have any name.
            use $crate::entry::{WithoutOnDrain as _, WithoutOnEnd as _};
            static CALLBACKS: $crate::raw::Callbacks = $crate::entry::Entry::<$protocol>::callbacks(
                $crate::entry::Probe::<$protocol>::ON_END,
                $crate::entry::Probe::<$protocol>::ON_DRAIN,
            );
            static PLUGIN: $crate::raw::Plugin =
                $crate::entry::Entry::<$protocol>::plugin($name, $version, &CALLBACKS);
            static LIST: $crate::entry::List = $crate::entry::List([&PLUGIN]);
            static MODULE: $crate::raw::Module = LIST.module();
            &MODULE
        }
    };
}
