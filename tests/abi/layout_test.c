/* C11, C17, C++17, C++20 and C++23 see the same structures. While it compiles, layout.c asserts
 * that they see the intended ones. */
#include <stdio.h>
#include <string.h>

#include "layout.h"

int main(void) {
    int failures = 0;
    size_t i = 0;
    for (; layout_c11[i].type != NULL; ++i) {
        const struct abi_size *c11 = &layout_c11[i];
        const struct {
            const char *language;
            const struct abi_size *size;
        } others[] = {{"C17", &layout_c17[i]},
                      {"C++17", &layout_cxx17[i]},
                      {"C++20", &layout_cxx20[i]},
                      {"C++23", &layout_cxx23[i]}};
        for (size_t k = 0; k < sizeof others / sizeof others[0]; ++k) {
            const struct abi_size *other = others[k].size;
            if (other->type == NULL || strcmp(other->type, c11->type) != 0 ||
                other->size != c11->size) {
                printf("%s: %zu bytes in C11, another size in %s\n", c11->type, c11->size,
                       others[k].language);
                ++failures;
            }
        }
        printf("%-26s %4zu bytes\n", c11->type, c11->size);
    }
    if (i == 0) failures = 1;
    return failures == 0 ? 0 : 1;
}
