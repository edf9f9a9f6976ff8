#include "verify/crash.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace portico::verify {

namespace {

constexpr std::string_view mark_callback = "portico verify: crashed in ";
constexpr std::string_view mark_offered = "portico verify: at an address of an offer";
constexpr std::string_view mark_seed = "portico verify: in the world of seed ";

std::string_view after(std::string_view text, std::string_view mark) {
    const std::size_t at = text.rfind(mark);
    if (at == std::string_view::npos) {
        return {};
    }
    text.remove_prefix(at + mark.size());
    return text.substr(0, text.find_first_of("\r\n"));
}

bool has(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

// What C libraries and sanitizers say of memory that was freed twice.
bool is_freed_twice(std::string_view output) {
    return has(output, "double free") || has(output, "double-free") ||
           has(output, "free(): invalid") || has(output, "munmap_chunk(): invalid");
}

// The last lines of what the process printed.
std::string tail_of(std::string_view output) {
    constexpr std::size_t bytes_max = 300;
    while (!output.empty() && (output.back() == '\n' || output.back() == '\r')) {
        output.remove_suffix(1);
    }
    if (output.size() > bytes_max) {
        output.remove_prefix(output.size() - bytes_max);
        output.remove_prefix(std::min(output.size(), output.find('\n') + 1));
    }
    std::string text(output);
    for (char& letter : text) {
        letter = letter == '\n' || letter == '\r' ? ' ' : letter;
    }
    return text;
}

}  // namespace

void write_last_words(const char* callback, bool is_offered, std::uint64_t seed) noexcept {
    std::fprintf(stderr, "\n%s%s\n", mark_callback.data(),
                 callback != nullptr ? callback : "no callback");
    if (is_offered) {
        std::fprintf(stderr, "%s\n", mark_offered.data());
    }
    if (seed != 0) {
        std::fprintf(stderr, "%s%llu\n", mark_seed.data(), static_cast<unsigned long long>(seed));
    }
    std::fflush(stderr);
}

Finding finding_of_end(const ProcessEnd& end, std::string_view output) {
    if (!end.is_started) {
        return {"not-run", "the check's process could not be started: " + end.how};
    }
    if (end.is_timed_out) {
        return {"hang",
                "the check did not end in time: a callback does not return, or time does "
                "not pass"};
    }
    const std::string callback(after(output, mark_callback));
    const std::string where = callback.empty() ? "" : " in " + callback;
    if (has(output, mark_offered)) {
        return callback == "on_data"
                   ? Finding{"read-past-size",
                             "on_data reads past the bytes that it was offered (" + end.how + ")"}
                   : Finding{"offer-kept",
                             "bytes of an offer are used after its on_data has returned" + where +
                                 " (" + end.how + ")"};
    }
    if (is_freed_twice(output)) {
        return {"freed-twice", "memory is freed twice" + where +
                                   ": the argument of a timer, a post or a release belongs to its "
                                   "last call alone, and a state to on_close (" +
                                   end.how + ")"};
    }
    if (end.is_crashed) {
        return {"crash", "the process crashed" + where + ": " + end.how + "; " + tail_of(output)};
    }
    return {"crash", "the process ended by itself with exit code " + std::to_string(end.code) +
                         where + "; " + tail_of(output)};
}

std::optional<std::uint64_t> seed_of_output(std::string_view output) {
    const std::string_view text = after(output, mark_seed);
    std::uint64_t seed = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
    return !text.empty() && error == std::errc{} ? std::optional(seed) : std::nullopt;
}

}  // namespace portico::verify
