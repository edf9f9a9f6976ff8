#include "plugin/instance.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "base/clock.hpp"
#include "net/connection_inline.hpp"
#include "net/worker.hpp"
#include "portico/ext/settings.h"

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

constexpr std::uint32_t finishing = 1U << 31;
constexpr std::size_t error_capacity = 1'024;
constexpr char posted_name[] = "a posted function";

// The instance whose create or validate runs on this thread: settings may be read by it, here, and
// nowhere else.
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

// Notes on the worker which callback runs there, so that a stop can name one that does not return.
class CallScope {
public:
    CallScope(const char* name, const net::Protocol& protocol, std::uint64_t connection) noexcept
        : worker_(net::Worker::current()) {
        if (worker_ != nullptr) [[likely]] {
            worker_->current_call().begin(name, protocol, connection);
        }
    }
    ~CallScope() {
        if (worker_ != nullptr) [[likely]] {
            worker_->current_call().end();
        }
    }
    CallScope(const CallScope&) = delete;
    CallScope& operator=(const CallScope&) = delete;

private:
    net::Worker* const worker_;
};

// A failure of a callback is told at most so often for each instance.
constexpr std::uint64_t failures_told_every_ns = 10 * base::nanoseconds_per_second;

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
    if (const std::uint64_t untold = failures_untold_.load(std::memory_order_relaxed);
        untold != 0) {
        log_.compose(base::LogLevel::warn, listener_.name, 0, [&] {
            return std::to_string(untold) + " more failures of callbacks since the last such line";
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
        // What it posted before it failed still runs, with CLOSING; what it stored as self is no
        // longer there.
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

// ---- callbacks

template <class What>
void Instance::tell_failure(base::LogLevel level, std::uint64_t connection, What&& what) noexcept {
    const std::uint64_t now = base::now_ns();
    std::uint64_t told = failure_told_ns_.load(std::memory_order_relaxed);
    if ((told != 0 && now < told + failures_told_every_ns) ||
        !failure_told_ns_.compare_exchange_strong(told, now, std::memory_order_relaxed)) {
        failures_untold_.fetch_add(1, std::memory_order_relaxed);
        return;
    }
    const std::uint64_t untold = failures_untold_.exchange(0, std::memory_order_relaxed);
    log_.compose(level, listener_.name, connection, [&] {
        return what() + (untold != 0 ? " (and " + std::to_string(untold) +
                                           " more failures of callbacks since the last such line)"
                                     : "");
    });
}

inline bool Instance::has_failed(const net::Connection& connection, portico_status status,
                                 const char* callback) noexcept {
    if (status >= 0) [[likely]] {
        return false;
    }
    tell_failure(base::LogLevel::warn, connection.handle(), [&] {
        return std::string(callback) + " answered " + status_text(status) +
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
    // the plugin keeps nothing; a function that it posted in there must not meet what it freed
    connection.state = nullptr;
    return false;
}

void Instance::consumed_too_much(const net::Connection& connection, const Message& message,
                                 std::uint64_t taken) noexcept {
    tell_failure(base::LogLevel::error, connection.handle(), [&] {
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
        consumed_too_much(connection, message, taken);
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

// ---- posts

portico_status Instance::begin_post() noexcept {
    std::uint32_t posts = posts_.load(std::memory_order_relaxed);
    do {
        if ((posts & finishing) != 0) {
            return PORTICO_GONE;
        }
        if (posts == posts_max) {
            return PORTICO_LIMIT;
        }
    } while (!posts_.compare_exchange_weak(posts, posts + 1, std::memory_order_acq_rel,
                                           std::memory_order_relaxed));
    return PORTICO_OK;
}

void Instance::end_post() noexcept {
    // All under the lock: once finish() can see the last post gone, this instance may end, so
    // nothing of it is touched after the unlock.
    const std::scoped_lock lock(finish_mutex_);
    if (posts_.fetch_sub(1, std::memory_order_acq_rel) == (finishing | 1)) {
        finish_changed_.notify_all();
    }
}

struct Instance::InstancePost : net::Mail {
    Instance* instance = nullptr;
    portico_post_function function = nullptr;
    void* argument = nullptr;
};

portico_status Instance::post_instance(portico_post_function function, void* argument) noexcept {
    auto* made = new (std::nothrow) InstancePost;
    if (made == nullptr) {
        return PORTICO_NO_MEMORY;
    }
    const portico_status status = begin_post();
    if (status != PORTICO_OK) {
        delete made;
        return status;
    }
    made->instance = this;
    made->function = function;
    made->argument = argument;
    made->deliver = [](net::Mail& mail) {
        auto& post = static_cast<InstancePost&>(mail);
        Instance& instance = *post.instance;
        const bool closing = (instance.posts_.load(std::memory_order_acquire) & finishing) != 0;
        net::Worker::current()->before_callback(*instance.context_);
        {
            const CallScope scope(posted_name, instance, 0);
            post.function(instance.self_, 0, nullptr, post.argument,
                          closing ? PORTICO_CLOSING : PORTICO_OK);
        }
        delete &post;
        instance.end_post();
    };
    strand_.deliver(*made);
    return PORTICO_OK;
}

// ---- the host's functions

// All are noexcept: nothing may unwind into a plugin, which may be C.
struct HostFunctions {
    static Instance& of(portico_instance* handle) noexcept {
        return *reinterpret_cast<Instance*>(handle);
    }

    // Null but on the thread on which create or validate of this very instance runs.
    static SettingsReader* settings_of(portico_instance* handle) noexcept {
        return in_control == &of(handle) ? of(handle).settings_.get() : nullptr;
    }

    // The connection of a handle, if it is one of this instance; its generation is checked again
    // where the call takes effect.
    static net::ConnectionTable::Found find(const Instance& instance,
                                            portico_connection connection) noexcept {
        if (instance.connections_ == nullptr) {
            return {};
        }
        const net::ConnectionTable::Found found = instance.connections_->find(connection);
        if (found.connection == nullptr ||
            !found.connection->belongs_to(*instance.context_, found.generation)) {
            return {};
        }
        return found;
    }

    static portico_status status_of(net::CallResult result) noexcept {
        switch (result) {
            case net::CallResult::accepted: return PORTICO_OK;
            case net::CallResult::gone: return PORTICO_GONE;
            case net::CallResult::no_memory: return PORTICO_NO_MEMORY;
        }
        return PORTICO_ERROR;
    }

    static portico_status PORTICO_CALL send(portico_instance* handle, portico_connection connection,
                                            const void* data, std::uint64_t size) noexcept {
        const Instance& instance = of(handle);
        if (data == nullptr && size != 0) {
            return PORTICO_INVALID;
        }
        // Whether it is one of this instance, send() itself looks.
        const auto found = instance.connections_ != nullptr
                               ? instance.connections_->find(connection)
                               : net::ConnectionTable::Found{};
        if (found.connection == nullptr) {
            return PORTICO_GONE;
        }
        const net::SendResult result = found.connection->send(
            *instance.context_, found.generation, {static_cast<const std::byte*>(data), size});
        if (result == net::SendResult::queued) [[likely]] {
            return PORTICO_OK;
        }
        switch (result) {
            case net::SendResult::queued: break;
            case net::SendResult::would_block: return PORTICO_WOULD_BLOCK;
            case net::SendResult::too_large: return PORTICO_TOO_LARGE;
            case net::SendResult::finished: return PORTICO_CLOSING;
            case net::SendResult::gone: return PORTICO_GONE;
            case net::SendResult::no_memory: return PORTICO_NO_MEMORY;
        }
        return PORTICO_ERROR;
    }

    static portico_status PORTICO_CALL finish_sending(portico_instance* handle,
                                                      portico_connection connection) noexcept {
        const auto found = find(of(handle), connection);
        return found.connection == nullptr
                   ? PORTICO_GONE
                   : status_of(found.connection->finish_sending(found.generation));
    }

    static portico_status PORTICO_CALL close(portico_instance* handle,
                                             portico_connection connection,
                                             std::uint32_t how) noexcept {
        if (how != PORTICO_CLOSE_GRACEFUL && how != PORTICO_CLOSE_ABORT) {
            return PORTICO_INVALID;
        }
        const auto found = find(of(handle), connection);
        if (found.connection == nullptr) {
            return PORTICO_GONE;
        }
        return status_of(found.connection->close(found.generation, how == PORTICO_CLOSE_ABORT
                                                                       ? net::CloseHow::abort
                                                                       : net::CloseHow::graceful));
    }

    static portico_status PORTICO_CALL pause_reading(portico_instance* handle,
                                                     portico_connection connection) noexcept {
        const auto found = find(of(handle), connection);
        return found.connection == nullptr ? PORTICO_GONE
                                           : status_of(found.connection->pause(found.generation));
    }

    static portico_status PORTICO_CALL resume_reading(portico_instance* handle,
                                                      portico_connection connection) noexcept {
        const auto found = find(of(handle), connection);
        return found.connection == nullptr ? PORTICO_GONE
                                           : status_of(found.connection->resume(found.generation));
    }

    static portico_status PORTICO_CALL post(portico_instance* handle, portico_connection connection,
                                            portico_post_function function,
                                            void* argument) noexcept {
        Instance& instance = of(handle);
        if (function == nullptr) {
            return PORTICO_INVALID;
        }
        const auto found = find(instance, connection);
        if (found.connection == nullptr) {
            return PORTICO_GONE;
        }
        const portico_status begun = instance.begin_post();
        if (begun != PORTICO_OK) {
            return begun;
        }
        const net::CallResult result = found.connection->post(
            found.generation, reinterpret_cast<net::AnyFunction>(function), argument);
        if (result != net::CallResult::accepted) {
            instance.end_post();
        }
        return status_of(result);
    }

    static portico_status PORTICO_CALL post_instance(portico_instance* handle,
                                                     portico_post_function function,
                                                     void* argument) noexcept {
        Instance& instance = of(handle);
        if (function == nullptr) {
            return PORTICO_INVALID;
        }
        return instance.connections_ == nullptr ? PORTICO_GONE
                                                : instance.post_instance(function, argument);
    }

    // Throws when memory is out.
    static void put_address(portico_address_text& text, const io::Address& address) {
        const std::string written = io::to_string(address);
        text.size = static_cast<std::uint32_t>(std::min(written.size(), sizeof text.text));
        text.reserved = 0;
        std::memcpy(text.text, written.data(), text.size);
    }

    static portico_status PORTICO_CALL info(portico_instance* handle, portico_connection connection,
                                            portico_connection_info* info) noexcept {
        const Instance& instance = of(handle);
        if (info == nullptr || info->struct_size < sizeof(std::uint32_t) * 2) {
            return PORTICO_INVALID;
        }
        const auto found = find(instance, connection);
        net::Connection::Info known;
        if (found.connection == nullptr || !found.connection->info(found.generation, known)) {
            return PORTICO_GONE;
        }
        portico_connection_info filled{};
        filled.struct_size = info->struct_size;
        try {
            put_address(filled.peer, known.peer);
            put_address(filled.local, known.local);
        } catch (const std::bad_alloc&) {
            return PORTICO_NO_MEMORY;
        }
        filled.queued_bytes = known.queued_bytes;
        const std::string& name = instance.listener_.name;
        filled.listener_name_size = static_cast<std::uint32_t>(
            std::min(name.size(), sizeof filled.listener_name));
        std::memcpy(filled.listener_name, name.data(), filled.listener_name_size);
        std::memcpy(info, &filled, std::min<std::size_t>(info->struct_size, sizeof filled));
        return PORTICO_OK;
    }

    static std::uint64_t PORTICO_CALL now(portico_instance*) noexcept { return base::now_ns(); }

    static void PORTICO_CALL log(portico_instance* handle, std::uint32_t level, const char* text,
                                 std::uint64_t size) noexcept {
        const Instance& instance = of(handle);
        const auto known = level <= PORTICO_LOG_ERROR ? static_cast<base::LogLevel>(level)
                                                      : base::LogLevel::info;
        if (text != nullptr && instance.log_.enabled(known)) {
            instance.log_.write(known, instance.listener_.name, 0, {text, size});
        }
    }

    static std::uint32_t PORTICO_CALL worker_index(portico_instance*) noexcept {
        const net::Worker* worker = net::Worker::current();
        return worker != nullptr ? worker->index() : UINT32_MAX;
    }

    static const void* PORTICO_CALL get_extension(portico_instance* handle, const char* id,
                                                  std::uint64_t id_size) noexcept;
};

struct SettingsFunctions {
    using Read = SettingsReader::Read;

    // Runs a read; what goes wrong inside (a key that is no path, memory) is no more than a failed
    // read.
    template <class Action>
    static portico_status read(portico_instance* handle, const char* key, std::uint64_t key_size,
                               bool has_result, Action&& action) noexcept {
        SettingsReader* settings = HostFunctions::settings_of(handle);
        if (settings == nullptr) {
            return PORTICO_UNSUPPORTED;
        }
        if ((key == nullptr && key_size != 0) || !has_result) {
            return PORTICO_INVALID;
        }
        try {
            switch (action(*settings, std::string_view(key_size != 0 ? key : "", key_size))) {
                case Read::ok: return PORTICO_OK;
                case Read::not_found: return PORTICO_NOT_FOUND;
                case Read::wrong_type: return PORTICO_WRONG_TYPE;
            }
        } catch (const std::bad_alloc&) {
            return PORTICO_NO_MEMORY;
        } catch (...) {
            return PORTICO_INVALID;
        }
        return PORTICO_ERROR;
    }

    static portico_status PORTICO_CALL get_boolean(portico_instance* handle, const char* key,
                                                   std::uint64_t key_size,
                                                   std::int32_t* value) noexcept {
        return read(handle, key, key_size, value != nullptr,
                    [&](SettingsReader& settings, std::string_view name) {
                        bool found = false;
                        const Read result = settings.boolean(name, found);
                        if (result == Read::ok) {
                            *value = found ? 1 : 0;
                        }
                        return result;
                    });
    }

    static portico_status PORTICO_CALL get_integer(portico_instance* handle, const char* key,
                                                   std::uint64_t key_size, std::int64_t minimum,
                                                   std::int64_t maximum,
                                                   std::int64_t* value) noexcept {
        return read(handle, key, key_size, value != nullptr,
                    [&](SettingsReader& settings, std::string_view name) {
                        return settings.integer(name, minimum, maximum, *value);
                    });
    }

    static portico_status PORTICO_CALL get_number(portico_instance* handle, const char* key,
                                                  std::uint64_t key_size, double minimum,
                                                  double maximum, double* value) noexcept {
        return read(handle, key, key_size, value != nullptr,
                    [&](SettingsReader& settings, std::string_view name) {
                        return settings.number(name, minimum, maximum, *value);
                    });
    }

    static portico_status PORTICO_CALL get_string(portico_instance* handle, const char* key,
                                                  std::uint64_t key_size, const char** text,
                                                  std::uint64_t* text_size) noexcept {
        return read(handle, key, key_size, text != nullptr && text_size != nullptr,
                    [&](SettingsReader& settings, std::string_view name) {
                        std::string_view found;
                        const Read result = settings.string(name, found);
                        if (result == Read::ok) {
                            *text = found.data();
                            *text_size = found.size();
                        }
                        return result;
                    });
    }

    static portico_status PORTICO_CALL get_count(portico_instance* handle, const char* key,
                                                 std::uint64_t key_size,
                                                 std::uint64_t* count) noexcept {
        return read(handle, key, key_size, count != nullptr,
                    [&](SettingsReader& settings, std::string_view name) {
                        return settings.count(name, *count);
                    });
    }

    static portico_status PORTICO_CALL read_anything(portico_instance* handle, const char* key,
                                                     std::uint64_t key_size) noexcept {
        return read(handle, key, key_size, true,
                    [](SettingsReader& settings, std::string_view name) {
                        return settings.anything(name);
                    });
    }

    static const portico_settings& table() noexcept {
        static constexpr portico_settings settings{sizeof(portico_settings),
                                                   0,
                                                   get_boolean,
                                                   get_integer,
                                                   get_number,
                                                   get_string,
                                                   get_count,
                                                   read_anything};
        return settings;
    }
};

const void* PORTICO_CALL HostFunctions::get_extension(portico_instance* handle, const char* id,
                                                      std::uint64_t id_size) noexcept {
    if (id == nullptr || std::string_view(id, id_size) != PORTICO_EXT_SETTINGS) {
        return nullptr;
    }
    if (SettingsReader* settings = settings_of(handle); settings != nullptr) {
        settings->used();
    }
    return &SettingsFunctions::table();
}

const portico_host& Instance::host_table() noexcept {
    static constexpr char version[] = PORTICO_VERSION;
    static constexpr portico_host table{sizeof(portico_host),
                                        PORTICO_ABI_MAJOR,
                                        PORTICO_ABI_MINOR,
                                        0,
                                        version,
                                        sizeof version - 1,
                                        HostFunctions::send,
                                        HostFunctions::finish_sending,
                                        HostFunctions::close,
                                        HostFunctions::pause_reading,
                                        HostFunctions::resume_reading,
                                        HostFunctions::post,
                                        HostFunctions::post_instance,
                                        HostFunctions::info,
                                        HostFunctions::now,
                                        HostFunctions::log,
                                        HostFunctions::worker_index,
                                        HostFunctions::get_extension};
    return table;
}

}  // namespace portico::plugin
