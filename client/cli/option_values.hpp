// The helpers of all topics of the command line: they turn a written text into a value, or into a
// usage error that names the option.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "base/result.hpp"

namespace portico::client {

// Ends the parsing.
struct UsageError {
    std::string text;
};

[[noreturn]] inline void refuse(std::string text) {
    throw UsageError{std::move(text)};
}

template <class T>
[[nodiscard]] T value_of(const char* option, base::Result<T> result) {
    if (!result) {
        refuse(std::string(option) + ": " + result.error());
    }
    return *std::move(result);
}

[[nodiscard]] std::uint64_t number_in(const char* option, const std::string& text,
                                      std::uint64_t least, std::uint64_t most);

}  // namespace portico::client
