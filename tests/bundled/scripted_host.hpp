// A host table that answers as the test says and notes what the plugin asked for. There is one at a
// time.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <portico/ext/settings.h>
#include <portico/portico.h>

struct ScriptedHost {
    using Setting = std::variant<bool, std::int64_t, std::string>;

    std::map<std::string, Setting> settings;
    bool has_settings = true;                // whether it offers the settings extension
    std::uint64_t max_send_bytes = 1 << 24;  // longer: PORTICO_TOO_LARGE
    // for the next sends that are not too large; if none is left: PORTICO_OK
    std::deque<portico_status> answers;
    std::string sent;
    int closes = 0;
    bool closing = false;  // send answers PORTICO_GONE
    bool refused = false;  // the last send answered PORTICO_WOULD_BLOCK
    std::string logged;

    ScriptedHost();
    ~ScriptedHost();
    ScriptedHost(const ScriptedHost&) = delete;
    ScriptedHost& operator=(const ScriptedHost&) = delete;

    portico_host table;
};

// One plugin's instance on a scripted host, with one connection.
class Driver {
public:
    Driver(const portico_module* module, ScriptedHost& host)
        : plugin_(module->plugins[0]), host_(host) {}
    ~Driver();
    Driver(const Driver&) = delete;
    Driver& operator=(const Driver&) = delete;

    portico_status validate();
    portico_status create();
    // One on_data, unframed. Returns the host's reading of the plugin's answer: PORTICO_OK,
    // PORTICO_HOLD or an error; `consumed` is likewise what the host takes it for.
    portico_status data(std::string_view bytes);
    // One on_data with a whole message, of which the payload is a part.
    portico_status message(std::string_view bytes, std::uint64_t payload_offset,
                           std::uint64_t payload_size);

    std::uint64_t consumed = 0;
    std::string error;

private:
    // Calls validate or create with a whole setup.
    template <class Call>
    portico_status set_up(std::uint32_t mode, Call&& call);

    const portico_plugin* plugin_;
    ScriptedHost& host_;
    void* self_ = nullptr;
    void* state_ = nullptr;
    std::uint64_t left_ = 0;  // of the previous offer
    bool is_created_ = false;
};

extern "C" {
const portico_module* PORTICO_CALL echo_query(std::uint32_t host_abi_major);
const portico_module* PORTICO_CALL ack_query(std::uint32_t host_abi_major);
}
