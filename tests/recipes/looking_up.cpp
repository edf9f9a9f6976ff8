// Recipe: looking names up. A line is a name with a port, and the answer is its addresses.
#include <optional>
#include <string>
#include <utility>

#include <portico/plugin.hpp>

struct looking_up : portico::plugin<looking_up> {
    static constexpr std::uint32_t framing = PORTICO_FRAMING_DELIMITER;

    struct session {
        explicit session(portico::connection c) : connection(c) {}

        // The line waits until the answer is there, and is offered again.
        portico::flow on_data(portico::message m) {
            if (answer) return connection.send_all(*std::exchange(answer, std::nullopt));
            const portico::request asked = connection.resolve(
                m.payload(), 2'000, [this](const portico::resolved& found) {
                    // Then the session may be gone, and nobody waits for the answer.
                    if (found.status == PORTICO_CLOSING) return;
                    answer = found ? std::string() : "no address";
                    for (std::size_t i = 0; i < found.count; ++i) {
                        *answer += (i == 0 ? "" : " ") + std::string(found.text(i));
                    }
                    *answer += '\n';
                    (void)connection.resume();
                });
            if (asked.status() == PORTICO_INVALID) return connection.send_all("no name\n");
            return asked ? portico::flow::wait() : portico::flow::error(asked.status());
        }

        portico::connection connection;
        std::optional<std::string> answer;
    };
};
PORTICO_PLUGIN(looking_up, "looking_up", "1.0")
