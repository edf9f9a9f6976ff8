#include "plugin/instance.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/clock.hpp"
#include "net/connection.hpp"
#include "plugin/call_scope.hpp"

namespace portico::plugin {

namespace {

static_assert(static_cast<std::uint32_t>(net::CloseReason::plugin) == PORTICO_REASON_PLUGIN);
static_assert(static_cast<std::uint32_t>(net::CloseReason::peer) == PORTICO_REASON_PEER);
static_assert(static_cast<std::uint32_t>(net::CloseReason::reset) == PORTICO_REASON_RESET);
static_assert(static_cast<std::uint32_t>(net::CloseReason::error) == PORTICO_REASON_ERROR);
static_assert(static_cast<std::uint32_t>(net::CloseReason::plugin_error) ==
              PORTICO_REASON_PLUGIN_ERROR);
static_assert(static_cast<std::uint32_t>(net::CloseReason::idle) == PORTICO_REASON_IDLE);
static_assert(static_cast<std::uint32_t>(net::CloseReason::half_close) ==
              PORTICO_REASON_HALF_CLOSE);
static_assert(static_cast<std::uint32_t>(net::CloseReason::frame) == PORTICO_REASON_FRAME);
static_assert(static_cast<std::uint32_t>(net::CloseReason::unconsumed) ==
              PORTICO_REASON_UNCONSUMED);
static_assert(static_cast<std::uint32_t>(net::CloseReason::drain) == PORTICO_REASON_DRAIN);
static_assert(static_cast<std::uint32_t>(net::CloseReason::drain_deadline) ==
              PORTICO_REASON_DRAIN_DEADLINE);
static_assert(static_cast<std::uint32_t>(net::CloseReason::no_memory) == PORTICO_REASON_NO_MEMORY);

constexpr std::size_t error_capacity = 1'024;

// The instance whose create or validate runs on this thread. Only that instance, and only on this
// thread, may read its settings.
constinit thread_local const Instance* in_control = nullptr;

class ControlScope {
public:
    explicit ControlScope(const Instance& instance) noexcept
        : outer_(std::exchange(in_control, &instance)) {}
    ~ControlScope() { in_control = outer_; }
    ControlScope(const ControlScope&) = delete;
    ControlScope& operator=(const ControlScope&) = delete;

private:
    const Instance* const outer_;
};

// Each instance logs at most one failure of a callback in this time.
constexpr std::uint64_t failure_log_interval_ns = 10 * base::nanoseconds_per_second;

std::string status_text(portico_status status) {
    const auto named = [&](const char* name) {
        return std::string(name) + " (" + std::to_string(status) + ")";
    };
    switch (status) {
        case PORTICO_ERROR: return named("PORTICO_ERROR");
        case PORTICO_GONE: return named("PORTICO_GONE");
        case PORTICO_WOULD_BLOCK: return named("PORTICO_WOULD_BLOCK");
        case PORTICO_TOO_LARGE: return named("PORTICO_TOO_LARGE");
        case PORTICO_CLOSING: return named("PORTICO_CLOSING");
        case PORTICO_INVALID: return named("PORTICO_INVALID");
        case PORTICO_NO_MEMORY: return "out of memory, " + named("PORTICO_NO_MEMORY");
        case PORTICO_UNSUPPORTED: return named("PORTICO_UNSUPPORTED");
        case PORTICO_LIMIT: return named("PORTICO_LIMIT");
        case PORTICO_NOT_FOUND: return named("PORTICO_NOT_FOUND");
        case PORTICO_WRONG_TYPE: return named("PORTICO_WRONG_TYPE");
        case PORTICO_PROTOCOL_ERROR: return named("PORTICO_PROTOCOL_ERROR");
        case PORTICO_REFUSED: return named("PORTICO_REFUSED");
        default: return "the status " + std::to_string(status);
    }
}

std::string error_text(const std::vector<char>& buffer) {
    return std::string(
        buffer.data(),
        static_cast<std::size_t>(std::find(buffer.begin(), buffer.end(), '\0') - buffer.begin()));
}

}  // namespace

Instance::Instance(Loaded plugin, const config::Listener& listener, base::Log& log)
    : loaded_(std::move(plugin)), listener_(listener), log_(log) {
    std::memcpy(&table_, loaded_.table,
                std::min<std::size_t>(sizeof table_, loaded_.table->struct_size));
}

Instance::~Instance() {
    if (const std::uint64_t unlogged = failures_unlogged_.load(std::memory_order_relaxed);
        unlogged != 0) {
        log_.compose(base::LogLevel::warn, listener_.name, 0, [&] {
            return std::to_string(unlogged) +
                   " more failures of callbacks since the last such line";
        });
    }
    if (created_) {
        PORTICO_ASSERT(posts_.load(std::memory_order_acquire) == finishing);
        table_.destroy(self_);
    }
}

std::string Instance::description() const {
    std::string text(table_.name, table_.name_size);
    if (table_.version_size != 0) {
        text += " " + std::string(table_.version, table_.version_size);
    }
    return text + " (" + loaded_.path + (is_serial() ? ", serial" : "") +
           (is_blocking() ? ", blocking" : "") + ")";
}

// ---- [control]

std::vector<std::string> Instance::mistakes_of(const char* what, portico_status status,
                                               const std::string& error) {
    const std::string place = (listener_.settings.file.empty()
                                   ? ""
                                   : listener_.settings.file +
                                         (listener_.line != 0 ? ":" + std::to_string(listener_.line)
                                                              : "") +
                                         ": ") +
                              "listener \"" + listener_.name + "\", plugin \"" + listener_.plugin +
                              "\": ";
    if (status < 0) {
        if (!error.empty()) {
            return {place + error};
        }
        if (status == PORTICO_NO_MEMORY) {
            return {place + "out of memory"};
        }
        if (!settings_->error().empty()) {
            return {settings_->error()};
        }
        return {place + what + " failed with status " + std::to_string(status) +
                " and no explanation"};
    }
    return settings_->unread();
}

std::vector<std::string> Instance::validate() {
    if (table_.validate == nullptr) {
        return {};
    }
    settings_ = std::make_unique<SettingsReader>(listener_.settings);
    std::vector<char> error(error_capacity, '\0');
    const ControlScope scope(*this);
    const portico_status status = table_.validate(
        &host_table(), handle(), listener_.settings.json.data(), listener_.settings.json.size(),
        error.data(), error.size());
    std::vector<std::string> mistakes = mistakes_of("validate", status, error_text(error));
    settings_.reset();
    return mistakes;
}

std::vector<std::string> Instance::create(net::ConnectionTable& table,
                                          const net::ConnectionContext& context,
                                          net::WorkerGroup& home) {
    PORTICO_ASSERT(!created_);
    connections_ = &table;
    context_ = &context;
    strand_.set_home(home);
    settings_ = std::make_unique<SettingsReader>(listener_.settings);
    std::vector<char> error(error_capacity, '\0');
    const ControlScope scope(*this);
    const portico_status status = table_.create(
        &host_table(), handle(), listener_.settings.json.data(), listener_.settings.json.size(),
        error.data(), error.size(), &self_);
    created_ = status >= 0;
    if (!created_) {
        // Functions that it posted before it failed still run, with CLOSING. It has freed what it
        // stored as self.
        self_ = nullptr;
        posts_.fetch_or(finishing, std::memory_order_acq_rel);
    }
    std::vector<std::string> mistakes = mistakes_of("create", status, error_text(error));
    settings_.reset();
    return mistakes;
}

void Instance::finish() {
    posts_.fetch_or(finishing, std::memory_order_acq_rel);
    std::unique_lock lock(finish_mutex_);
    finish_changed_.wait(lock, [&] { return posts_.load(std::memory_order_acquire) == finishing; });
}

bool Instance::finish_within(std::chrono::milliseconds at_most) {
    posts_.fetch_or(finishing, std::memory_order_acq_rel);
    std::unique_lock lock(finish_mutex_);
    return finish_changed_.wait_for(
        lock, at_most, [&] { return posts_.load(std::memory_order_acquire) == finishing; });
}

SettingsReader* Instance::settings_now() noexcept {
    return in_control == this ? settings_.get() : nullptr;
}

// ---- callbacks

template <class What>
void Instance::log_failure(base::LogLevel level, std::uint64_t connection, What&& what) noexcept {
    const std::uint64_t now = base::now_ns();
    std::uint64_t logged = failure_logged_ns_.load(std::memory_order_relaxed);
    if ((logged != 0 && now < logged + failure_log_interval_ns) ||
        !failure_logged_ns_.compare_exchange_strong(logged, now, std::memory_order_relaxed)) {
        failures_unlogged_.fetch_add(1, std::memory_order_relaxed);
        return;
    }
    const std::uint64_t unlogged = failures_unlogged_.exchange(0, std::memory_order_relaxed);
    log_.compose(level, listener_.name, connection, [&] {
        return what() + (unlogged != 0 ? " (and " + std::to_string(unlogged) +
                                             " more failures of callbacks since the last such line)"
                                       : "");
    });
}

inline bool Instance::has_failed(const net::Connection& connection, portico_status status,
                                 const char* callback) noexcept {
    if (status >= 0) [[likely]] {
        return false;
    }
    log_failure(base::LogLevel::warn, connection.handle(), [&] {
        return std::string(callback) + " returned " + status_text(status) +
               ": the connection is aborted";
    });
    return true;
}

bool Instance::on_open(net::Connection& connection) noexcept {
    if (table_.on_open == nullptr) {
        return true;
    }
    const portico_status status = [&] {
        const CallScope scope("on_open", *this, connection.handle());
        return table_.on_open(self_, connection.handle(), &connection.state);
    }();
    if (!has_failed(connection, status, "on_open")) {
        return true;
    }
    // The plugin keeps nothing. A function that it posted in on_open must not see freed state.
    connection.state = nullptr;
    return false;
}

void Instance::log_overconsumption(const net::Connection& connection, const Message& message,
                                   std::uint64_t taken) noexcept {
    log_failure(base::LogLevel::error, connection.handle(), [&] {
        return "on_data consumed " + std::to_string(taken) + " bytes of " +
               std::to_string(message.size) + ": the connection is aborted";
    });
}

net::Protocol::Answer Instance::on_data(net::Connection& connection, const Message& message,
                                        std::size_t& consumed) noexcept {
    const portico_frame frame{sizeof(portico_frame), 0, message.payload_offset,
                              message.payload_size};
    std::uint64_t taken = 0;
    const portico_status status = [&] {
        const CallScope scope("on_data", *this, connection.handle());
        return table_.on_data(self_, connection.handle(), connection.state,
                              reinterpret_cast<const std::uint8_t*>(message.data), message.size,
                              &frame, &taken);
    }();
    if (has_failed(connection, status, "on_data")) {
        return Answer::failed;
    }
    if (taken > message.size) [[unlikely]] {
        log_overconsumption(connection, message, taken);
        return Answer::failed;
    }
    consumed = taken;
    return status == PORTICO_HOLD ? Answer::hold : Answer::ok;
}

net::Protocol::Answer Instance::on_writable(net::Connection& connection) noexcept {
    if (table_.on_writable == nullptr) {
        return Answer::ok;
    }
    const portico_status status = [&] {
        const CallScope scope("on_writable", *this, connection.handle());
        return table_.on_writable(self_, connection.handle(), connection.state);
    }();
    return has_failed(connection, status, "on_writable") ? Answer::failed : Answer::ok;
}

net::Protocol::Ending Instance::on_end(net::Connection& connection,
                                       std::size_t remaining) noexcept {
    if (table_.on_end == nullptr) {
        return Ending::close;
    }
    const portico_status status = [&] {
        const CallScope scope("on_end", *this, connection.handle());
        return table_.on_end(self_, connection.handle(), connection.state, remaining);
    }();
    return has_failed(connection, status, "on_end") ? Ending::failed : Ending::stay;
}

net::Protocol::Ending Instance::on_drain(net::Connection& connection,
                                         std::uint32_t deadline_ms) noexcept {
    if (table_.on_drain == nullptr) {
        return Ending::close;
    }
    const portico_status status = [&] {
        const CallScope scope("on_drain", *this, connection.handle());
        return table_.on_drain(self_, connection.handle(), connection.state, deadline_ms);
    }();
    return has_failed(connection, status, "on_drain") ? Ending::failed : Ending::stay;
}

void Instance::on_close(net::Connection& connection, net::CloseReason reason) noexcept {
    if (table_.on_close != nullptr) {
        const CallScope scope("on_close", *this, connection.handle());
        table_.on_close(self_, connection.handle(), connection.state,
                        static_cast<std::uint32_t>(reason));
    }
}

void Instance::on_posted(net::Connection& connection, net::AnyFunction function, void* argument,
                         bool closing) noexcept {
    {
        const CallScope scope(posted_name, *this, connection.handle());
        reinterpret_cast<portico_post_function>(function)(self_, connection.handle(),
                                                          connection.state, argument,
                                                          closing ? PORTICO_CLOSING : PORTICO_OK);
    }
    end_post();
}

}  // namespace portico::plugin
