//! Sends without a copy: the connection keeps the memory until the system has taken it.

use std::ffi::c_void;

use crate::panics;
use crate::raw;
use crate::{Connection, Handle, Instance, Status};

struct Owned<P, B> {
    instance: Instance<P>,
    bytes: B,
}

impl<P: 'static> Handle<P> {
    /// Like `send`, without a copy: `bytes` is kept until the system has taken it, and then dropped
    /// on the connection's strand. Until then the send counts for about a kilobyte more than its
    /// bytes, so `send` is better for small messages. If it is refused, `bytes` comes back.
    pub fn send_owned<B>(&self, bytes: B) -> Result<(), (Status, B)>
    where
        B: AsRef<[u8]> + Send + 'static,
    {
        let table = match self.instance.extension::<raw::SendOwned>() {
            Some(table) => table,
            None => return Err((Status::UNSUPPORTED, bytes)),
        };
        let owned = Box::into_raw(Box::new(Owned { instance: self.instance, bytes }));
        let stride = std::mem::size_of::<raw::Part>() as u32;
        // SAFETY: [any]. The bytes are those of a value in the box, which stays where it is, and
        // which nobody uses until `release`: so the slice, borrowed from that value, stays valid
        // and does not change. `release` gets the argument that it expects.
        let sent = Status::result(unsafe {
            let bytes: &[u8] = (*owned).bytes.as_ref();
            let part =
                raw::Part { data: bytes.as_ptr() as *const c_void, size: bytes.len() as u64 };
            let release = release::<P, B>;
            let argument = owned as *mut c_void;
            (table.send)(self.instance.raw, self.id, &part, 1, stride, release, argument)
        });
        // SAFETY: after an error the host has taken nothing, so the box is still this function's.
        sent.map_err(|status| (status, unsafe { Box::from_raw(owned) }.bytes))
    }
}

impl<P: 'static> Connection<P> {
    /// As the handle's; while `send_all` has a rest, it answers `WOULD_BLOCK`.
    pub fn send_owned<B>(&self, bytes: B) -> Result<(), (Status, B)>
    where
        B: AsRef<[u8]> + Send + 'static,
    {
        match self.check_rest() {
            Ok(()) => self.handle().send_owned(bytes),
            Err(status) => Err((status, bytes)),
        }
    }
}

unsafe extern "C" fn release<P, B>(
    _me: *mut c_void,
    id: raw::ConnectionId,
    _state: *mut c_void,
    argument: *mut c_void,
    _status: raw::Code,
) {
    // SAFETY: `send_owned` gave this box to the host, which calls this once for it.
    let owned = unsafe { Box::from_raw(argument as *mut Owned<P, B>) };
    let at = owned.instance.connection(id);
    let dropped = panics::catch_anywhere(move || {
        drop(owned);
        Ok(())
    });
    panics::settle(at, "dropping what was sent", dropped);
}
