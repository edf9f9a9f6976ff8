// This program once more, as a process of its own.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace portico::verify {

struct ProcessEnd {
    bool is_started = false;
    bool is_timed_out = false;  // and was ended
    bool is_crashed = false;
    int code = 0;
    // "signal 11 (Segmentation fault)", "exception 0xc0000005", or why it was not started
    std::string how;
};

// Runs this program with these arguments (UTF-8) and waits for its end. What it prints goes to the
// file. `counts_memory`: with a C library that counts every byte at once.
[[nodiscard]] ProcessEnd run_again(const std::vector<std::string>& arguments,
                                   const std::string& output_file, std::uint32_t timeout_ms,
                                   bool counts_memory);

// The number of this process, for names of files.
[[nodiscard]] std::uint64_t process_number() noexcept;

}  // namespace portico::verify
