// The canary: a planted defect after a check of four bytes. If a fuzzing run does not find it, it
// proves nothing, and fails.
#include <cstddef>
#include <cstdint>
#include <memory>

namespace {

// Reads one byte too many, after the magic number.
bool ends_with_checksum(const std::uint8_t* data, std::size_t size) {
    if (size < 5 || data[0] != 0xC0 || data[1] != 'o' || data[2] != 0xFE || data[3] != 'e') {
        return false;
    }
    std::uint8_t sum = 0;
    for (std::size_t i = 4; i <= size; ++i) {
        sum = static_cast<std::uint8_t>(sum + data[i]);
    }
    return sum == 0;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static_cast<void>(ends_with_checksum(data, size));
    return 0;
}
