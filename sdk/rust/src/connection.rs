//! A connection inside its own callbacks: `Connection` adds to the handle what only the
//! connection's strand may do, above all `send_all`, which sends replies of any size.

use std::cell::Cell;
use std::ops::Deref;

use crate::raw;
use crate::{Answer, Error, Flow, Handle, Status};

/// What `send_all` has accepted and the queue has not. It exists from a refused send to the end of
/// the first `on_data` after it is gone.
pub(crate) struct Rest {
    pub bytes: Vec<u8>,
    pub begin: usize,
    /// What the plugin has consumed since. The host is told only when the rest is gone: until then
    /// its unconsumed bytes keep it from closing a connection that drains.
    pub owed: u64,
    /// `offered_before` of the first offer that the plugin was not shown.
    pub seen: u64,
    pub closes: bool,
    pub finishes: bool,
}

impl Rest {
    fn new() -> Box<Rest> {
        let bytes = Vec::new();
        Box::new(Rest { bytes, begin: 0, owed: 0, seen: u64::MAX, closes: false, finishes: false })
    }

    pub fn is_pending(&self) -> bool {
        self.begin < self.bytes.len()
    }

    /// What a send answers while the rest is pending.
    fn refusal(&self) -> Status {
        if self.closes {
            Status::GONE
        } else if self.finishes {
            Status::CLOSING
        } else {
            Status::WOULD_BLOCK
        }
    }
}

/// A connection during one of its callbacks, or of a function posted to it. Other threads are given
/// its `Handle`, which it also dereferences to.
///
/// It is lent by reference only. It is not `Sync`, so it stays on the thread of the callback.
pub struct Connection<P> {
    handle: Handle<P>,
    max_send_bytes: u64,
    rest: Cell<Option<Box<Rest>>>,
    /// So that a message need not take the rest out to see whether there is one.
    has_rest: Cell<bool>,
    is_framed: bool,
}

impl<P> Deref for Connection<P> {
    type Target = Handle<P>;

    #[inline]
    fn deref(&self) -> &Handle<P> {
        &self.handle
    }
}

/// What the callbacks use.
impl<P> Connection<P> {
    pub(crate) fn new(handle: Handle<P>, max_send_bytes: u64, is_framed: bool) -> Self {
        let (rest, has_rest) = (Cell::new(None), Cell::new(false));
        Connection { handle, max_send_bytes, rest, has_rest, is_framed }
    }

    pub(crate) fn is_framed(&self) -> bool {
        self.is_framed
    }

    #[inline(always)]
    pub(crate) fn has_rest(&self) -> bool {
        self.has_rest.get()
    }

    pub(crate) fn take_rest(&self) -> Option<Box<Rest>> {
        self.has_rest.set(false);
        self.rest.take()
    }

    pub(crate) fn put_rest(&self, rest: Box<Rest>) {
        self.has_rest.set(true);
        self.rest.set(Some(rest));
    }

    /// What `function` makes of the rest, if there is one.
    #[cold]
    fn with_rest<R>(&self, function: impl FnOnce(&mut Rest) -> R) -> Option<R> {
        let mut rest = self.take_rest()?;
        let made = function(&mut rest);
        self.put_rest(rest);
        Some(made)
    }

    #[inline]
    pub(crate) fn check_rest(&self) -> Result<(), Status> {
        if !self.has_rest() {
            return Ok(());
        }
        let refusal = self.with_rest(|rest| rest.is_pending().then(|| rest.refusal()));
        refusal.flatten().map_or(Ok(()), Err)
    }
}

impl<P> Connection<P> {
    /// For other threads, and to keep.
    pub fn handle(&self) -> Handle<P> {
        self.handle
    }

    /// As the handle's; while `send_all` has a rest, it answers `WOULD_BLOCK`.
    #[inline]
    pub fn send(&self, bytes: impl AsRef<[u8]>) -> Result<(), Status> {
        self.check_rest()?;
        self.handle.send_bytes(bytes.as_ref())
    }

    /// As the handle's; while `send_all` has a rest, it answers `WOULD_BLOCK`.
    pub fn send_parts(&self, parts: &[&[u8]]) -> Result<(), Status> {
        self.check_rest()?;
        self.handle.send_parts(parts)
    }

    /// Sends all of it, however much it is. What the queue does not take is kept here and follows
    /// by itself; `on_data` and `on_writable` wait until it has gone. So the memory that a slow
    /// reader can take is one callback's replies. A connection that is gone needs no reply, which
    /// is no error.
    #[inline]
    pub fn send_all(&self, bytes: impl AsRef<[u8]>) -> Answer {
        let bytes = bytes.as_ref();
        if !self.has_rest()
            && bytes.len() as u64 <= self.max_send_bytes
            && self.handle.send_bytes(bytes).is_ok()
        {
            return Ok(Flow::ALL);
        }
        self.send_or_keep(bytes)
    }

    /// Sends what `on_data` was offered, without a copy: `connection.send_message(message)`. If the
    /// queue is full, the message is not consumed, so `on_data` is called again with it, and must
    /// come here again. One that is longer than `limits.max_send_bytes` goes as by `send_all`.
    #[inline]
    pub fn send_message(&self, offered: Message<'_>) -> Answer {
        let bytes = offered.bytes();
        if self.has_rest() || bytes.len() as u64 > self.max_send_bytes {
            return self.send_or_keep(bytes);
        }
        match self.handle.send_bytes(bytes) {
            Ok(()) => Ok(Flow::ALL),
            Err(status) => Err(Error::from(status)),
        }
    }

    /// Closes in order, after what is queued and after `send_all`'s rest.
    pub fn close(&self) -> Result<(), Status> {
        if self.is_sending_rest() {
            self.with_rest(|rest| rest.closes = true);
            return Ok(());
        }
        self.handle.close()
    }

    /// Ends the sending side after what is queued and after `send_all`'s rest.
    pub fn finish_sending(&self) -> Result<(), Status> {
        if self.is_sending_rest() {
            self.with_rest(|rest| rest.finishes = true);
            return Ok(());
        }
        self.handle.finish_sending()
    }

    /// Has `send_all` a rest to send?
    pub fn is_sending_rest(&self) -> bool {
        self.has_rest() && self.with_rest(|rest| rest.is_pending()).unwrap_or(false)
    }

    /// What `send_all` does if one send is not enough.
    #[cold]
    fn send_or_keep(&self, bytes: &[u8]) -> Answer {
        let mut rest = self.take_rest();
        let mut begin = 0;
        match &rest {
            Some(pending) if pending.is_pending() => {}
            _ => match self.send_pieces(bytes, &mut begin) {
                Err(Status::WOULD_BLOCK) => {}
                sent => {
                    rest.into_iter().for_each(|rest| self.put_rest(rest));
                    return sent.map(|()| Flow::ALL).map_err(Error::from);
                }
            },
        }
        let mut kept = rest.take().unwrap_or_else(Rest::new);
        if !kept.closes {
            kept.bytes.extend_from_slice(&bytes[begin..]);
        }
        self.put_rest(kept);
        Ok(Flow::ALL)
    }

    /// Sends `bytes` from `begin` on in pieces that the host takes. `Ok`: all of it, or the
    /// connection is gone.
    fn send_pieces(&self, bytes: &[u8], begin: &mut usize) -> Result<(), Status> {
        // On 64-bit systems, which the ABI demands, a u64 is a usize.
        let piece_max = self.max_send_bytes as usize;
        while *begin < bytes.len() {
            let end = bytes.len().min(begin.saturating_add(piece_max));
            match self.handle.send_bytes(&bytes[*begin..end]) {
                Ok(()) => *begin = end,
                Err(Status::GONE | Status::CLOSING) => *begin = bytes.len(),
                Err(status) => return Err(status),
            }
        }
        Ok(())
    }

    /// In `on_writable`, if a rest is pending. `Ok(true)`: it has gone.
    #[cold]
    pub(crate) fn send_rest(&self) -> Result<bool, Status> {
        let mut rest = match self.take_rest() {
            Some(rest) => rest,
            None => return Ok(true),
        };
        let mut begin = rest.begin;
        let sent = self.send_pieces(&rest.bytes, &mut begin);
        rest.begin = begin;
        let (closes, finishes) = (rest.closes, rest.finishes);
        if sent.is_ok() {
            rest.bytes = Vec::new();
            rest.begin = 0;
        }
        self.put_rest(rest);
        match sent {
            Err(Status::WOULD_BLOCK) => Ok(false),
            Err(status) => Err(status),
            Ok(()) => {
                // If it is gone meanwhile, that is what was wanted.
                if closes {
                    let _ = self.handle.close();
                } else if finishes {
                    let _ = self.handle.finish_sending();
                }
                Ok(true)
            }
        }
    }
}

/// The bytes that `on_data` is offered. They are the host's, and valid until it returns.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    bytes: &'a [u8],
    frame: &'a raw::Frame,
}

impl<'a> Message<'a> {
    /// # Safety
    /// The frame's payload lies within the bytes.
    #[inline]
    pub(crate) unsafe fn new(bytes: &'a [u8], frame: &'a raw::Frame) -> Self {
        Message { bytes, frame }
    }

    /// All of it, with the framing's length prefix or delimiter.
    #[inline]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Without them. Unframed, it is the same.
    #[inline]
    pub fn payload(&self) -> &'a [u8] {
        let (begin, size) = (self.frame.payload_offset as usize, self.frame.payload_size as usize);
        // SAFETY: the host says where in these bytes the payload lies, so it lies within them.
        unsafe { std::slice::from_raw_parts(self.bytes.as_ptr().add(begin), size) }
    }

    /// The first so many bytes were offered by the previous `on_data` and not consumed.
    #[inline]
    pub fn offered_before(&self) -> usize {
        self.frame.offered_before as usize
    }

    /// The peer has finished sending, and these unframed bytes are all that is left.
    #[inline]
    pub fn is_last(&self) -> bool {
        self.frame.flags & raw::FRAME_LAST != 0
    }
}

impl AsRef<[u8]> for Message<'_> {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self.bytes
    }
}
