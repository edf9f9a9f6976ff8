//! Handles of instances and connections: small values that may be copied, kept, and used from any
//! thread. On a connection that is gone, every function answers `Status::GONE`.

use std::ffi::c_void;
use std::fmt;
use std::marker::PhantomData;

use crate::raw;
use crate::Status;

/// How important a line of the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Level {
    Trace = raw::LOG_TRACE,
    Debug = raw::LOG_DEBUG,
    Info = raw::LOG_INFO,
    Warn = raw::LOG_WARN,
    Error = raw::LOG_ERROR,
}

/// An instance of the protocol `P`. It stays valid until the process ends; after the instance has
/// ended, its functions answer `Status::GONE`.
pub struct Instance<P> {
    pub(crate) host: &'static raw::Host,
    pub(crate) raw: *mut raw::Instance,
    // The host hands what is posted here to the instance's own callbacks, and `P` is their type.
    protocol: PhantomData<fn(&P)>,
}

// SAFETY: the host's functions are [any]: they may be called from any thread, at any time until the
// process ends, and the host's table does not change. The pointer is only handed to them. Nothing
// of a `P` is inside.
unsafe impl<P> Send for Instance<P> {}
// SAFETY: as above.
unsafe impl<P> Sync for Instance<P> {}

impl<P> Clone for Instance<P> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<P> Copy for Instance<P> {}

impl<P> fmt::Debug for Instance<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Instance({:p})", self.raw)
    }
}

impl<P> Instance<P> {
    /// # Safety
    /// `raw` is an instance of `P` of the host with this table.
    #[inline]
    pub(crate) unsafe fn new(host: &'static raw::Host, raw: *mut raw::Instance) -> Self {
        Instance { host, raw, protocol: PhantomData }
    }

    #[inline]
    pub fn connection(&self, id: u64) -> Handle<P> {
        Handle { instance: *self, id }
    }

    /// Writes one line to the host's log.
    pub fn log(&self, level: Level, text: &str) {
        self.connection(0).log(level, text);
    }

    /// The host's monotonic clock, in nanoseconds.
    #[inline]
    pub fn now(&self) -> u64 {
        // SAFETY: [any], and the instance belongs to this table.
        unsafe { (self.host.now)(self.raw) }
    }

    /// The number of the worker that runs this callback, below `Setup::worker_count`. `None` on
    /// every other thread.
    #[inline]
    pub fn worker_index(&self) -> Option<u32> {
        // SAFETY: [any], and the instance belongs to this table.
        let index = unsafe { (self.host.worker_index)(self.raw) };
        (index != u32::MAX).then_some(index)
    }

    pub(crate) fn extension<T: raw::Extension>(&self) -> Option<&'static T> {
        // SAFETY: [any], and the instance belongs to this table.
        unsafe { raw::extension(self.host, self.raw) }
    }
}

/// A connection of an instance of `P`.
pub struct Handle<P> {
    pub(crate) instance: Instance<P>,
    pub(crate) id: raw::ConnectionId,
}

impl<P> Clone for Handle<P> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<P> Copy for Handle<P> {}

impl<P> PartialEq for Handle<P> {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}
impl<P> Eq for Handle<P> {}

impl<P> fmt::Debug for Handle<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({})", self.id)
    }
}

impl<P> Handle<P> {
    /// Never used again while the server lives, so it is a good key.
    pub fn id(&self) -> u64 {
        self.id
    }

    pub fn instance(&self) -> Instance<P> {
        self.instance
    }

    /// All or nothing. `WOULD_BLOCK`: nothing was queued, and `on_writable` follows.
    #[inline]
    pub fn send(&self, bytes: impl AsRef<[u8]>) -> Result<(), Status> {
        self.send_bytes(bytes.as_ref())
    }

    #[inline]
    pub(crate) fn send_bytes(&self, bytes: &[u8]) -> Result<(), Status> {
        let data = bytes.as_ptr() as *const c_void;
        // SAFETY: [any]. The host copies the bytes, which are valid during the call.
        Status::result(unsafe {
            (self.instance.host.send)(self.instance.raw, self.id, data, bytes.len() as u64)
        })
    }

    /// As one message: no other thread's bytes come between.
    pub fn send_parts(&self, parts: &[&[u8]]) -> Result<(), Status> {
        with_parts(parts, |parts, count, stride| {
            // SAFETY: [any]. The host copies the parts, which are valid during the call.
            Status::result(unsafe {
                (self.instance.host.send_parts)(self.instance.raw, self.id, parts, count, stride)
            })
        })
    }

    /// Ends the sending side after what is queued. Reading goes on.
    pub fn finish_sending(&self) -> Result<(), Status> {
        // SAFETY: [any].
        Status::result(unsafe { (self.instance.host.finish_sending)(self.instance.raw, self.id) })
    }

    /// Closes in order, after what is queued.
    pub fn close(&self) -> Result<(), Status> {
        self.close_by(raw::CLOSE_GRACEFUL)
    }

    /// Resets the connection. What is queued is lost.
    pub fn abort(&self) -> Result<(), Status> {
        self.close_by(raw::CLOSE_ABORT)
    }

    fn close_by(&self, how: u32) -> Result<(), Status> {
        // SAFETY: [any].
        Status::result(unsafe { (self.instance.host.close)(self.instance.raw, self.id, how) })
    }

    /// Stops `on_data` until `resume`.
    pub fn pause(&self) -> Result<(), Status> {
        // SAFETY: [any].
        Status::result(unsafe { (self.instance.host.pause_reading)(self.instance.raw, self.id) })
    }

    /// Ends pauses, `Flow::hold` and `Flow::wait`: what is left is offered again.
    pub fn resume(&self) -> Result<(), Status> {
        // SAFETY: [any].
        Status::result(unsafe { (self.instance.host.resume_reading)(self.instance.raw, self.id) })
    }

    /// `None` if the connection is gone.
    pub fn info(&self) -> Option<Info> {
        let none = raw::Address {
            family: raw::ADDRESS_UNKNOWN,
            port: 0,
            text_size: 0,
            bytes: [0; 16],
            scope: 0,
            reserved: 0,
            text: [0; 128],
        };
        let size = std::mem::size_of::<raw::ConnectionInfo>() as u32;
        let mut info = raw::ConnectionInfo {
            struct_size: size,
            reserved: 0,
            peer: none,
            local: none,
            queued_bytes: 0,
        };
        // SAFETY: [any]. The host fills in what struct_size says is there.
        let code = unsafe { (self.instance.host.info)(self.instance.raw, self.id, &mut info) };
        (code >= 0).then_some(Info { raw: info })
    }

    /// Writes one line to the host's log, with the connection's number.
    pub fn log(&self, level: Level, text: &str) {
        // SAFETY: [any]. The host copies the text.
        unsafe {
            (self.instance.host.log)(
                self.instance.raw,
                self.id,
                level as u32,
                text.as_ptr(),
                text.len() as u64,
            )
        }
    }
}

/// Calls `function` with the array of parts that the C ABI wants, its count and its stride. The
/// array is valid during that call. A few parts allocate nothing.
pub(crate) fn with_parts(
    parts: &[&[u8]],
    function: impl FnOnce(*const raw::Part, u32, u32) -> Result<(), Status>,
) -> Result<(), Status> {
    const FEW: usize = 16;
    let raw_part =
        |part: &&[u8]| raw::Part { data: part.as_ptr() as *const c_void, size: part.len() as u64 };
    let stride = std::mem::size_of::<raw::Part>() as u32;
    let count = match u32::try_from(parts.len()) {
        Ok(count) if count <= raw::PARTS_MAX => count,
        _ => return Err(Status::INVALID),
    };
    if parts.len() <= FEW {
        let mut few = [raw::Part { data: std::ptr::null(), size: 0 }; FEW];
        for (place, part) in few.iter_mut().zip(parts) {
            *place = raw_part(part);
        }
        function(few.as_ptr(), count, stride)
    } else {
        let many: Vec<raw::Part> = parts.iter().map(raw_part).collect();
        function(many.as_ptr(), count, stride)
    }
}

/// What the host knows of a connection.
#[derive(Clone, Copy)]
pub struct Info {
    raw: raw::ConnectionInfo,
}

impl Info {
    /// `192.0.2.1:5000` or `[2001:db8::1]:5000`.
    pub fn peer(&self) -> &str {
        self.raw.peer.as_str()
    }

    /// This side's address.
    pub fn local(&self) -> &str {
        self.raw.local.as_str()
    }

    pub fn peer_address(&self) -> &raw::Address {
        &self.raw.peer
    }

    pub fn local_address(&self) -> &raw::Address {
        &self.raw.local
    }

    /// Accepted by `send` and not yet taken by the system.
    pub fn queued_bytes(&self) -> u64 {
        self.raw.queued_bytes
    }
}

impl raw::Address {
    pub fn as_str(&self) -> &str {
        let text = self.text.get(..self.text_size as usize).unwrap_or(&[]);
        std::str::from_utf8(text).unwrap_or("")
    }

    /// `None` if it is neither IPv4 nor IPv6.
    pub fn ip(&self) -> Option<std::net::IpAddr> {
        match self.family {
            raw::ADDRESS_IPV4 => {
                Some([self.bytes[0], self.bytes[1], self.bytes[2], self.bytes[3]].into())
            }
            raw::ADDRESS_IPV6 => Some(self.bytes.into()),
            _ => None,
        }
    }
}
