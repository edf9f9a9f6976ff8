#include "needed.h"

const char* needed_text(void) {
    return "needed";
}
