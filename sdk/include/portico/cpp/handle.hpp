// Handles of instances and connections: small values that may be copied, kept, and used from any
// thread. On a connection that is gone, every function answers PORTICO_GONE.
#ifndef PORTICO_CPP_HANDLE_HPP
#define PORTICO_CPP_HANDLE_HPP

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "../ext/connect.h"
#include "../host.h"

namespace portico {

enum class level : std::uint32_t {
    trace = PORTICO_LOG_TRACE,
    debug = PORTICO_LOG_DEBUG,
    info = PORTICO_LOG_INFO,
    warn = PORTICO_LOG_WARN,
    error = PORTICO_LOG_ERROR,
};

// One of the pieces of send_parts.
struct part : portico_part {
    part(std::string_view bytes) noexcept : portico_part{bytes.data(), bytes.size()} {}
    part(const std::string &bytes) noexcept : part(std::string_view(bytes)) {}
    part(const char *text) noexcept : part(std::string_view(text)) {}
};

struct connection_info : portico_connection_info {
    connection_info() noexcept : portico_connection_info{} {
        struct_size = sizeof(portico_connection_info);
    }
    std::string_view peer_text() const noexcept { return {peer.text, peer.text_size}; }
    std::string_view local_text() const noexcept { return {local.text, local.text_size}; }
};

class request;

class connection_handle {
public:
    connection_handle() = default;
    connection_handle(const portico_host *host, portico_instance *instance,
                      portico_connection id) noexcept
        : host_(host), instance_(instance), id_(id) {}

    // Never used again while the server lives, so it is a good key. 0: no connection.
    portico_connection id() const noexcept { return id_; }
    explicit operator bool() const noexcept { return id_ != 0; }
    friend bool operator==(const connection_handle &a, const connection_handle &b) noexcept {
        return a.id_ == b.id_;
    }
    friend bool operator!=(const connection_handle &a, const connection_handle &b) noexcept {
        return a.id_ != b.id_;
    }

    // All or nothing. PORTICO_WOULD_BLOCK: nothing was queued, and on_writable follows.
    portico_status send(const void *data, std::uint64_t size) const noexcept {
        return host_->send(instance_, id_, data, size);
    }
    portico_status send(std::string_view bytes) const noexcept {
        return send(bytes.data(), bytes.size());
    }
    // As one message: no other thread's bytes come between.
    portico_status send_parts(std::initializer_list<part> parts) const noexcept {
        return send_parts(parts.begin(), parts.size());
    }
    portico_status send_parts(const part *parts, std::size_t count) const noexcept {
        static_assert(sizeof(part) == sizeof(portico_part), "an array of them is one of parts");
        return count > UINT32_MAX
                   ? PORTICO_INVALID
                   : host_->send_parts(instance_, id_, parts, static_cast<std::uint32_t>(count),
                                       static_cast<std::uint32_t>(sizeof(part)));
    }

    portico_status finish_sending() const noexcept { return host_->finish_sending(instance_, id_); }
    portico_status close() const noexcept {
        return host_->close(instance_, id_, PORTICO_CLOSE_GRACEFUL);
    }
    portico_status abort() const noexcept {
        return host_->close(instance_, id_, PORTICO_CLOSE_ABORT);
    }
    portico_status pause() const noexcept { return host_->pause_reading(instance_, id_); }
    portico_status resume() const noexcept { return host_->resume_reading(instance_, id_); }

    // Runs `function` on the connection's strand, if it is still open then (cpp/task.hpp). So the
    // function may use the connection's session, and capture its `this`.
    template <class F>
    portico_status post(F &&function) const;
    // Runs `work`, which may block, on a helper thread, and then `done` on the connection's strand
    // with what it returned, if the connection is still open (cpp/run.hpp). PORTICO_LIMIT: too much
    // work waits. PORTICO_UNSUPPORTED: this host has no such threads, or it is the constructor.
    template <class W, class D>
    portico_status run(W &&work, D &&done) const;

    // Looks `name` up ("db.internal:5432"), and calls `function` with the answer on the
    // connection's strand, before its on_close (cpp/resolve.hpp). `timeout_ms` 0: 5,000.
    template <class F>
    request resolve(std::string_view name, std::uint32_t timeout_ms, F &&function) const;

    // None if the connection is gone.
    std::optional<connection_info> info() const noexcept {
        std::optional<connection_info> found(std::in_place);
        if (host_->info(instance_, id_, &*found) != PORTICO_OK) {
            found.reset();
        }
        return found;
    }
    void log(level how, std::string_view text) const noexcept {
        host_->log(instance_, id_, static_cast<std::uint32_t>(how), text.data(), text.size());
    }

protected:
    const portico_host *host_ = nullptr;
    portico_instance *instance_ = nullptr;
    portico_connection id_ = 0;
};

class instance_handle {
public:
    instance_handle() = default;
    instance_handle(const portico_host *host, portico_instance *instance) noexcept
        : host_(host), instance_(instance) {}

    const portico_host *host() const noexcept { return host_; }
    portico_instance *raw() const noexcept { return instance_; }

    connection_handle connection(portico_connection id) const noexcept {
        return {host_, instance_, id};
    }
    // Runs `function` on the instance's own strand (cpp/task.hpp).
    template <class F>
    portico_status post(F &&function) const;
    // Runs `work` on a helper thread, and then `done` on the instance's own strand (cpp/run.hpp).
    template <class W, class D>
    portico_status run(W &&work, D &&done) const;
    // The same as the connection's, on the instance's own strand.
    template <class F>
    request resolve(std::string_view name, std::uint32_t timeout_ms, F &&function) const;
    // None if the listener has no such upstream (cpp/connect.hpp). Works in the constructor too.
    std::optional<portico_upstream> find_upstream(std::string_view name) const noexcept;
    void log(level how, std::string_view text) const noexcept {
        host_->log(instance_, 0, static_cast<std::uint32_t>(how), text.data(), text.size());
    }
    // The host's monotonic clock, in nanoseconds.
    std::uint64_t now() const noexcept { return host_->now(instance_); }
    // Of the thread that runs this callback; UINT32_MAX elsewhere.
    std::uint32_t worker_index() const noexcept { return host_->worker_index(instance_); }
    // An extension's table, or nullptr: extension<portico_timers>(PORTICO_EXT_TIMER).
    template <class Table>
    const Table *extension(std::string_view id) const noexcept {
        return static_cast<const Table *>(host_->get_extension(instance_, id.data(), id.size()));
    }

private:
    const portico_host *host_ = nullptr;
    portico_instance *instance_ = nullptr;
};

}  // namespace portico

#endif
