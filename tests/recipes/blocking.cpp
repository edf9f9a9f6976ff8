// Recipe: calling a library that blocks. A line is answered after the library has taken its time.
#include <chrono>
#include <string>
#include <thread>

#include <portico/plugin.hpp>

namespace library {

// Stands for a database's client, for example.
inline std::string look_up(std::string_view key) {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    return "value of " + std::string(key) + "\n";
}

}  // namespace library

struct looks_up : portico::plugin<looks_up> {
    // The instance gets threads of its own: "blocking_threads" of its listener.
    static constexpr bool blocking = true;
    static constexpr std::uint32_t framing = PORTICO_FRAMING_DELIMITER;

    portico::flow on_data(portico::connection c, portico::message m) {
        return c.send_all(library::look_up(m.payload()));
    }
};
PORTICO_PLUGIN(looks_up, "blocking", "1.0")
