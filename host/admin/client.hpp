// One request to the admin endpoint of a running host, for the commands of the program: connect,
// send, and read the answer, on the calling thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "base/result.hpp"

namespace portico::admin {

struct Call {
    std::string address;  // "127.0.0.1:9900", as the host listens
    std::string token;    // empty: none
    std::string method;   // "GET", "POST"
    std::string path;
    std::string body;
    std::chrono::milliseconds timeout{10'000};  // in all
};

struct Answer {
    std::uint32_t status = 0;
    std::string body;
};

// The kind of a failure of call(): nobody listens on the address.
inline constexpr int not_running = 1;

// Fails if no answer comes that is HTTP. The answer may be an error of the host's.
[[nodiscard]] base::Result<Answer> call(const Call& call);

}  // namespace portico::admin
