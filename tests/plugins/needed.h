/* A library that a plugin needs. */
#ifndef NEEDED_H
#define NEEDED_H

#if defined(_WIN32)
#if defined(needed_EXPORTS)
#define NEEDED_API __declspec(dllexport)
#else
#define NEEDED_API __declspec(dllimport)
#endif
#else
#define NEEDED_API __attribute__((visibility("default")))
#endif

NEEDED_API const char* needed_text(void);

#endif
