#include "base/command_line.hpp"

namespace portico::base {

namespace {

bool is_blank(wchar_t letter) noexcept {
    return letter == L' ' || letter == L'\t';
}

std::wstring take_program(std::wstring_view& line) {
    std::wstring name;
    bool quoted = false;
    while (!line.empty() && (quoted || !is_blank(line.front()))) {
        if (line.front() == L'"') {
            quoted = !quoted;
        } else {
            name += line.front();
        }
        line.remove_prefix(1);
    }
    return name;
}

// `line` begins with the argument's first letter.
std::wstring take_argument(std::wstring_view& line) {
    std::wstring argument;
    bool quoted = false;
    while (!line.empty() && (quoted || !is_blank(line.front()))) {
        const std::size_t count = line.find_first_not_of(L'\\') == std::wstring_view::npos
                                      ? line.size()
                                      : line.find_first_not_of(L'\\');
        line.remove_prefix(count);
        if (line.empty() || line.front() != L'"') {
            argument.append(count, L'\\');
            if (count == 0) {
                argument += line.front();
                line.remove_prefix(1);
            }
            continue;
        }
        line.remove_prefix(1);
        argument.append(count / 2, L'\\');
        if (count % 2 != 0) {
            argument += L'"';
        } else if (quoted && !line.empty() && line.front() == L'"') {
            argument += L'"';
            line.remove_prefix(1);
        } else {
            quoted = !quoted;
        }
    }
    return argument;
}

}  // namespace

std::vector<std::wstring> split_command_line(std::wstring_view line) {
    std::vector<std::wstring> arguments{take_program(line)};
    for (;;) {
        while (!line.empty() && is_blank(line.front())) {
            line.remove_prefix(1);
        }
        if (line.empty()) {
            return arguments;
        }
        arguments.push_back(take_argument(line));
    }
}

}  // namespace portico::base
