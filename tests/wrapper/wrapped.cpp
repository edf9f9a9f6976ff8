// Plugins in C++. "replies" has sessions: each word of a message is an order, ended by a semicolon.
// "plain" has only on_data. "doors" and "gates" note the address that a client has used, one with
// sessions and one without.
#include <string>

#define PORTICO_EXPORT_SYMBOL
#include <portico/plugin.hpp>

#include "wrapped.hpp"

int wrapped::counted = 0;
std::string wrapped::notes;

namespace {

using wrapped::notes;

struct Counted {
    Counted() { ++wrapped::counted; }
    Counted(const Counted&) { ++wrapped::counted; }
    ~Counted() { --wrapped::counted; }
};

struct replies : portico::plugin<replies> {
    static constexpr bool serial = true;
    static constexpr std::uint32_t framing = PORTICO_FRAMING_NONE | PORTICO_FRAMING_DELIMITER;
    static void validate(const portico::setup& setup) {
        (void)setup.settings().get("size", 5, 1, 10);
        (void)setup.settings().required<std::string>("name");
    }
    explicit replies(const portico::setup& setup)
        : size(setup.settings().get("size", 5, 1, 10)),
          name(setup.settings().get("name", "nobody")) {
        if (name == "throws") {
            throw std::runtime_error(std::string(100, 't'));
        }
        if (name == "fails") {
            setup.settings().fail("name", "found a bad one");
        }
    }
    ~replies() { notes += "destroyed."; }
    void on_stop(const portico::draining&) { notes += "stop."; }

    struct session {
        session(replies& owner, portico::connection c) : plugin(owner), connection(c) {
            if (owner.name == "refuses") {
                throw portico::error(PORTICO_REFUSED, "not today");
            }
        }
        ~session() { notes += "gone."; }
        portico::flow on_data(portico::message m) {
            notes += std::to_string(m.offered_before()) + ">";
            const std::size_t end = m.bytes().find(';');
            if (end == std::string_view::npos) {
                return portico::flow::consumed(0);
            }
            const portico::flow done = obey(std::string(m.bytes().substr(0, end)));
            return done.status() == PORTICO_OK ? portico::flow::consumed(end + 1) : done;
        }
        portico::flow obey(const std::string& order);
        portico::flow call(const std::string& order);
        void on_writable() { notes += "writable."; }
        void on_close(const portico::closed&) { notes += "closed."; }

        replies& plugin;
        portico::connection connection;
        portico::timer timer;
    };

    int size;
    std::string name;
};

// The session of a connection that the plugin makes.
struct dialled {
    dialled(int first, const Counted& c) : number(first), counted(c) {}
    ~dialled() { notes += "hung up."; }
    void on_open(portico::connection c) {
        connection = c;
        notes += "up " + std::to_string(number) + ".";
    }
    portico::flow on_data(portico::message m) {
        notes += "heard " + std::string(m.bytes()) + ".";
        if (m.bytes() == "throw") {
            throw std::runtime_error("far away");
        }
        return connection.send_all(std::string(10, 'd'));
    }
    void on_end(const portico::ended&) { notes += "end."; }
    void on_close(const portico::closed& how) {
        notes += "down " + std::to_string(how.reason) + ".";
    }
    int number;
    Counted counted;
    portico::connection connection;
};

// Orders that concern other servers.
portico::flow replies::session::call(const std::string& order) {
    const Counted counted;
    const portico::connection c = connection;
    if (order == "dial" || order == "dial_nobody" || order == "dial_address") {
        const portico::target to = order == "dial"           ? portico::target::upstream("far")
                                   : order == "dial_address" ? portico::target::address("[::1]:1")
                                                             : portico::target::upstream("near");
        const portico::connected made = plugin.connect<dialled>(to.beside(c).within(9), 7, counted);
        notes += std::to_string(made.status) + (made ? "!" : "?") +
                 std::to_string(made.connection.id()) + ".";
    } else if (order == "find") {
        const auto far = plugin.instance().find_upstream("far");
        notes += far ? std::to_string(far->connections_max) + "." : "none.";
    } else if (order == "ask") {
        const portico::request asked = c.resolve(
            "db:1", 5, [counted](portico::connection its, const portico::resolved& found) {
                notes += std::to_string(its.id()) + " " + std::to_string(found.status) + " " +
                         (found ? std::string(found.text(0)) : "-") + ".";
            });
        notes += std::to_string(asked.status()) + ".";
    } else if (order == "ask_throw") {
        const portico::request asked = c.resolve(
            "db:1", 5, [counted](const portico::resolved&) { throw std::runtime_error("late"); });
        (void)asked.cancel();
    }
    return portico::flow::all();
}

portico::flow replies::session::obey(const std::string& order) {
    const Counted counted;
    const portico::connection c = connection;
    if (order[0] >= '0' && order[0] <= '9') {
        return c.send_all(std::string(std::stoul(order), order.back()));
    } else if (order == "small") {
        notes += c.send("small") == PORTICO_OK ? "sent." : "refused.";
    } else if (order == "close") {
        (void)c.close();
    } else if (order == "finish") {
        (void)c.finish_sending();
    } else if (order == "error") {
        return portico::flow::error(PORTICO_PROTOCOL_ERROR);
    } else if (order == "throw") {
        throw std::runtime_error("an order");
    } else if (order == "post") {
        notes += c.post([counted] { notes += "posted."; }) == PORTICO_OK ? "" : "no.";
    } else if (order == "post_status") {
        (void)c.post([counted](portico_status status) { notes += std::to_string(status) + "."; });
    } else if (order == "post_small_and_close" || order == "post_small_and_finish") {
        (void)c.post([counted, order, this](portico::connection) {
            (void)obey("small");
            (void)obey(order.substr(15));
        });
    } else if (order == "post_throw") {
        (void)c.post([counted](portico::connection) { throw std::runtime_error("later"); });
    } else if (order == "work") {
        const portico_status status = c.run([counted] { return std::string("made"); },
                                            [counted, this](std::string made) {
                                                notes += made + ".";
                                                (void)obey("small");
                                            });
        notes += status == PORTICO_OK ? "" : std::to_string(status) + ".";
    } else if (order == "work_void") {
        (void)c.run(
            [counted] { notes += "worked."; },
            [counted](portico::connection its) { notes += std::to_string(its.id()) + "."; });
    } else if (order == "work_throw") {
        (void)c.run([counted]() -> int { throw std::runtime_error("a library"); },
                    [counted](portico::connection, int) { notes += "done."; });
    } else if (order == "work_done_throw") {
        (void)c.run([counted] {}, [counted] { throw std::runtime_error("after it"); });
    } else if (order == "work_of_instance") {
        (void)plugin.run([counted] { return 7; },
                         [counted](int made) { notes += std::to_string(made) + "."; });
    } else if (order == "after") {
        timer = c.after(5, [counted] { notes += "after."; });
    } else if (order == "every") {
        timer = c.every(5, [counted] { notes += "every."; });
    } else if (order == "every_event") {
        timer = c.every(5, [counted](portico::connection, const portico::timer_event& event) {
            notes += std::to_string(event.status) + "x" + std::to_string(event.periods) + ".";
        });
    } else if (order == "after_event") {
        timer = c.after(5, [counted](const portico::timer_event& event) {
            notes += event.flags == PORTICO_TIMER_LAST ? "last." : "more.";
        });
    } else if (order == "restart") {
        (void)timer.restart(9);
    } else if (order == "parts") {
        (void)c.send_parts({"a", std::string("b"), std::string_view("c")});
    } else {
        return call(order);
    }
    return portico::flow::all();
}

struct plain : portico::plugin<plain> {
    plain() { notes += std::to_string(now()) + "."; }
    void on_data(portico::connection c, portico::message m) {
        notes += std::to_string(now());
        (void)c.send(m.bytes());
    }
};

struct doors : portico::plugin<doors> {
    struct session {
        session(doors&, portico::connection, const portico::opened& how) : made_at(this) {
            notes += "door " + std::to_string(how.listen_index) + ".";
        }
        void on_data(portico::message) { notes += made_at == this ? "here." : "elsewhere."; }
        const session* made_at;
    };
};

struct gates : portico::plugin<gates> {
    void on_open(portico::connection, const portico::opened& how) {
        notes += "gate " + std::to_string(how.listen_index) + ".";
    }
    void on_data(portico::connection, portico::message) {}
};

}  // namespace

PORTICO_PLUGIN_AS(replies_query, replies, "replies", "1")
PORTICO_PLUGIN_AS(plain_query, plain, "plain", "")
PORTICO_PLUGIN_AS(doors_query, doors, "doors", "")
PORTICO_PLUGIN_AS(gates_query, gates, "gates", "")
