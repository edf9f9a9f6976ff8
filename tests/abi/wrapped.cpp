// Plugins in C++ that use all of the wrapper, for an author's strictest warnings in each standard.
// They are compiled and never run. ENTRY and PLAIN_ENTRY are the names of their entries.
#include <string>

#define PORTICO_EXPORT_SYMBOL
#include <portico/plugin.hpp>

namespace {

struct strict : portico::plugin<strict> {
    static constexpr bool serial = true;
    static constexpr bool blocking = true;
    static constexpr bool unloadable = true;
    static constexpr std::uint32_t framing = PORTICO_FRAMING_NONE;
    static void validate(const portico::setup &setup) { (void)setup.settings().json(); }

    explicit strict(const portico::setup &setup)
        : text(setup.settings().required<std::string>("text")),
          number(setup.settings().get("number", 1u, 0u, 10u)),
          wide(setup.settings().get("wide", std::uint64_t{1})),
          ratio(setup.settings().get("ratio", 0.5, 0.0, 1.0)),
          is_loud(setup.settings().get("loud", false)) {
        (void)setup.settings().has("members");
        (void)setup.settings().name("members", setup.settings().count("members"));
        setup.settings().read_anything("rest");
        if (ratio > 0.9) {
            setup.settings().fail("ratio", "too much");
        }
    }
    void on_stop(const portico::draining &how) {
        if (how.reason == PORTICO_DRAIN_STOP) {
            (void)post([] {});
            (void)after(1, [this] { log(portico::level::warn, text); });
            (void)every(1, [this](const portico::timer_event &event) { wide += event.periods; });
            (void)run([] {}, [this] { log(portico::level::info, text); });
        }
    }

    struct session {
        session(strict &plugin, portico::connection c, const portico::opened &)
            : owner(plugin), connection(c), timer(c.every(1'000, [this] { ++ticks; })) {}
        portico::flow on_data(portico::message m) {
            if (m.is_last() || m.offered_before() > 100) {
                return portico::flow::wait();
            }
#if __cplusplus >= 202002L
            if (m.span().size() < m.payload_span().size()) {
                return portico::flow::error();
            }
#endif
            if (const auto info = connection.info()) {
                (void)connection.send_parts({info->peer_text(), ": ", m.payload()});
            }
            (void)connection.post([](portico::connection c, portico_status status) {
                if (status == PORTICO_OK) {
                    (void)c.finish_sending();
                }
            });
            (void)connection.run([text = std::string(m.bytes())] { return text.size(); },
                                 [this](std::size_t size) { ticks += size != 0 ? 1 : 0; });
            (void)connection.run([] {}, [](portico::connection c) { (void)c.resume(); });
            return connection.send_all(m);
        }
        portico_status on_writable() { return connection.pause(); }
        portico_status on_end(const portico::ended &) { return connection.close(); }
        void on_drain(const portico::draining &) { (void)timer.cancel(); }
        void on_close(const portico::closed &how) { owner.wide += how.sent_bytes + ticks; }

        strict &owner;
        portico::connection connection;
        portico::timer timer;
        unsigned ticks = 0;
    };

    std::string text;
    std::uint32_t number;
    std::uint64_t wide;
    double ratio;
    bool is_loud;
};

struct plain : portico::plugin<plain> {
    portico_status on_open(portico::connection c, const portico::opened &) {
        if (!groups()) {
            return c.resume();
        }
        (void)groups().broadcast(2, {"a ", std::string("guest")}, portico::when_full::abort, c);
        return groups().list().size() > 9 ? groups().leave(c, 2) : groups().join(c, 2);
    }
    portico::flow on_data(portico::connection c, portico::message m) { return c.send(m.bytes()); }
    void on_close(portico::connection c, const portico::closed &) { (void)c.abort(); }
};

}  // namespace

PORTICO_PLUGIN_AS(ENTRY, strict, "strict", "1.0")
PORTICO_PLUGIN_AS(PLAIN_ENTRY, plain, "plain", "1.0")
