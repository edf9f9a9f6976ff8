// The tables of the host without sockets (support/mod.rs). What no test calls answers UNSUPPORTED.

/// Functions of an extension that answer UNSUPPORTED.
macro_rules! unsupported {
    ($( $name:ident($($type:ty),*); )*) => {
        $( unsafe extern "C" fn $name(_: *mut Instance $(, _: $type)*) -> Code {
            raw::UNSUPPORTED
        } )*
    };
}
unsupported! {
    get_boolean(*const u8, u64, *mut i32);
    get_number(*const u8, u64, f64, f64, *mut f64);
    get_string(*const u8, u64, *mut *const u8, *mut u64);
    get_count(*const u8, u64, *mut u64);
    read_anything(*const u8, u64);
    get_kind(*const u8, u64, *mut u32);
    get_key(*const u8, u64, u64, *mut *const u8, *mut u64);
    list(*mut u64, *mut ConnectionId, u32, *mut u32);
    broadcast(u64, ConnectionId, *const Part, u32, u32, u32);
    reserve(ConnectionId, u64, *mut *mut c_void, *mut u64);
    commit(u64, u64);
    drop_reserved(u64);
}
unsafe extern "C" fn join(instance: *mut Instance, id: ConnectionId, group: u64) -> Code {
    note(instance, &format!("join {id} {group}"))
}
unsafe extern "C" fn leave(instance: *mut Instance, id: ConnectionId, group: u64) -> Code {
    note(instance, &format!("leave {id} {group}"))
}

const fn size_of<T>() -> u32 {
    std::mem::size_of::<T>() as u32
}
static SETTINGS: Settings = Settings {
    struct_size: size_of::<Settings>(),
    reserved: 0,
    get_boolean,
    get_integer,
    get_number,
    get_string,
    get_count,
    read_anything,
    get_kind,
    get_key,
    fail,
};
static TIMERS: Timers =
    Timers { struct_size: size_of::<Timers>(), reserved: 0, start, restart, cancel };
static SEND_OWNED: SendOwned = SendOwned {
    struct_size: size_of::<SendOwned>(),
    reserved: 0,
    send: send_owned,
    reserve,
    commit,
    drop: drop_reserved,
};
static EXECUTOR: Executor = Executor { struct_size: size_of::<Executor>(), reserved: 0, run };
/// As of an older host, whose table ends before its last function.
static CONNECTIONS: Connections = Connections {
    struct_size: size_of::<Connections>() - 8,
    reserved: 0,
    list,
    join,
    leave,
    broadcast,
};

unsafe extern "C" fn get_extension(
    instance: *mut Instance,
    id: *const u8,
    size: u64,
) -> *const c_void {
    fn address<T>(table: &'static T) -> *const c_void {
        table as *const T as *const c_void
    }
    if notes(instance, |notes| notes.has_no_extensions) {
        return std::ptr::null();
    }
    // SAFETY: the plugin's id is valid during the call.
    match std::str::from_utf8(unsafe { slice(id, size) }).unwrap() {
        Settings::ID => address(&SETTINGS),
        Timers::ID => address(&TIMERS),
        SendOwned::ID => address(&SEND_OWNED),
        Executor::ID => address(&EXECUTOR),
        Connections::ID => address(&CONNECTIONS),
        _ => std::ptr::null(),
    }
}

pub fn table() -> Host {
    Host {
        struct_size: size_of::<Host>(),
        abi_major: raw::ABI_MAJOR,
        abi_minor: raw::ABI_MINOR,
        reserved: 0,
        version: b"0".as_ptr(),
        version_size: 1,
        send,
        send_parts,
        finish_sending: finish,
        close,
        pause_reading: pause,
        resume_reading: resume,
        post,
        post_instance,
        info,
        now,
        log,
        worker_index,
        get_extension,
    }
}
