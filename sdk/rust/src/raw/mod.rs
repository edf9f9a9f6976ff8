//! The C ABI as the headers of `include/portico` define it: the same structures, functions and
//! numbers. The headers say what each of them means. The safe API is made of these, and a plugin
//! does not need them.
//!
//! `layout` compares each size, each offset and each number with what a C compiler sees.

// Only some of it is used by each of the two programs that it is a part of, the crate and its build
// script.
#![allow(dead_code)]
#![deny(unsafe_op_in_unsafe_fn)]

use std::ffi::c_void;

/// An instance, opaque.
#[repr(C)]
pub struct Instance {
    opaque: [u8; 0],
}

/// `portico_connection`, a handle that is never 0.
pub type ConnectionId = u64;
/// `portico_status`.
pub type Code = i32;

/// Of a structure, or of one of its members: what a C compiler must see too.
pub struct Member {
    pub name: &'static str,
    pub offset: usize,
    pub size: usize,
}

/// A structure with the name that it has in C, and its members in order.
pub struct Structure {
    pub name: &'static str,
    pub size: usize,
    pub members: Vec<Member>,
}

/// A number with the name that it has in C.
pub struct Number {
    pub name: &'static str,
    pub value: i64,
}

/// Structures with their C names, and the function `structure_list`, which lists them with every
/// member. So a member cannot be left out of the comparison.
macro_rules! structures {
    ($( $(#[$attribute:meta])* struct $name:ident = $c_name:literal {
        $( $field:ident: $type:ty, )*
    } )*) => {
        $(
            $(#[$attribute])*
            #[repr(C)]
            pub struct $name { $( pub $field: $type, )* }
        )*

        pub(super) fn structure_list() -> Vec<$crate::raw::Structure> {
            vec![ $( $crate::raw::Structure {
                name: $c_name,
                size: std::mem::size_of::<$name>(),
                members: {
                    let place = std::mem::MaybeUninit::<$name>::uninit();
                    let start = place.as_ptr();
                    vec![ $( $crate::raw::Member {
                        name: stringify!($field),
                        // SAFETY: addr_of! takes the member's address and reads nothing, and the
                        // member lies within `place`.
                        offset: unsafe { std::ptr::addr_of!((*start).$field) as usize }
                            - start as usize,
                        size: std::mem::size_of::<$type>(),
                    }, )* ]
                },
            }, )* ]
        }
    };
}

/// Numbers with their C names, and the function `number_list`, which lists them.
macro_rules! numbers {
    ($( $(#[$attribute:meta])* $name:ident: $type:ty = $value:literal ($c_name:literal), )*) => {
        $( $(#[$attribute])* pub const $name: $type = $value; )*

        pub fn number_list() -> Vec<$crate::raw::Number> {
            vec![ $( $crate::raw::Number { name: $c_name, value: $name as i64 }, )* ]
        }
    };
}
mod codes;
mod events;
mod extensions;
mod tables;

pub use codes::*;
pub use events::*;
pub use extensions::*;
pub use tables::*;

/// All structures of the ABI.
pub fn all_structures() -> Vec<Structure> {
    let mut all = events::structure_list();
    all.extend(tables::structure_list());
    all.extend(extensions::structure_list());
    all
}

/// A table of the host's extensions: the size, a reserved word, then pointers to functions only.
///
/// # Safety
/// The type is one of the tables of `ext/`, mirrored in full, and ID is its id.
pub unsafe trait Extension: 'static {
    const ID: &'static str;
}

/// The host's table of an extension. `None`: this host has none, or an older one that lacks
/// functions.
///
/// # Safety
/// The instance is one that came with this host table.
pub unsafe fn extension<T: Extension>(host: &Host, instance: *mut Instance) -> Option<&'static T> {
    let words = std::mem::size_of::<T>() / 8;
    // SAFETY: the instance is the caller's promise, and the id is valid for the call. The answer is
    // NULL or the table with this id, valid as long as the host's. It starts with its size, which
    // says how far it may be read. Behind the first 8 bytes are pointers to functions, 8 bytes
    // each. One that is NULL would be no value of its type here, so a table with such a pointer is
    // not used.
    unsafe {
        let found = (host.get_extension)(instance, T::ID.as_ptr(), T::ID.len() as u64);
        let table = found as *const u64;
        let is_whole = !table.is_null()
            && *(found as *const u32) as usize >= words * 8
            && (1..words).all(|word| *table.add(word) != 0);
        is_whole.then(|| &*(found as *const T))
    }
}

/// What `post` calls.
pub type PostFunction =
    unsafe extern "C" fn(*mut c_void, ConnectionId, *mut c_void, *mut c_void, Code);
