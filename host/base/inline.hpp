// Marks for the few functions that run for every message: the usual part is compiled inline, the
// rare part out of its way.
#pragma once

#ifdef _MSC_VER
#define PORTICO_ALWAYS_INLINE __forceinline
#define PORTICO_NEVER_INLINE __declspec(noinline)
#define PORTICO_COLD __declspec(noinline)
#define PORTICO_PREFETCH(address) static_cast<void>(address)
#else
#define PORTICO_ALWAYS_INLINE [[gnu::always_inline]] inline
#define PORTICO_NEVER_INLINE [[gnu::noinline]]
#define PORTICO_COLD [[gnu::noinline, gnu::cold]]
#define PORTICO_PREFETCH(address) __builtin_prefetch(address, 1)
#endif

// For a thread_local that is read for every message. It is read directly, as in a program, even if
// the code is built for a library.
#ifdef __ELF__
#define PORTICO_DIRECT_THREAD_LOCAL [[gnu::tls_model("initial-exec")]]
#else
#define PORTICO_DIRECT_THREAD_LOCAL
#endif
