// Recipe: broadcasting. "watch NAME" subscribes to a name, "forget NAME" ends that, and
// "set NAME VALUE" tells all who watch it.
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include <portico/plugin.hpp>

struct broadcasting : portico::plugin<broadcasting> {
    static constexpr std::uint32_t framing = PORTICO_FRAMING_DELIMITER;

    broadcasting() {
        if (!groups()) throw portico::error(PORTICO_UNSUPPORTED, "this host has no groups");
    }

    // A group is a number, and not 0.
    static std::uint64_t group_of(std::string_view name) {
        return std::hash<std::string_view>()(name) | 1;
    }
    static std::string_view next_word(std::string_view& line) {
        const std::string_view word = line.substr(0, line.find(' '));
        line.remove_prefix(word.size() < line.size() ? word.size() + 1 : word.size());
        return word;
    }

    // It leaves its groups by itself when it closes, so there is no on_close.
    portico::flow on_data(portico::connection c, portico::message m) {
        std::string_view line = m.payload();
        const std::string_view command = next_word(line);
        const std::string_view name = next_word(line);
        if (command == "watch") {
            const portico_status status = groups().join(c, group_of(name));
            return status < 0 ? portico::flow::error(status) : c.send_all("watching\n");
        }
        if (command == "forget") {
            (void)groups().leave(c, group_of(name));
            return c.send_all("forgotten\n");
        }
        if (command == "set") {
            // One copy for all of them. Who does not read misses this value, and gets a later one.
            const portico_status status = groups().broadcast(
                group_of(name), {name, "=", line, "\n"}, portico::when_full::skip);
            return status < 0 ? portico::flow::error(status) : c.send_all("set\n");
        }
        return c.send_all("what?\n");
    }
};
PORTICO_PLUGIN(broadcasting, "broadcasting", "1.0")
