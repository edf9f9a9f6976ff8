#include "integration/service.hpp"

#include <algorithm>
#include <cstdio>

#ifdef _WIN32
// The order matters.
#include <winsock2.h>

#include <windows.h>

#include <psapi.h>
#else
#include <unistd.h>

#include <fstream>
#endif

#include "io/address.hpp"
#include "io/completion_port.hpp"

namespace portico::test {

namespace {

char byte_at(std::uint64_t offset, std::uint64_t seed) {
    return static_cast<char>(
        ((offset + 1) * 0x9E37'79B9'7F4A'7C15ULL + seed * 0xD6E8'FEB8'6659'FD93ULL) >> 56);
}

}  // namespace

std::string pattern(std::uint64_t offset, std::size_t bytes, std::uint64_t seed) {
    std::string text(bytes, '\0');
    for (std::size_t i = 0; i < bytes; ++i) {
        text[i] = byte_at(offset + i, seed);
    }
    return text;
}

std::size_t first_difference(std::string_view bytes, std::uint64_t offset, std::uint64_t seed) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (bytes[i] != byte_at(offset + i, seed)) {
            return i;
        }
    }
    return std::string_view::npos;
}

std::size_t resident_bytes() {
    std::size_t bytes = 0;
#ifdef _WIN32
    PROCESS_MEMORY_COUNTERS counters{};
    bytes = ::GetProcessMemoryInfo(::GetCurrentProcess(), &counters, sizeof counters) != FALSE
                ? counters.WorkingSetSize
                : 0;
#else
    std::size_t size_pages = 0;
    std::size_t resident_pages = 0;
    if (std::ifstream("/proc/self/statm") >> size_pages >> resident_pages) {
        bytes = resident_pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    }
#endif
    REQUIRE(bytes != 0);
    return bytes;
}

const std::vector<std::string>& kinds_of_ports() {
    static const std::vector<std::string> kinds = [] {
        std::vector<std::string> all{"shared", "per_core"};
        const base::Result<std::string> probed = io::probe_io_uring();
        if (probed) {
            all.emplace_back("io_uring");
        } else if (!on_windows) {
            std::fprintf(stderr, "integration_tests: SKIPPED: io_uring: %s\n",
                         probed.error().c_str());
        }
        return all;
    }();
    return kinds;
}

std::string io_of(std::string_view ports) {
    return io_of(ports, ports == "shared" ? 4 : 2);
}

std::string io_of(std::string_view ports, int threads) {
    const std::string kind = ports == "io_uring"
                                 ? R"("backend": "io_uring")"
                                 : (on_windows ? "" : R"("backend": "epoll", )") +
                                       ("\"ports\": \"" + std::string(ports) + "\"");
    return "{" + kind + ", \"threads\": " + std::to_string(threads) + "}";
}

std::string test_plugin_directory() {
    return Server::program_directory() + "/test_plugins";
}

std::string configuration_of(const std::string& io, const std::vector<ListenerSpec>& listeners,
                             const std::string& rest) {
    std::string text = "{\"io\": " + io + ", \"listeners\": [";
    for (const ListenerSpec& listener : listeners) {
        text += &listener == listeners.data() ? "" : ", ";
        text += "{\"name\": \"" + listener.name + "\", \"listen\": " + listener.listen +
                ", \"plugin\": \"" + listener.plugin + "\"";
        if (listener.script != nullptr) {
            text += ", \"settings\": " + listener.script->settings();
        }
        text += listener.more.empty() ? "}" : ", " + listener.more + "}";
    }
    text += "]";
    if (rest.find("\"log\"") == std::string::npos) {
        text += ", \"log\": {\"level\": \"off\"}";
    }
    return text + (rest.empty() ? "" : ", " + rest) + "}";
}

TestServer::TestServer(const std::string& io, std::vector<ListenerSpec> listeners,
                       const std::string& rest)
    : TestServer(std::make_unique<Server>(), io, std::move(listeners), rest) {}

TestServer::TestServer(std::unique_ptr<Server> owned, const std::string& io,
                       std::vector<ListenerSpec> listeners, const std::string& rest)
    : server(*owned), owned_(std::move(owned)), listeners_(std::move(listeners)) {
    server.set_default_plugin_directory(test_plugin_directory());
    const bool configured = server.configure_text(configuration_of(io, listeners_, rest),
                                                  Server::program_directory());
    running_ = configured && server.start();
    std::string errors;
    for (const std::string& error : server.errors()) {
        errors += error + "\n";
    }
    INFO(errors);
    REQUIRE(running_);
}

TestServer::~TestServer() {
    if (running_) {
        static_cast<void>(stop());
    }
    owned_.reset();
    for (const ListenerSpec& listener : listeners_) {
        if (listener.script != nullptr) {
            CHECK(listener.script->violations() == "");
            CHECK(listener.script->opened == listener.script->closed);
            CHECK(listener.script->creates == listener.script->destroys);
        }
    }
}

StopResult TestServer::stop() {
    running_ = false;
    server.stop();
    return server.wait();
}

io::Address TestServer::address(std::string_view listener) const {
    io::Address found;
    for (const Endpoint& endpoint : server.endpoints()) {
        if (endpoint.listener == listener) {
            found.family = io::Address::Family::v4;
            found.bytes = {127, 0, 0, 1};
            found.port = endpoint.port;
        }
    }
    return found;
}

Peer TestServer::connect(std::string_view listener, int receive_buffer, int send_buffer) const {
    Peer peer;
    const bool connected = peer.connect(address(listener), receive_buffer, send_buffer);
    REQUIRE(connected);
    return peer;
}

bool TestServer::comes_to_rest() const {
    return eventually([&] {
        const Statistics now = server.statistics();
        return now.connections_open == 0 && now.outbound_open == 0 &&
               now.receive_buffers_in_use == 0 && now.send_chunks_in_use == 0;
    });
}

bool echoes(Peer& peer, std::string_view message) {
    return peer.send_all(message) && peer.receive_exactly(message.size()) == message;
}

}  // namespace portico::test
