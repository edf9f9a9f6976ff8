// redis_like: a part of Redis as a plugin. It speaks RESP2 and answers PING, ECHO, GET, SET, MGET,
// DEL, EXISTS, INCR, EXPIRE, TTL, QUIT, and with empty lists COMMAND and CONFIG GET. The keyspace
// is the instance's (store.hpp). Its callbacks are serial, as in Redis: no lock, no command between
// those of an MGET, and less CPU for each request (README.md).
//
// Needs a listener without framing. A command and its arguments must fit into the listener's
// limits.unconsumed_bytes.
#include <portico/plugin.hpp>

#include "commands.hpp"
#include "resp.hpp"
#include "store.hpp"

namespace redis_like {

namespace {

// Replies are sent when so many bytes of them have gathered, and at the end of each offer.
constexpr std::size_t replies_bytes = 256 * 1024;
// More than this is not kept from one offer to the next.
constexpr std::size_t kept_bytes = 16 * 1024;

constexpr std::uint32_t sweep_ms = 100;
constexpr std::size_t sweep_most = 10'000;

class Server : public portico::plugin<Server> {
public:
    static constexpr std::uint32_t framing = PORTICO_FRAMING_NONE;
    static constexpr bool serial = true;
    static constexpr bool unloadable = true;
    static void validate(const portico::setup &setup) { (void)setup.settings().count(""); }

    explicit Server(const portico::setup &setup) { validate(setup); }

    class session {
    public:
        session(Server &server, const portico::connection &connection)
            : server_(server), connection_(connection) {}

        portico::flow on_data(portico::message offered);

    private:
        portico::flow send(portico::flow after);

        Server &server_;
        portico::connection connection_;
        Parser parser_;
        std::string replies_;
    };

private:
    Now clock() const {
        return Now([](const void *self) { return static_cast<const Server *>(self)->now(); }, this);
    }
    // Gives the memory of expired keys back, in a while. Without timers (an older host) that
    // happens only when somebody touches them.
    void sweep_later() {
        if (is_sweeping_) return;
        is_sweeping_ = bool(after(sweep_ms, [this] { sweep(); }));
    }
    void sweep() {
        is_sweeping_ = false;
        if (store_.sweep(clock()(), sweep_most)) sweep_later();
    }

    Store store_;
    bool is_sweeping_ = false;
};

portico::flow Server::session::on_data(portico::message offered) {
    std::string_view bytes = offered.bytes();
    Now now = server_.clock();
    for (;;) {
        const Parser::Result result = parser_.parse(bytes);
        if (result == Parser::Result::incomplete) {
            return send(portico::flow::consumed(offered.size() - bytes.size()));
        }
        if (result == Parser::Result::wrong) {
            append_error(replies_, "ERR Protocol error: " + parser_.error());
            return send(portico::flow::close());
        }
        bytes.remove_prefix(parser_.size());
        if (parser_.words().empty()) continue;
        switch (execute(server_.store_, parser_.words(), now, replies_)) {
            case After::nothing: break;
            case After::sweep: server_.sweep_later(); break;
            case After::close: return send(portico::flow::close());
        }
        if (replies_.size() >= replies_bytes) {
            // If not all of it fits into the queue, the other commands wait until it has gone.
            const portico::flow rest = portico::flow::hold(offered.size() - bytes.size());
            const portico::flow sent = send(rest);
            if (sent.status() < 0 || connection_.is_sending_rest()) return sent;
        }
    }
}

// Sends all replies that have gathered. `after`: what on_data returns then.
portico::flow Server::session::send(portico::flow after) {
    if (replies_.empty()) return after;
    const portico::flow sent = connection_.send_all(replies_);
    replies_.clear();
    if (replies_.capacity() > kept_bytes) replies_ = std::string();
    return sent.status() < 0 ? sent : after;
}

}  // namespace

}  // namespace redis_like

PORTICO_PLUGIN(redis_like::Server, "redis_like", "1.0")
