#include "sim/trace.hpp"

#include <algorithm>
#include <string>

namespace portico::sim {

namespace {

std::string with_numbers(const Trace::Event& event) {
    std::string text;
    std::size_t used = 0;
    for (const char* at = event.text; *at != '\0'; ++at) {
        if (at[0] == '{' && at[1] == '}' && used < event.numbers.size()) {
            text += std::to_string(event.numbers[used++]);
            ++at;
        } else {
            text += *at;
        }
    }
    return text;
}

}  // namespace

void Trace::print(std::FILE* to, const NameOf& name_of) const noexcept {
    const std::uint64_t kept = std::min<std::uint64_t>(added_, ring_.size());
    if (kept == 0) {
        return;
    }
    if (kept < added_) {
        std::fprintf(to, "... %llu earlier events\n",
                     static_cast<unsigned long long>(added_ - kept));
    }
    const std::uint64_t begin = ring_[static_cast<std::size_t>((added_ - kept) % ring_.size())]
                                    .time_ns;
    for (std::uint64_t number = added_ - kept; number < added_; ++number) {
        const Event& event = ring_[static_cast<std::size_t>(number % ring_.size())];
        const auto [name, name_number] = name_of(event.thread);
        std::fprintf(to, "%14.6f ms  %10s %-3u %s\n",
                     static_cast<double>(event.time_ns - begin) / 1e6, name, name_number,
                     with_numbers(event).c_str());
    }
}

}  // namespace portico::sim
