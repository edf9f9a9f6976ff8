//! A host without sockets and threads. It answers as a test says, notes what the plugin asks for,
//! and runs posted functions, timers and work when it is told to. Each test binary uses a part.
#![allow(dead_code)]
#![deny(unsafe_op_in_unsafe_fn)]

mod functions;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr::null_mut;

use portico::raw::{self, Code, ConnectionId};

/// A function that the plugin has posted, given to a timer, or wants to be called after work.
#[derive(Clone, Copy)]
pub struct Call {
    pub connection: ConnectionId,
    posted: Option<raw::PostFunction>,
    timer: Option<raw::TimerFunction>,
    work: Option<raw::WorkFunction>,
    argument: *mut c_void,
    pub first_ms: u32,
    pub period_ms: u32,
}

thread_local! {
    /// This thread runs a callback, as a worker.
    static IS_WORKER: Cell<bool> = Cell::new(false);
}

/// Calls a callback of a connection, on a worker.
fn on_worker<R>(callback: impl FnOnce() -> R) -> R {
    IS_WORKER.with(|is_worker| is_worker.set(true));
    let made = callback();
    IS_WORKER.with(|is_worker| is_worker.set(false));
    made
}

/// What the host answers, and what it was asked for.
#[derive(Default)]
pub struct Notes {
    /// Bytes that the queue takes; beyond it a send answers WOULD_BLOCK.
    pub room: u64,
    /// Of posts, timers, work and sends without a copy, if it is not OK.
    pub answer: Code,
    pub has_no_extensions: bool,
    pub settings: HashMap<&'static str, i64>,
    pub sent: Vec<u8>,
    pub calls: Vec<String>,
    pub log: String,
    pub posts: Vec<Call>,
    pub timers: Vec<Call>,
    pub work: Vec<Call>,
    is_refused: bool,
}

impl Notes {
    /// Was a send refused since the last on_writable?
    pub fn is_refused(&self) -> bool {
        self.is_refused
    }

    pub fn take_refusal(&mut self) -> bool {
        std::mem::take(&mut self.is_refused)
    }
}

/// The host, one instance of a plugin, and one connection with number 1. The instance's handle is
/// the address of the notes.
pub struct Driver {
    notes: &'static RefCell<Notes>,
    host: &'static raw::Host,
    plugin: &'static raw::Plugin,
    me: *mut c_void,
    state: *mut c_void,
    pub framing: u32,
    pub max_send_bytes: u64,
    pub error: String,
    pub consumed: u64,
    left: u64,
}

impl Driver {
    pub fn new(query: extern "C" fn(u32) -> *const raw::Module) -> Driver {
        let notes = RefCell::new(Notes { room: u64::MAX, ..Notes::default() });
        // They stay valid until the process ends, as the ABI demands.
        let (notes, host) = (Box::leak(Box::new(notes)), Box::leak(Box::new(functions::table())));
        // SAFETY: the macro's tables are statics.
        let plugin = unsafe { &**(*query(0)).plugins };
        Driver {
            notes,
            host,
            plugin,
            me: null_mut(),
            state: null_mut(),
            framing: raw::FRAMING_NONE,
            max_send_bytes: 1 << 24,
            error: String::new(),
            consumed: 0,
            left: 0,
        }
    }

    pub fn notes(&self) -> std::cell::RefMut<'_, Notes> {
        self.notes.borrow_mut()
    }

    /// What was asked of connections and timers.
    pub fn calls(&self) -> String {
        self.notes.borrow().calls.join(", ")
    }

    pub fn log(&self) -> String {
        self.notes.borrow().log.clone()
    }

    /// What was sent since the last call.
    pub fn sent(&self) -> String {
        String::from_utf8(std::mem::take(&mut self.notes().sent)).unwrap()
    }

    /// First and period of a timer.
    pub fn timer(&self, index: usize) -> (u32, u32) {
        let call = self.notes.borrow().timers[index];
        (call.first_ms, call.period_ms)
    }

    pub fn plugin(&self) -> &raw::Plugin {
        self.plugin
    }

    fn callbacks(&self) -> &raw::Callbacks {
        // SAFETY: the macro's tables are statics.
        unsafe { &*self.plugin.callbacks }
    }

    fn set_up(&mut self, function: impl FnOnce(&raw::Setup) -> Code) -> Code {
        let mut error = [0u8; 256];
        let setup = raw::Setup {
            struct_size: std::mem::size_of::<raw::Setup>() as u32,
            mode: raw::SETUP_CREATE,
            host: self.host,
            instance: self.notes as *const _ as *mut raw::Instance,
            plugin: self.plugin,
            settings: b"{}".as_ptr(),
            settings_size: 2,
            listener_name: b"test".as_ptr(),
            listener_name_size: 4,
            error: error.as_mut_ptr(),
            error_capacity: error.len() as u64,
            worker_count: 1,
            framing: self.framing,
            max_send_bytes: self.max_send_bytes,
            send_high_bytes: 1 << 20,
            send_low_bytes: 1 << 18,
            max_message_bytes: 1 << 20,
        };
        let code = function(&setup);
        let end = error.iter().position(|&byte| byte == 0).unwrap_or(error.len());
        self.error = String::from_utf8(error[..end].to_vec()).unwrap();
        code
    }

    pub fn validate(&mut self) -> Code {
        let validate = self.plugin.validate.unwrap();
        // SAFETY: a whole setup.
        self.set_up(|setup| unsafe { validate(setup) })
    }

    pub fn create(&mut self) -> Code {
        let create = self.plugin.create.unwrap();
        let mut me = null_mut();
        // SAFETY: a whole setup, and a place for the instance.
        let code = self.set_up(|setup| unsafe { create(setup, &mut me) });
        self.me = me;
        code
    }

    pub fn open(&mut self) -> Code {
        let opened = raw::Opened { struct_size: 16, origin: 1, listen_index: 0, reserved: 0 };
        let on_open = self.callbacks().on_open.unwrap();
        // SAFETY: create has succeeded.
        on_worker(|| unsafe { on_open(self.me, 1, &opened, &mut self.state) })
    }

    /// Creates and opens.
    pub fn start(&mut self) {
        assert_eq!(self.create(), raw::OK, "{}", self.error);
        assert_eq!(self.open(), raw::OK);
    }

    /// One unframed offer.
    pub fn data(&mut self, bytes: &str) -> Code {
        self.offer(bytes, 0, bytes.len())
    }

    /// One offer, with the payload in it.
    pub fn offer(&mut self, bytes: &str, payload_offset: usize, payload_size: usize) -> Code {
        let frame = raw::Frame {
            struct_size: 32,
            flags: 0,
            payload_offset: payload_offset as u64,
            payload_size: payload_size as u64,
            offered_before: self.left,
        };
        let on_data = self.callbacks().on_data.unwrap();
        let (data, size) = (bytes.as_ptr(), bytes.len() as u64);
        self.consumed = 0;
        // SAFETY: open has succeeded, and all of it is valid during the call.
        let code = on_worker(|| unsafe {
            on_data(self.me, 1, self.state, data, size, &frame, &mut self.consumed)
        });
        if code == raw::WOULD_BLOCK {
            self.consumed = 0;
        }
        assert!(self.consumed <= size);
        self.left = size - self.consumed;
        code
    }

    pub fn writable(&mut self) -> Code {
        let on_writable = self.callbacks().on_writable.unwrap();
        // SAFETY: open has succeeded.
        on_worker(|| unsafe { on_writable(self.me, 1, self.state) })
    }

    pub fn close(&mut self) {
        let closed = raw::Closed {
            struct_size: 48,
            reason: raw::REASON_PEER,
            status: 0,
            native_error: 0,
            unsent_bytes: 0,
            received_bytes: 0,
            sent_bytes: 0,
            opened_ns: 1,
        };
        let on_close = self.callbacks().on_close.unwrap();
        // SAFETY: open has succeeded, and nothing follows.
        on_worker(|| unsafe { on_close(self.me, 1, self.state, &closed) });
        self.state = null_mut();
    }

    pub fn destroy(&mut self) {
        let destroy = self.plugin.destroy.unwrap();
        // SAFETY: create has succeeded, and nothing follows.
        unsafe { destroy(self.me) };
        self.me = null_mut();
    }

    fn state_for(&self, call: &Call, code: Code) -> *mut c_void {
        if call.connection == 0 || code != raw::OK {
            null_mut()
        } else {
            self.state
        }
    }

    /// Runs what was posted, with this status.
    pub fn run_posts(&mut self, code: Code) {
        let posts = std::mem::take(&mut self.notes().posts);
        for call in posts {
            let state = self.state_for(&call, code);
            // SAFETY: once for each, with what was posted.
            unsafe { call.posted.unwrap()(self.me, call.connection, state, call.argument, code) };
        }
    }

    /// A call of a timer. If it is the last one, there must be no other.
    pub fn fire(&mut self, index: usize, code: Code, is_last: bool) {
        let call = self.notes().timers[index];
        let state = self.state_for(&call, code);
        let event = raw::TimerEvent {
            struct_size: 32,
            flags: if is_last { raw::TIMER_LAST } else { 0 },
            timer: index as u64 + 1,
            due_ns: 7,
            status: code,
            periods: 1,
        };
        // SAFETY: a call of a timer that was started.
        unsafe { call.timer.unwrap()(self.me, call.connection, state, call.argument, &event) };
    }

    /// Does the work that was given, on another thread, and calls what comes after it.
    pub fn do_work(&mut self, code: Code) {
        let work = std::mem::take(&mut self.notes().work);
        for call in work {
            let (me, argument, function) =
                (self.me as usize, call.argument as usize, call.work.unwrap());
            let helper = std::thread::spawn(move || {
                // SAFETY: as the host does; the thread is joined before anything else.
                unsafe { function(me as *mut c_void, argument as *mut c_void) }
            });
            helper.join().unwrap();
            let state = self.state_for(&call, code);
            // SAFETY: once, after the work.
            unsafe { call.posted.unwrap()(self.me, call.connection, state, call.argument, code) };
        }
    }
}
