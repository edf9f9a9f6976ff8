// tcp_proxy: hands bytes on, both ways, between its clients and an upstream.
//
// Each client has an upstream connection of its own, which lives on the same worker ("beside"). If
// one side reads slowly, its send queue fills, and the other side is not read until there is room:
// so a proxied pair takes two send queues of memory at most. An end of stream is handed on, and the
// other direction goes on. A reset is handed on too.
//
// Setting "upstream": a name among the listener's "upstreams".
#include <portico/plugin.hpp>

#include <atomic>
#include <memory>
#include <string>

namespace tcp_proxy {

namespace {

// Hands bytes on. If the receiver has no room, it will have an on_writable, and resumes the sender
// then. (A resume that comes while this runs counts: the host offers the bytes again.)
portico::flow hand_on(const portico::message &bytes, const portico::connection_handle &receiver) {
    const portico_status status = receiver.send(bytes.bytes());
    if (status == PORTICO_WOULD_BLOCK) return portico::flow::wait();
    // One that is gone ends its other half in its on_close.
    return status == PORTICO_GONE || status == PORTICO_CLOSING ? portico::flow::all()
                                                               : portico::flow(status);
}

// How one half's end ends the other half. What was sent to it before still goes out, unless the
// stream was cut.
void end(const portico::connection_handle &other, const portico::closed &how) {
    const bool is_cut = how.reason == PORTICO_REASON_RESET || how.reason == PORTICO_REASON_ERROR;
    (void)(is_cut ? other.abort() : other.close());
}

// Which directions have ended. Both halves have it.
using Ends = std::shared_ptr<std::atomic<int>>;

// The peer of `half` has finished sending.
void hand_end_on(const Ends &ends, const portico::connection_handle &half,
                 const portico::connection_handle &other) {
    (void)other.finish_sending();
    if (ends->fetch_add(1) == 1) {  // it was the second one
        (void)half.close();
        (void)other.close();
    }
}

// The half that the proxy has made.
class Backend {
public:
    Backend(const portico::connection_handle &client, Ends ends)
        : client_(client), ends_(std::move(ends)) {}

    void on_open(const portico::connection &connection) { self_ = connection; }
    portico::flow on_data(const portico::message &bytes) { return hand_on(bytes, client_); }
    void on_writable() { (void)client_.resume(); }
    void on_end(const portico::ended &) { hand_end_on(ends_, self_, client_); }
    // Also if it could not be made.
    void on_close(const portico::closed &how) { end(client_, how); }

private:
    portico::connection_handle client_;
    portico::connection_handle self_;
    Ends ends_;
};

class Proxy : public portico::plugin<Proxy> {
public:
    static constexpr bool unloadable = true;
    static constexpr std::uint32_t framing = PORTICO_FRAMING_NONE;

    static std::string upstream_of(const portico::setup &setup) {
        std::string name = setup.settings().required<std::string>("upstream");
        if (!setup.instance().find_upstream(name)) {
            setup.settings().fail("upstream", "found \"" + name +
                                                  "\", expected a name among the listener's "
                                                  "\"upstreams\"");
        }
        return name;
    }
    static void validate(const portico::setup &setup) { (void)upstream_of(setup); }

    explicit Proxy(const portico::setup &setup) : upstream_(upstream_of(setup)) {}

    class session {
    public:
        session(Proxy &proxy, const portico::connection &connection)
            : self_(connection), ends_(std::make_shared<std::atomic<int>>(0)) {
            const portico::connected made = proxy.connect<Backend>(
                portico::target::upstream(proxy.upstream_).beside(connection),
                portico::connection_handle(connection), ends_);
            if (!made) throw portico::error(made.status, "the upstream takes no more connections");
            backend_ = made.connection;
        }

        // (Before it is connected, its queue takes the bytes.)
        portico::flow on_data(const portico::message &bytes) { return hand_on(bytes, backend_); }
        void on_writable() { (void)backend_.resume(); }
        void on_end(const portico::ended &) { hand_end_on(ends_, self_, backend_); }
        void on_close(const portico::closed &how) { end(backend_, how); }

    private:
        portico::connection_handle self_;
        portico::connection_handle backend_;
        Ends ends_;
    };

private:
    const std::string upstream_;
};

}  // namespace

}  // namespace tcp_proxy

PORTICO_PLUGIN(tcp_proxy::Proxy, "tcp_proxy", "1.0")
