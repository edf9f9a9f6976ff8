// Recipe: calling a library that blocks. A line is answered after the library has taken its time.
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <portico/plugin.hpp>

namespace library {

// Stands for a database's client, for example.
inline std::string look_up(const std::string& key) {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    return "value of " + key + "\n";
}

}  // namespace library

struct looks_up : portico::plugin<looks_up> {
    static constexpr std::uint32_t framing = PORTICO_FRAMING_DELIMITER;

    struct session {
        explicit session(portico::connection c) : connection(c) {}

        portico::flow on_data(portico::message m) {
            if (answer) {  // the line has come again, after the resume below
                return connection.send_all(*std::exchange(answer, std::nullopt));
            }
            const portico_status status = connection.run(
                // On a helper thread: it may block, and the session may be gone meanwhile.
                [key = std::string(m.payload())] { return library::look_up(key); },
                // On the connection's strand, if the connection is still open.
                [this](std::string found) {
                    answer = std::move(found);
                    (void)connection.resume();
                });
            if (status == PORTICO_LIMIT) return connection.send_all("busy\n");
            return status == PORTICO_OK ? portico::flow::wait() : portico::flow(status);
        }

        portico::connection connection;
        std::optional<std::string> answer;
    };
};
PORTICO_PLUGIN(looks_up, "blocking", "1.0")
