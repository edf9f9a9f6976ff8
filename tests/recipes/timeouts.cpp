// Recipe: a timeout for each state. A peer must say its name within "name_ms"; after that, each
// line must come within "line_ms" of the last one.
#include <string>

#include <portico/plugin.hpp>

struct timeouts : portico::plugin<timeouts> {
    static constexpr std::uint32_t framing = PORTICO_FRAMING_DELIMITER;

    explicit timeouts(const portico::setup& setup)
        : name_ms(setup.settings().get("name_ms", 5'000u, 1u, 60'000u)),
          line_ms(setup.settings().get("line_ms", 30'000u, 1u, 3'600'000u)) {}

    struct session {
        session(timeouts& plugin, portico::connection c) : owner(plugin), connection(c) {
            timer = connection.after(owner.name_ms, [this] { expire(); });
            if (!timer) throw portico::error(timer.status(), "no timer");
        }
        portico::flow on_data(portico::message m) {
            (void)timer.restart(owner.line_ms);  // cheap enough for every message
            if (name.empty()) {
                name = m.payload();
                return connection.send_all("hello " + name + "\n");
            }
            return connection.send_all(name + ": " + std::string(m.payload()) + "\n");
        }
        // Runs before on_close, so `this` is there. on_close needs no cancel.
        void expire() {
            (void)connection.send_all(name.empty() ? "who are you?\n" : "goodbye " + name + "\n");
            (void)connection.close();
        }

        timeouts& owner;
        portico::connection connection;
        portico::timer timer;
        std::string name;
    };

    std::uint32_t name_ms;
    std::uint32_t line_ms;
};
PORTICO_PLUGIN(timeouts, "timeouts", "1.0")
