// The configuration as plain structs. The layers above io/ read it, and an embedding program fills
// it in. Each default here is the documented one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/lines.hpp"

namespace portico::config {

// a day: no time here may be longer
inline constexpr std::uint32_t timeout_ms_max = 86'400'000;
// Linux accepts no more (MAX_TCP_KEEPIDLE, MAX_TCP_KEEPINTVL, MAX_TCP_KEEPCNT).
inline constexpr std::uint32_t keepalive_ms_max = 32'767'000;
inline constexpr std::uint32_t keepalive_probes_max = 127;

// Each takes a descriptor, and accepts that wait for clients.
inline constexpr std::size_t listen_addresses_max = 64;

// The rule by which a connection's bytes are cut into messages for the plugin.
struct Framing {
    enum class Type : std::uint8_t { none, delimiter, length_prefix };
    enum class ByteOrder : std::uint8_t { big, little };

    Type type = Type::none;
    std::string delimiter = "\n";    // 1 to 16 bytes
    std::uint32_t prefix_bytes = 4;  // 1, 2 or 4
    ByteOrder order = ByteOrder::big;
    // The longest payload, 1 to 16 MiB; a longer frame ends the connection. A prefix of 1 or 2
    // bytes can announce at most 255 or 65,535: reading a file lowers the default to that and
    // refuses more.
    std::uint32_t max_bytes = 65'536;
};

// Bytes are at most 1 GiB, times at most a day.
struct Limits {
    std::uint32_t connections = 10'000;  // 1 to 1,000,000
    // high watermark, from 64: sends are accepted while fewer bytes are queued
    std::uint32_t send_queue_bytes = 1'048'576;
    // low watermark, below the high one; 0: half of it
    std::uint32_t send_queue_low_bytes = 0;
    std::uint32_t max_send_bytes = 16'777'216;  // in one send, from 1
    // Without framing: the most bytes that a plugin may leave unconsumed, from 1.
    std::uint32_t unconsumed_bytes = 1'048'576;
    // closes after this time without a byte either way; 0: never
    std::uint32_t idle_timeout_ms = 0;
    std::uint32_t half_close_timeout_ms = 30'000;  // after the peer's end of stream, from 1
    std::uint32_t close_timeout_ms = 5'000;        // of a graceful close, from 1
    // For a peer that vanished (io::PeerTimeouts). The keepalive times are at most
    // keepalive_ms_max.
    std::uint32_t keepalive_idle_ms = 60'000;      // 0: no keepalives
    std::uint32_t keepalive_interval_ms = 10'000;  // from 1
    std::uint32_t keepalive_probes = 6;            // 1 to keepalive_probes_max
    std::uint32_t unacknowledged_timeout_ms = 0;   // 0: the system's default
};

// A plugin's settings, as one JSON object.
struct Settings {
    std::string json = "{}";  // normalised: no comments, no duplicate keys, UTF-8
    // where it was read, for errors; empty if it came from a program
    std::string file;
    std::string path;  // "listeners[0].settings"
    Lines lines;       // of its values in the file
};

// One address of a listener. A name may stand for several.
struct ListenAddress {
    // as written: "127.0.0.1:5000", "[::1]:5000", "localhost:5000", "5000"
    std::string text;
    std::string key = "listen";  // in the file, for errors; "listen[1]" in a list
    int line = 0;                // likewise; 0 if it came from a program
};

inline constexpr std::uint32_t connect_timeout_ms_default = 5'000;
inline constexpr std::uint32_t watchdog_ms_default = 1'000;

// Whether a connection to an upstream begins with the header of the PROXY protocol.
enum class SendProxy : std::uint8_t { none, v1, v2 };

// A server that a plugin connects to by its name (the extension portico.connect).
struct Upstream {
    std::string name;     // as a listener's
    std::string address;  // as written: "127.0.0.1:6000", "[::1]:6000", "db.internal:6000", "6000"
    std::uint32_t connect_timeout_ms = connect_timeout_ms_default;  // from 1 to a day
    Framing framing;
    Limits limits;  // `connections`: of this listener to this upstream
    SendProxy send_proxy = SendProxy::none;
    int line = 0;  // in the file, for errors; 0 if it came from a program
};

struct Listener {
    // unique, 1 to 64 printable characters without spaces and quotes; an unnamed listener of a file
    // takes its plugin's name
    std::string name;
    std::vector<ListenAddress> listen;  // 1 to listen_addresses_max
    // a file of the plugin directory; like `name`, and without separators, ".." and suffix
    std::string plugin;
    Settings settings;
    Framing framing;
    Limits limits;
    std::vector<Upstream> upstreams;     // their names differ
    std::uint32_t blocking_threads = 4;  // 1 to 1,024; for a plugin whose callbacks may block
    // for a plugin that uses the executor: threads for its blocking work, 1 to 1,024, and how much
    // of it may wait for one, 1 to 65,536
    std::uint32_t executor_threads = 2;
    std::uint32_t executor_queue = 1'024;
    int line = 0;  // in the file, for errors; 0 if it came from a program
    // How long a callback may run before it is reported, up to a day; 0: none ever is. Absent:
    // watchdog_ms_default, and 0 for a plugin whose callbacks may block.
    std::optional<std::uint32_t> watchdog_ms;
};

struct Io {
    enum class Ports : std::uint8_t { automatic, shared, per_core };

    std::string backend = "auto";    // "auto", "epoll", "io_uring", "iocp"
    Ports ports = Ports::automatic;  // Windows: shared; Linux: per_core
    // worker threads in all, 0 to 1,024; 0: two per processor (shared) or one (per_core)
    std::uint32_t threads = 0;
    std::uint32_t receive_buffer_bytes = 65'536;  // 512 to 1 MiB
    // for each port, 16 to 1,048,576; allocated as needed
    std::uint32_t receive_buffers = 4'096;
};

struct Log {
    std::string level = "info";  // trace, debug, info, warn, error, off
    std::string file;            // absolute; empty: standard error only
    bool access = true;          // a line for each connection that ends, at the level info
    // absolute; a file for those lines alone, at any level; empty: with the others
    std::string access_file;
    // lines that may wait for each sink, 16 to 1,048,576; the rest is dropped and counted
    std::uint32_t queue = 8'192;
    bool json = false;  // each line is a JSON object, else text
    // `file` and `access_file` are renamed at this size, 1,000 to UINT32_MAX, and so many older
    // ones are kept, 1 to 1,000. 0: never.
    std::uint32_t rotate_max_bytes = 0;
    std::uint32_t rotate_keep = 5;
};

// The endpoint that shows the running host to its operator.
struct Admin {
    ListenAddress listen;    // its text is empty: there is none
    std::string token_file;  // absolute; empty: whoever reaches the address may use it
};

struct Config {
    std::string file;              // where it came from; empty if from a program
    std::string plugin_directory;  // absolute; empty: "plugins" beside the program
    Io io;
    std::vector<Listener> listeners;
    Log log;
    Admin admin;
    std::uint32_t drain_ms = 5'000;    // 0 to a day; connections that are open then are cut
    std::map<std::string, int> lines;  // of keys in the file ("log.file", "io"), for errors
};

}  // namespace portico::config
