//! What `create` and `validate` are given: the settings and the listener's limits.

use std::marker::PhantomData;
use std::ops::RangeInclusive;

use crate::metrics::Metrics;
use crate::raw;
use crate::{Error, Instance, Status};

/// Valid until `create` or `validate` returns. The instance's handle may be kept.
pub struct Setup<'a, P> {
    raw: &'a raw::Setup,
    host: &'static raw::Host,
    protocol: PhantomData<fn(&P)>,
}

impl<'a, P> Setup<'a, P> {
    /// # Safety
    /// `raw` is what the host has given to `create` or `validate` of `P`, which runs.
    pub(crate) unsafe fn new(raw: &'a raw::Setup) -> Self {
        // SAFETY: the host's table is valid until the process ends, and does not change.
        let host = unsafe { &*raw.host };
        Setup { raw, host, protocol: PhantomData }
    }

    /// May be kept, and used from any thread.
    pub fn instance(&self) -> Instance<P> {
        // SAFETY: the host made this instance for `P`, and they belong together.
        unsafe { Instance::new(self.host, self.raw.instance) }
    }

    pub fn settings(&self) -> Settings<'_> {
        Settings {
            table: self.instance().extension(),
            instance: self.raw.instance,
            // SAFETY: the host's text is valid until create or validate returns, and UTF-8.
            json: unsafe { text(self.raw.settings, self.raw.settings_size) },
        }
    }

    /// To define metrics. `None`: this host has none.
    pub fn metrics(&self) -> Option<Metrics> {
        self.instance().extension().map(|table| Metrics { table, instance: self.raw.instance })
    }

    pub fn listener_name(&self) -> &str {
        // SAFETY: as for the settings.
        unsafe { text(self.raw.listener_name, self.raw.listener_name_size) }
    }

    /// `Instance::worker_index` is below it.
    pub fn worker_count(&self) -> u32 {
        self.raw.worker_count
    }

    /// The listener's: `framing::NONE`, `DELIMITER` or `LENGTH_PREFIX`.
    pub fn framing(&self) -> u32 {
        self.raw.framing
    }

    /// An older instance still serves the listener.
    pub fn is_reload(&self) -> bool {
        self.raw.mode == raw::SETUP_RELOAD
    }

    /// The largest message that `send` takes.
    pub fn max_send_bytes(&self) -> u64 {
        self.raw.max_send_bytes
    }

    /// `send` refuses at this.
    pub fn send_high_bytes(&self) -> u64 {
        self.raw.send_high_bytes
    }

    /// `on_writable` comes below this.
    pub fn send_low_bytes(&self) -> u64 {
        self.raw.send_low_bytes
    }

    /// With framing the longest payload; without it, `on_data` must leave less than this
    /// unconsumed.
    pub fn max_message_bytes(&self) -> u64 {
        self.raw.max_message_bytes
    }
}

/// A text of the host's. One that is no UTF-8, which the host does not give, is empty.
///
/// # Safety
/// The bytes are valid for reads during 'a, unless the size is 0.
unsafe fn text<'a>(data: *const u8, size: u64) -> &'a str {
    if size == 0 {
        return "";
    }
    // SAFETY: the caller's promise.
    let bytes = unsafe { std::slice::from_raw_parts(data, size as usize) };
    std::str::from_utf8(bytes).unwrap_or("")
}

/// The settings of a listener. A read fails if a value is wrong, and the host then names its file,
/// line and path. A setting that nothing reads is an error too, once one has been read. A key is a
/// name, or a path such as "limits/0/size".
pub struct Settings<'a> {
    table: Option<&'static raw::Settings>,
    instance: *mut raw::Instance,
    json: &'a str,
}

/// The kind of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Null,
    Boolean,
    Integer,
    /// No integer, or one that does not fit 64 bits.
    Number,
    String,
    Array,
    Object,
}

impl Settings<'_> {
    /// The value, or `fallback` if there is none.
    pub fn get<T: Setting>(&self, key: &str, fallback: T) -> Result<T, Error> {
        Ok(T::read(self, key)?.unwrap_or(fallback))
    }

    /// The same for numbers in a range.
    pub fn get_in<T: NumberSetting>(
        &self,
        key: &str,
        fallback: T,
        range: RangeInclusive<T>,
    ) -> Result<T, Error> {
        Ok(T::read_in(self, key, *range.start(), *range.end())?.unwrap_or(fallback))
    }

    /// The value; it is an error if there is none.
    pub fn required<T: Setting>(&self, key: &str) -> Result<T, Error> {
        T::read(self, key)?.ok_or_else(|| self.missing(key))
    }

    /// The same for numbers in a range.
    pub fn required_in<T: NumberSetting>(
        &self,
        key: &str,
        range: RangeInclusive<T>,
    ) -> Result<T, Error> {
        T::read_in(self, key, *range.start(), *range.end())?.ok_or_else(|| self.missing(key))
    }

    /// `None` if there is none. Asking does not count as a read.
    pub fn kind(&self, key: &str) -> Result<Option<Kind>, Error> {
        let mut kind = 0;
        let found = self.ask(|table| {
            // SAFETY: [control], which this is as long as a `Settings` lives. The key is valid
            // during the call, and the answer has a place.
            unsafe { (table.get_kind)(self.instance, key.as_ptr(), key.len() as u64, &mut kind) }
        })?;
        Ok(found.then_some(match kind {
            raw::SETTING_BOOLEAN => Kind::Boolean,
            raw::SETTING_INTEGER => Kind::Integer,
            raw::SETTING_NUMBER => Kind::Number,
            raw::SETTING_STRING => Kind::String,
            raw::SETTING_ARRAY => Kind::Array,
            raw::SETTING_OBJECT => Kind::Object,
            _ => Kind::Null,
        }))
    }

    pub fn has(&self, key: &str) -> Result<bool, Error> {
        Ok(self.kind(key)?.is_some())
    }

    /// The elements of an array or the members of an object; 0 if there is none. "": the settings.
    pub fn count(&self, key: &str) -> Result<u64, Error> {
        let mut count = 0;
        self.ask(|table| {
            // SAFETY: as above.
            unsafe { (table.get_count)(self.instance, key.as_ptr(), key.len() as u64, &mut count) }
        })?;
        Ok(count)
    }

    /// The name of an object's member number `index`.
    pub fn name(&self, key: &str, index: u64) -> Result<Option<String>, Error> {
        self.text(|table, name, size| {
            // SAFETY: as above.
            unsafe {
                (table.get_key)(self.instance, key.as_ptr(), key.len() as u64, index, name, size)
            }
        })
    }

    /// Marks a member, and all below it, as read.
    pub fn read_anything(&self, key: &str) -> Result<(), Error> {
        self.ask(|table| {
            // SAFETY: as above.
            unsafe { (table.read_anything)(self.instance, key.as_ptr(), key.len() as u64) }
        })
        .map(drop)
    }

    /// Reports a mistake in a value: "found 7, expected an even number". Return what it returns.
    pub fn fail(&self, key: &str, text: &str) -> Error {
        let told = self.table.map(|table| {
            // SAFETY: as above; the host copies the text.
            unsafe {
                (table.fail)(
                    self.instance,
                    key.as_ptr(),
                    key.len() as u64,
                    text.as_ptr(),
                    text.len() as u64,
                )
            }
        });
        match told {
            Some(_) => Error::from(Status::ERROR),
            None => Error::text(format!("{key}: {text}")),
        }
    }

    /// All of them, as one JSON object, for a plugin with a parser of its own.
    pub fn json(&self) -> &str {
        self.json
    }

    fn missing(&self, key: &str) -> Error {
        self.fail(key, "this setting is required")
    }

    /// `false`: there is no such setting. The host has a better text than the plugin for a wrong
    /// value, so an error has none.
    fn ask(
        &self,
        function: impl FnOnce(&'static raw::Settings) -> raw::Code,
    ) -> Result<bool, Error> {
        let table = match self.table {
            Some(table) => table,
            None if self.json == "{}" => return Ok(false),
            None => {
                let text = "this host has no extension to read the settings with";
                return Err(Error::new(Status::UNSUPPORTED, text));
            }
        };
        match Status::result(function(table)) {
            Ok(()) => Ok(true),
            Err(Status::NOT_FOUND) => Ok(false),
            Err(status) => Err(Error::from(status)),
        }
    }

    /// For a function that stores a text.
    fn text(
        &self,
        function: impl FnOnce(&'static raw::Settings, &mut *const u8, &mut u64) -> raw::Code,
    ) -> Result<Option<String>, Error> {
        let (mut data, mut size) = (std::ptr::null(), 0);
        let found = self.ask(|table| function(table, &mut data, &mut size))?;
        // SAFETY: the host has stored a text that is valid until create or validate returns; it is
        // copied here.
        Ok(found.then(|| unsafe { text(data, size) }.to_string()))
    }
}

/// What a setting may be read as: `bool`, integers, `f64`, `f32` and `String`.
pub trait Setting: Sized {
    fn read(settings: &Settings<'_>, key: &str) -> Result<Option<Self>, Error>;
}

/// A setting that is a number.
pub trait NumberSetting: Setting + Copy {
    fn read_in(
        settings: &Settings<'_>,
        key: &str,
        minimum: Self,
        maximum: Self,
    ) -> Result<Option<Self>, Error>;
}

impl Setting for bool {
    fn read(settings: &Settings<'_>, key: &str) -> Result<Option<bool>, Error> {
        let mut value = 0;
        let found = settings.ask(|table| {
            // SAFETY: [control], as for `Settings::kind`.
            unsafe {
                (table.get_boolean)(settings.instance, key.as_ptr(), key.len() as u64, &mut value)
            }
        })?;
        Ok(found.then_some(value != 0))
    }
}

impl Setting for String {
    fn read(settings: &Settings<'_>, key: &str) -> Result<Option<String>, Error> {
        settings.text(|table, data, size| {
            // SAFETY: [control], as for `Settings::kind`.
            unsafe {
                (table.get_string)(settings.instance, key.as_ptr(), key.len() as u64, data, size)
            }
        })
    }
}

/// Numbers of the settings' two kinds: integers of 64 bits with a sign, and doubles.
macro_rules! number_settings {
    ($function:ident, $wide:ty, $bound:expr; $($type:ty)*) => { $(
        impl Setting for $type {
            fn read(settings: &Settings<'_>, key: &str) -> Result<Option<$type>, Error> {
                <$type>::read_in(settings, key, <$type>::MIN, <$type>::MAX)
            }
        }
        impl NumberSetting for $type {
            fn read_in(
                settings: &Settings<'_>,
                key: &str,
                minimum: $type,
                maximum: $type,
            ) -> Result<Option<$type>, Error> {
                let (bound, mut value): (fn($type) -> $wide, $wide) = ($bound, Default::default());
                let found = settings.ask(|table| {
                    // SAFETY: [control], as for `Settings::kind`.
                    unsafe {
                        (table.$function)(
                            settings.instance,
                            key.as_ptr(),
                            key.len() as u64,
                            bound(minimum),
                            bound(maximum),
                            &mut value,
                        )
                    }
                })?;
                // It lies within the bounds, so it fits.
                Ok(found.then(|| value as $type))
            }
        }
    )* };
}
number_settings!(get_integer, i64, |bound| (bound as i128).min(i64::MAX as i128) as i64;
    i8 i16 i32 i64 isize u8 u16 u32 u64 usize);
number_settings!(get_number, f64, f64::from; f32 f64);
