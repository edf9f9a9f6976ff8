/* The sizes that one compiler and language sees. The same assertions are compiled in each
 * language. */
#ifndef ABI_LAYOUT_H
#define ABI_LAYOUT_H

#include <stddef.h>

struct abi_size {
    const char *type;
    size_t size;
};

#ifdef __cplusplus
extern "C" {
#endif
extern const struct abi_size layout_c11[];
extern const struct abi_size layout_c17[];
extern const struct abi_size layout_cxx17[];
extern const struct abi_size layout_cxx20[];
extern const struct abi_size layout_cxx23[];
#ifdef __cplusplus
}
#endif

#endif
