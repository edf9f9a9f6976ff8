// Recipe: a clean end. "begin" starts a transaction and "commit" ends it. When the host stops, idle
// peers are told at once, and a transaction may still be committed.
#include <atomic>
#include <string_view>

#include <portico/plugin.hpp>

struct shutdown_cleanly : portico::plugin<shutdown_cleanly> {
    static constexpr std::uint32_t framing = PORTICO_FRAMING_DELIMITER;

    // Before the first on_drain. A plugin tells its own threads here to finish, and joins them in
    // its destructor.
    void on_stop(const portico::draining&) {
        log(portico::level::info, "no new transactions");
        is_stopping = true;
    }

    struct session {
        session(shutdown_cleanly& plugin, portico::connection c) : owner(plugin), connection(c) {}

        portico::flow on_data(portico::message m) {
            if (m.payload() == "begin" && !owner.is_stopping) {
                is_busy = true;
                return connection.send_all("begun\n");
            }
            if (m.payload() == "commit" && is_busy) {
                is_busy = false;
                (void)connection.send_all("committed\n");
                return is_draining ? portico::flow::close() : portico::flow::all();
            }
            return connection.send_all("not now\n");
        }
        // Who does not close until the deadline is cut off.
        void on_drain(const portico::draining&) {
            is_draining = true;
            if (is_busy) return;
            (void)connection.send_all("goodbye\n");
            (void)connection.close();
        }

        shutdown_cleanly& owner;
        portico::connection connection;
        bool is_busy = false;
        bool is_draining = false;
    };

    std::atomic<bool> is_stopping = false;  // sessions of all workers read it
};
PORTICO_PLUGIN(shutdown_cleanly, "shutdown", "1.0")
