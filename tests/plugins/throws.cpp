// throws: a C++ plugin that throws in one of its callbacks. Setting "in": the callback's name, or
// "nothing". Bytes are sent back, except by "on_end" and "on_close". "on_writable" first fills the
// queue; "post", "timer", "work" and "done" let a function throw that on_data starts.
#include <new>
#include <stdexcept>
#include <string>

#include <portico/plugin.hpp>

namespace {

struct throws : portico::plugin<throws> {
    static constexpr bool unloadable = true;
    static std::string where(const portico::setup& setup) {
        return setup.settings().required<std::string>("in");
    }
    static void validate(const portico::setup& setup) { fail_in("validate", where(setup)); }
    static void fail_in(const char* here, const std::string& wanted) {
        if (wanted == here) {
            throw std::runtime_error(std::string("thrown in ") + here);
        }
    }

    explicit throws(const portico::setup& setup) : wanted(where(setup)) { maybe("create"); }
    void maybe(const char* here) const { fail_in(here, wanted); }
    void on_stop(const portico::draining&) { maybe("on_stop"); }

    struct session {
        session(throws& plugin, portico::connection c) : owner(plugin), connection(c) {
            owner.maybe("on_open");
        }
        portico::flow on_data(portico::message m);
        void on_writable() { owner.maybe("on_writable"); }
        void on_end(const portico::ended&) {
            owner.maybe("on_end");
            (void)connection.close();
        }
        void on_drain(const portico::draining&) {
            owner.maybe("on_drain");
            (void)connection.close();
        }
        void on_close(const portico::closed&) { owner.maybe("on_close"); }

        throws& owner;
        portico::connection connection;
    };

    std::string wanted;
};

portico::flow throws::session::on_data(portico::message m) {
    owner.maybe("on_data");
    if (owner.wanted == "nothing_known") {
        throw 7;
    }
    if (owner.wanted == "no_memory") {
        throw std::bad_alloc();
    }
    if (owner.wanted == "status") {
        throw portico::error(PORTICO_PROTOCOL_ERROR, "not a protocol of mine");
    }
    if (owner.wanted == "post") {
        (void)connection.post([this] { owner.maybe("post"); });
    }
    if (owner.wanted == "timer") {
        const portico::timer timer = connection.after(1, [this] { owner.maybe("timer"); });
        if (timer.status() == PORTICO_UNSUPPORTED) {
            owner.maybe("timer");
        }
    }
    if (owner.wanted == "work" || owner.wanted == "done") {
        // (The work may use the plugin's object, and must not use the session.)
        (void)connection.run([&plugin = owner] { plugin.maybe("work"); },
                             [this] { owner.maybe("done"); });
    }
    if (owner.wanted == "on_writable") {
        const std::string much(65'536, 'x');
        while (connection.send(much) == PORTICO_OK) {
        }
        return portico::flow::hold(m.size());
    }
    // Nothing is sent to a peer that has gone: a reset could overtake its end.
    const bool is_silent = owner.wanted == "on_end" || owner.wanted == "on_close";
    return is_silent ? portico::flow::all() : connection.send_all(m);
}

}  // namespace
PORTICO_PLUGIN(throws, "throws", "1")
