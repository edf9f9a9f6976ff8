// Recipe: retrying an upstream. Each line is a question to the upstream "backend", on a connection
// of its own. If that cannot be made, it is tried again, three times, and later each time.
#include <optional>
#include <string>
#include <utility>

#include <portico/plugin.hpp>

struct retrying : portico::plugin<retrying> {
    static constexpr std::uint32_t framing = PORTICO_FRAMING_DELIMITER;

    struct session;

    // The connection to the backend. It has a strand of its own, so what it learns goes to the
    // client's strand as a post. That runs only if the client, and so the session, is still there.
    struct question {
        question(portico::connection_handle c, session* s) : client(c), asker(s) {}

        portico::flow on_data(portico::message m) {
            is_answered = true;
            (void)client.post(
                [to = asker, text = std::string(m.bytes())] { to->answer_with(text); });
            return portico::flow::close();
        }
        // Comes in any case, also if it was never connected.
        void on_close(const portico::closed&) {
            if (!is_answered) (void)client.post([to = asker] { to->failed(); });
        }

        portico::connection_handle client;
        session* asker;
        bool is_answered = false;
    };

    struct session {
        session(retrying& plugin, portico::connection c) : owner(plugin), connection(c) {}

        portico::flow on_data(portico::message m) {
            if (answer) return connection.send_all(*std::exchange(answer, std::nullopt));
            line = m.bytes();
            tries = 0;
            ask();
            return portico::flow::wait();
        }
        void ask() {
            ++tries;
            const portico::connected made = owner.connect<question>(
                portico::target::upstream("backend").beside(connection).within(1'000),
                portico::connection_handle(connection), this);
            if (made) {
                (void)made.connection.send(line);  // leaves when it is connected
            } else {
                failed();  // the backend has as many connections as its limit
            }
        }
        void failed() {
            if (tries == 4) {
                answer_with("the backend is down\n");
            } else if (!connection.after(25u << tries, [this] { ask(); })) {
                (void)connection.abort();
            }
        }
        void answer_with(std::string text) {
            answer = std::move(text);
            (void)connection.resume();
        }

        retrying& owner;
        portico::connection connection;
        std::string line;
        int tries = 0;
        std::optional<std::string> answer;
    };
};
PORTICO_PLUGIN(retrying, "retrying", "1.0")
