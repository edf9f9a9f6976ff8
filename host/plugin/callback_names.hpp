// The names of callbacks: in the log as a person reads them, in labels of metrics as a word.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace portico::plugin {

inline constexpr char posted_name[] = "a posted function";
inline constexpr char timer_name[] = "a timer's function";
inline constexpr char release_name[] = "a release function";
inline constexpr char done_name[] = "the function after a piece of work";
inline constexpr char resolved_name[] = "the function of a lookup";

struct CallbackName {
    std::string_view name;   // of CallScope
    std::string_view label;  // the value of "callback"
};
inline constexpr std::array<CallbackName, 12> callback_names{{
    {"on_open", "on_open"},
    {"on_data", "on_data"},
    {"on_writable", "on_writable"},
    {"on_end", "on_end"},
    {"on_drain", "on_drain"},
    {"on_close", "on_close"},
    {"on_stop", "on_stop"},
    {posted_name, "posted"},
    {timer_name, "timer"},
    {release_name, "release"},
    {done_name, "work_done"},
    {resolved_name, "resolved"},
}};

// Its place in callback_names; their number if it is none of them.
[[nodiscard]] constexpr std::size_t callback_index(std::string_view name) noexcept {
    std::size_t index = 0;
    while (index < callback_names.size() && callback_names[index].name != name) {
        ++index;
    }
    return index;
}

}  // namespace portico::plugin
