// sqlite_kv: keys and values in an SQLite database, by lines.
//
//     SET key value      OK, when the value is on the disk
//     GET key            VALUE value, or NONE
//
// A mistake is answered with "ERROR" and the reason. A key has no spaces; a value may have them. A
// connection's commands are answered one after the other, those of several at the same time: SQLite
// blocks, so it is called on the instance's helper threads ("executor_threads").
//
// Needs a listener whose framing is a delimiter. Setting "file": the database.
#include <portico/plugin.hpp>

#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "store.hpp"

namespace sqlite_kv {

namespace {

// Takes the text up to the next space off `rest`.
std::string_view take_word(std::string_view &rest) {
    const std::size_t end = rest.find(' ');
    const std::string_view word = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return word;
}

// Blocks.
std::string answer_of(Store &store, std::string_view line) {
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    const std::string_view command = take_word(line);
    const std::string key(take_word(line));
    try {
        if (command == "SET" && !key.empty()) {
            store.set(key, std::string(line));
            return "OK\n";
        }
        if (command == "GET" && !key.empty() && line.empty()) {
            const std::optional<std::string> value = store.get(key);
            return value ? "VALUE " + *value + "\n" : "NONE\n";
        }
    } catch (const std::exception &error) {
        return std::string("ERROR ") + error.what() + "\n";
    }
    return "ERROR write SET key value, or GET key\n";
}

class Server : public portico::plugin<Server> {
public:
    static constexpr std::uint32_t framing = PORTICO_FRAMING_DELIMITER;
    static constexpr bool unloadable = true;
    static std::string file_of(const portico::setup &setup) {
        return setup.settings().required<std::string>("file");
    }
    static void validate(const portico::setup &setup) { (void)file_of(setup); }

    explicit Server(const portico::setup &setup) : store_(file_of(setup)) {}

    class session {
    public:
        session(Server &server, const portico::connection &connection)
            : server_(server), connection_(connection) {}

        // The line is consumed only when it is answered: it comes, and waits; the answer is there,
        // and it comes again. So the next line waits too, and a stop does.
        portico::flow on_data(portico::message offered) {
            if (answer_) return connection_.send_all(*std::exchange(answer_, std::nullopt));
            const portico_status status = connection_.run(
                // The store is the plugin's, which outlives all work. The session may not.
                [&store = server_.store_, line = std::string(offered.payload())] {
                    return answer_of(store, line);
                },
                [this](std::string answer) {
                    answer_ = std::move(answer);
                    (void)connection_.resume();
                });
            if (status == PORTICO_LIMIT) return connection_.send_all("ERROR busy, try again\n");
            return status == PORTICO_OK ? portico::flow::wait() : portico::flow(status);
        }

    private:
        Server &server_;
        portico::connection connection_;
        std::optional<std::string> answer_;
    };

private:
    Store store_;
};

}  // namespace

}  // namespace sqlite_kv

PORTICO_PLUGIN(sqlite_kv::Server, "sqlite_kv", "1.0")
