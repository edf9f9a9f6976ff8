/* C11, C++17 and C++20 see the same structures. While it compiles, layout.c asserts that they see
 * the intended ones. */
#include <stdio.h>
#include <string.h>

#include "layout.h"

int main(void) {
    int failures = 0;
    size_t i = 0;
    for (; layout_c11[i].type != NULL; ++i) {
        const struct abi_size *c11 = &layout_c11[i];
        const struct abi_size *others[2] = {&layout_cxx17[i], &layout_cxx20[i]};
        for (int k = 0; k < 2; ++k) {
            if (others[k]->type == NULL || strcmp(others[k]->type, c11->type) != 0 ||
                others[k]->size != c11->size) {
                printf("%s: %zu bytes in C11, another size in %s\n", c11->type, c11->size,
                       k == 0 ? "C++17" : "C++20");
                ++failures;
            }
        }
        printf("%-24s %4zu bytes\n", c11->type, c11->size);
    }
    if (i == 0) failures = 1;
    return failures == 0 ? 0 : 1;
}
