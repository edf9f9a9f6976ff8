//! Groups of an instance's connections, broadcasts to them, and the list of all connections.

use crate::handle::with_parts;
use crate::raw;
use crate::{Handle, Instance, Status};

/// What becomes of a member of a group whose send queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum WhenFull {
    /// It misses these bytes.
    Skip = raw::WHEN_FULL_SKIP,
    /// Its connection is aborted.
    Abort = raw::WHEN_FULL_ABORT,
}

/// The groups of an instance's connections. May be kept, and used from any thread. A group is a
/// number, and not 0.
pub struct Groups<P> {
    table: &'static raw::Connections,
    instance: Instance<P>,
}

impl<P> Clone for Groups<P> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<P> Copy for Groups<P> {}

impl<P> Instance<P> {
    /// `None`: this host has no groups.
    pub fn groups(&self) -> Option<Groups<P>> {
        self.extension().map(|table| Groups { table, instance: *self })
    }
}

impl<P> Groups<P> {
    /// A connection leaves its groups by itself when it closes.
    pub fn join(&self, connection: Handle<P>, group: u64) -> Result<(), Status> {
        // SAFETY: [any].
        Status::result(unsafe { (self.table.join)(self.instance.raw, connection.id, group) })
    }

    pub fn leave(&self, connection: Handle<P>, group: u64) -> Result<(), Status> {
        // SAFETY: [any].
        Status::result(unsafe { (self.table.leave)(self.instance.raw, connection.id, group) })
    }

    /// Sends one message, the parts together, to all members of a group (0: to all connections),
    /// except one. It may come between two pieces of what `send_all` is sending to a member: a
    /// plugin whose replies may be larger than the send queue has no groups, or frames each piece.
    pub fn broadcast(
        &self,
        group: u64,
        parts: &[&[u8]],
        when_full: WhenFull,
        except: Option<Handle<P>>,
    ) -> Result<(), Status> {
        let except = except.map_or(0, |connection| connection.id);
        with_parts(parts, |parts, count, stride| {
            let how = when_full as u32;
            // SAFETY: [any]. The host copies the parts, which are valid during the call.
            Status::result(unsafe {
                (self.table.broadcast)(self.instance.raw, group, except, parts, count, stride, how)
            })
        })
    }

    /// The instance's connections, as they are now.
    pub fn list(&self) -> Vec<Handle<P>> {
        const ROOM: usize = 256;
        let mut all = Vec::new();
        let (mut cursor, mut some, mut count) = (0, [0; ROOM], ROOM as u32);
        while count as usize == ROOM {
            let room = ROOM as u32;
            // SAFETY: [any]. There is room for as many connections as it says.
            let code = unsafe {
                let first = some.as_mut_ptr();
                (self.table.list)(self.instance.raw, &mut cursor, first, room, &mut count)
            };
            if code != raw::OK {
                break;
            }
            let found = some.iter().take(count as usize);
            all.extend(found.map(|&id| self.instance.connection(id)));
        }
        all
    }
}
