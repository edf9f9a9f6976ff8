// One connection of an instance of the echo plugin (the host's own, linked in), as in a server, on
// a still port.
#pragma once

#include <sys/socket.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "micro/still_port.hpp"
#include "net/connection_table.hpp"
#include "net/traffic.hpp"
#include "net/worker.hpp"
#include "plugin/instance.hpp"

namespace portico::bench {

class SilentLog final : public base::Log {
public:
    SilentLog() : Log(base::LogLevel::off) {}
    void write(base::LogLevel, std::string_view, std::uint64_t,
               std::string_view) noexcept override {}
};

inline config::Listener listener_with(const config::Framing& framing) {
    config::Listener listener;
    listener.name = "measured";
    listener.plugin = "echo";
    listener.framing = framing;
    return listener;
}

// A plugin of this program, with no flags.
inline portico_plugin plugin_named(std::string_view name, const portico_callbacks& callbacks,
                                   portico_status(PORTICO_CALL* create)(const portico_setup*,
                                                                        void**)) {
    portico_plugin made{};
    made.struct_size = sizeof made;
    made.abi_major = PORTICO_ABI_MAJOR;
    made.abi_minor = PORTICO_ABI_MINOR;
    made.abi_required = PORTICO_ABI_MINOR;
    made.name = name.data();
    made.name_size = name.size();
    made.version = "";
    made.create = create;
    made.destroy = [](void*) {};
    made.callbacks = &callbacks;
    return made;
}

inline net::ConnectionContext context_of(const config::Listener& listener, base::Log& log) {
    return {.listener_name = listener.name,
            .limits = listener.limits,
            .framing = listener.framing,
            .log = &log,
            .pace = {},
            .loss_warnings = {}};
}

class DispatchWorld {
public:
    explicit DispatchWorld(const config::Framing& framing = {})
        : listener_(listener_with(framing)), context_(context_of(listener_, log_)) {
        auto still = std::make_unique<StillPort>(buffers_);
        port_ = still.get();
        group_ = std::make_unique<net::WorkerGroup>(std::move(still), chunks_,
                                                    net::WorkerOptions{});
        base::Result<const portico_plugin*> plugin = plugin::check_module(
            portico_plugin_query(PORTICO_ABI_MAJOR), "echo", "echo");
        PORTICO_ASSERT(static_cast<bool>(plugin));
        instance_ = std::make_unique<plugin::Instance>(plugin::Loaded{nullptr, *plugin, "echo"},
                                                       listener_, log_);
        context_.protocol = instance_.get();
        context_.owner = this;
        traffic_ = std::make_unique<net::Traffic>(std::vector{group_.get()});
        context_.traffic = traffic_.get();
        context_.released = [](void* owner, const net::WorkerGroup&) {
            static_cast<DispatchWorld*>(owner)->released_ = true;
        };
        PORTICO_ASSERT(instance_->create(table_, context_, *group_, 1).empty());
        PORTICO_ASSERT(static_cast<bool>(group_->start()));
        group_->begin();
        port_->on_worker([this] {
            connection_ = table_.take();
            PORTICO_ASSERT(connection_ != nullptr);
            // a connection needs one, but nothing uses it
            const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            PORTICO_ASSERT(socket >= 0);
            connection_->take_socket(context_, socket, {}, {}, 0);
            connection_->open(*group_, nullptr);
            connection_->begin();
            return false;
        });
    }

    ~DispatchWorld() {
        bool closed = false;
        port_->on_worker([&] {
            if (!closed) {
                closed = true;
                PORTICO_ASSERT(
                    connection_->close(connection_->generation(), net::CloseHow::abort) ==
                    net::CallResult::accepted);
            }
            return !released_;
        });
        instance_->finish();
        group_->stop();
    }
    DispatchWorld(const DispatchWorld&) = delete;
    DispatchWorld& operator=(const DispatchWorld&) = delete;

    [[nodiscard]] StillPort& port() noexcept { return *port_; }

private:
    const config::Listener listener_;
    SilentLog log_;
    io::BufferPool buffers_{16'384, 64, io::BufferPool::Use::single};
    io::BufferPool chunks_{16'384 + net::SendQueue::chunk_overhead, 64,
                           io::BufferPool::Use::single};
    net::ConnectionTable table_{1};
    std::unique_ptr<net::Traffic> traffic_;
    net::ConnectionContext context_;
    std::unique_ptr<plugin::Instance> instance_;
    StillPort* port_ = nullptr;  // group_'s
    std::unique_ptr<net::WorkerGroup> group_;
    net::Connection* connection_ = nullptr;
    bool released_ = false;  // only the worker uses it
};

}  // namespace portico::bench
