// @NAME@: answers each line with a greeting and the line: "world" with "hello world".
//
// The host cuts the stream into lines ("framing" in host.json), so this file never sees half a
// line. "greeting" in "settings" says something else than "hello". Begin with `answer_to` to make
// another protocol of it. <portico/plugin.hpp> says what a plugin may have.
#include <cstdint>
#include <string>
#include <string_view>

#include <portico/plugin.hpp>

// An instance: one for each listener that names the plugin. Threads share it, so nothing in it
// changes after the constructor.
struct protocol : portico::plugin<protocol> {
    static constexpr std::uint32_t framing = PORTICO_FRAMING_DELIMITER;

    static std::string greeting_in(const portico::setup &setup) {
        return setup.settings().get("greeting", "hello");
    }
    static void validate(const portico::setup &setup) { (void)greeting_in(setup); }
    explicit protocol(const portico::setup &setup) : greeting(greeting_in(setup)) {}

    // What is kept for each connection. Its callbacks never overlap, so nothing needs a lock.
    struct session {
        session(const protocol &plugin, portico::connection c) : owner(plugin), connection(c) {}

        // The line has its "\n", and so has the answer.
        std::string answer_to(std::string_view line) const {
            return owner.greeting + ' ' + std::string(line);
        }
        portico::flow on_data(portico::message m) {
            ++lines;
            // Of any size: what the queue does not take follows by itself, before the next line.
            return connection.send_all(answer_to(m.bytes()));
        }
        void on_close(const portico::closed &) {
            connection.log(portico::level::debug, std::to_string(lines) + " lines");
        }

        const protocol &owner;
        portico::connection connection;
        std::uint64_t lines = 0;
    };

    const std::string greeting;
};
PORTICO_PLUGIN(protocol, "@NAME@", "0.1.0")
