// How the few functions on every message's way are compiled: what is usual in one piece, what is
// rare out of its way.
#pragma once

#ifdef _MSC_VER
#define PORTICO_ALWAYS_INLINE __forceinline
#define PORTICO_COLD __declspec(noinline)
#else
#define PORTICO_ALWAYS_INLINE [[gnu::always_inline]] inline
#define PORTICO_COLD [[gnu::noinline, gnu::cold]]
#endif

// For a thread_local that every message looks at: read directly, as in a program, also where the
// code is built to go into a library.
#ifdef __ELF__
#define PORTICO_DIRECT_THREAD_LOCAL [[gnu::tls_model("initial-exec")]]
#else
#define PORTICO_DIRECT_THREAD_LOCAL
#endif
