#include "support/scripted_host.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace portico::test {

namespace {

// The instance's handle is the host itself.
ScriptedHost& host_of(portico_instance* instance) {
    return *reinterpret_cast<ScriptedHost*>(instance);
}

portico_status answer_to_send(ScriptedHost& host, std::uint64_t size) {
    if (host.is_closing) {
        return PORTICO_GONE;
    }
    if (host.answer != PORTICO_OK) {
        return host.answer;
    }
    if (size > host.max_send_bytes) {
        return PORTICO_TOO_LARGE;
    }
    if (!host.answers.empty()) {
        const portico_status next = host.answers.front();
        host.answers.pop_front();
        return next;
    }
    return host.room == 0 ? PORTICO_WOULD_BLOCK : PORTICO_OK;
}

portico_status PORTICO_CALL send_parts(portico_instance* instance, portico_connection,
                                       const portico_part* parts, std::uint32_t count,
                                       std::uint32_t stride) {
    ScriptedHost& host = host_of(instance);
    std::string all;
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto* part = reinterpret_cast<const portico_part*>(
            reinterpret_cast<const std::uint8_t*>(parts) + std::size_t{i} * stride);
        all.append(static_cast<const char*>(part->data), part->size);
    }
    const portico_status answer = answer_to_send(host, all.size());
    if (answer == PORTICO_OK) {
        host.room -= std::min<std::uint64_t>(host.room, all.size());
        host.sent += all;
    } else if (answer == PORTICO_WOULD_BLOCK) {
        host.was_refused = true;
        host.writable_due = true;
    }
    return answer;
}

portico_status PORTICO_CALL send(portico_instance* instance, portico_connection connection,
                                 const void* data, std::uint64_t size) {
    const portico_part part{data, size};
    return send_parts(instance, connection, &part, 1, sizeof part);
}

portico_status PORTICO_CALL finish_sending(portico_instance* instance, portico_connection) {
    host_of(instance).closes.emplace_back("finish");
    return PORTICO_OK;
}

portico_status PORTICO_CALL close(portico_instance* instance, portico_connection,
                                  std::uint32_t how) {
    ScriptedHost& host = host_of(instance);
    host.closes.emplace_back(how == PORTICO_CLOSE_GRACEFUL ? "graceful" : "abort");
    host.is_closing = true;
    return PORTICO_OK;
}

portico_status PORTICO_CALL post(portico_instance* instance, portico_connection connection,
                                 portico_post_function function, void* argument) {
    ScriptedHost& host = host_of(instance);
    if (host.answer == PORTICO_OK) {
        host.posted.push_back({function, nullptr, nullptr, connection, argument});
    }
    return host.answer;
}

portico_status PORTICO_CALL post_instance(portico_instance* instance,
                                          portico_post_function function, void* argument) {
    return post(instance, 0, function, argument);
}

std::uint64_t PORTICO_CALL now(portico_instance*) {
    return 7;
}

void PORTICO_CALL log(portico_instance* instance, portico_connection, std::uint32_t,
                      const char* text, std::uint64_t size) {
    host_of(instance).logged.append(text, size).append("\n");
}

std::uint32_t PORTICO_CALL worker_index(portico_instance*) {
    return 7;
}

// ---- timers

portico_status PORTICO_CALL start(portico_instance* instance, portico_connection connection,
                                  std::uint32_t, std::uint32_t period_ms,
                                  portico_timer_function function, void* argument,
                                  portico_timer* timer) {
    ScriptedHost& host = host_of(instance);
    if (host.answer == PORTICO_OK) {
        *timer = host.timers.size() + 1;
        host.timers.push_back(
            {nullptr, function, nullptr, connection, argument, *timer, period_ms != 0});
    }
    return host.answer;
}

portico_status PORTICO_CALL restart(portico_instance* instance, portico_timer,
                                    std::uint32_t first_ms, std::uint32_t) {
    host_of(instance).restarts.push_back(first_ms);
    return PORTICO_OK;
}

portico_status PORTICO_CALL run(portico_instance* instance, portico_connection connection,
                                portico_work_function work, portico_post_function done,
                                void* argument) {
    ScriptedHost& host = host_of(instance);
    if (host.answer == PORTICO_OK) {
        host.work.push_back({done, nullptr, work, connection, argument});
    }
    return host.answer;
}

// ---- outbound connections and names

portico_status PORTICO_CALL find(portico_instance* instance, const char* name, std::uint64_t size,
                                 portico_upstream* found) {
    if (std::string_view(name, size) != "far") {
        return PORTICO_NOT_FOUND;
    }
    *found = host_of(instance).upstream;
    return PORTICO_OK;
}

portico_status PORTICO_CALL connect(portico_instance* instance, const portico_target* target,
                                    portico_connection* connection) {
    ScriptedHost& host = host_of(instance);
    if (host.answer == PORTICO_OK) {
        const bool is_named = target->upstream != nullptr;
        host.connects.push_back({is_named ? std::string(target->upstream, target->upstream_size)
                                          : std::string(target->address, target->address_size),
                                 target->beside, target->timeout_ms, target->callbacks,
                                 target->state});
        *connection = host.connects.size() + 1;
    }
    return host.answer;
}

portico_status PORTICO_CALL resolve(portico_instance* instance, portico_connection connection,
                                    const char* name, std::uint64_t size, std::uint32_t,
                                    portico_resolved_function function, void* argument,
                                    portico_request* request) {
    ScriptedHost& host = host_of(instance);
    if (host.answer == PORTICO_OK) {
        host.questions.push_back({std::string(name, size), connection, function, argument});
        *request = host.questions.size();
    }
    return host.answer;
}

portico_status PORTICO_CALL cancel(portico_instance* instance, portico_request request) {
    host_of(instance).closes.emplace_back("cancel " + std::to_string(request));
    return PORTICO_OK;
}

// ---- settings

template <class T>
portico_status read(portico_instance* instance, const char* key, std::uint64_t key_size,
                    const T*& value) {
    const ScriptedHost& host = host_of(instance);
    const auto found = host.settings.find(std::string(key, key_size));
    if (found == host.settings.end()) {
        return PORTICO_NOT_FOUND;
    }
    value = std::get_if<T>(&found->second);
    return value == nullptr ? PORTICO_WRONG_TYPE : PORTICO_OK;
}

portico_status PORTICO_CALL get_boolean(portico_instance* instance, const char* key,
                                        std::uint64_t key_size, std::int32_t* value) {
    const bool* found = nullptr;
    const portico_status status = read(instance, key, key_size, found);
    if (status == PORTICO_OK) {
        *value = *found ? 1 : 0;
    }
    return status;
}

portico_status PORTICO_CALL get_integer(portico_instance* instance, const char* key,
                                        std::uint64_t key_size, std::int64_t minimum,
                                        std::int64_t maximum, std::int64_t* value) {
    const std::int64_t* found = nullptr;
    const portico_status status = read(instance, key, key_size, found);
    if (status != PORTICO_OK) {
        return status;
    }
    if (*found < minimum || *found > maximum) {
        return PORTICO_WRONG_TYPE;
    }
    *value = *found;
    return PORTICO_OK;
}

portico_status PORTICO_CALL get_string(portico_instance* instance, const char* key,
                                       std::uint64_t key_size, const char** text,
                                       std::uint64_t* size) {
    const std::string* found = nullptr;
    const portico_status status = read(instance, key, key_size, found);
    if (status == PORTICO_OK) {
        *text = found->data();
        *size = found->size();
    }
    return status;
}

portico_status PORTICO_CALL fail(portico_instance* instance, const char* key,
                                 std::uint64_t key_size, const char* text,
                                 std::uint64_t text_size) {
    host_of(instance).failed = std::string(key, key_size) + ": " + std::string(text, text_size);
    return PORTICO_ERROR;
}

// ---- metrics: their numbers are places in the host's lists, from 1

portico_status PORTICO_CALL define(portico_instance* instance,
                                   const portico_metric_definition* definition,
                                   portico_metric* metric) {
    ScriptedHost& host = host_of(instance);
    host.metrics.emplace_back(definition->name, definition->name_size);
    *metric = host.metrics.size();
    return host.answer;
}

portico_status PORTICO_CALL get_series(portico_instance* instance, portico_metric metric,
                                       const portico_part* values, std::uint32_t count,
                                       std::uint32_t, portico_series* series) {
    ScriptedHost& host = host_of(instance);
    std::string name = host.metrics.at(metric - 1);
    for (std::uint32_t i = 0; i < count; ++i) {
        name += i == 0 ? '{' : ',';
        name.append(static_cast<const char*>(values[i].data), values[i].size);
    }
    host.series.push_back(count == 0 ? name : name + '}');
    *series = host.series.size();
    return host.answer;
}

portico_status PORTICO_CALL add(portico_instance* instance, portico_series series, double amount) {
    ScriptedHost& host = host_of(instance);
    host.counted[host.series.at(series - 1)] += amount;
    return host.answer;
}

const void* PORTICO_CALL get_extension(portico_instance* instance, const char* id,
                                       std::uint64_t id_size) {
    static const portico_settings settings = [] {
        portico_settings table{};
        table.struct_size = sizeof table;
        table.get_boolean = get_boolean;
        table.get_integer = get_integer;
        table.get_string = get_string;
        table.fail = fail;
        return table;
    }();
    static const portico_timers timers{sizeof timers, 0, start, restart, nullptr};
    static const portico_executor executor{sizeof executor, 0, run};
    static const portico_metrics metrics{sizeof metrics, 0, define, get_series, add, nullptr, add};
    static const portico_connect connects{sizeof connects, 0, connect, find};
    static const portico_resolve resolves{sizeof resolves, 0, resolve, cancel};
    const ScriptedHost& host = host_of(instance);
    const std::string_view wanted(id, id_size);
    if (wanted == PORTICO_EXT_SETTINGS && host.has_settings) {
        return &settings;
    }
    if (wanted == PORTICO_EXT_EXECUTOR) {
        return host.has_executor ? &executor : nullptr;
    }
    if (wanted == PORTICO_EXT_METRICS) {
        return host.has_metrics ? &metrics : nullptr;
    }
    if (wanted == PORTICO_EXT_CONNECT) {
        return host.has_connect ? &connects : nullptr;
    }
    if (wanted == PORTICO_EXT_RESOLVE) {
        return host.has_resolve ? &resolves : nullptr;
    }
    return wanted == PORTICO_EXT_TIMER && host.has_timers ? &timers : nullptr;
}

}  // namespace

ScriptedHost::ScriptedHost() {
    table.struct_size = sizeof table;
    table.abi_major = PORTICO_ABI_MAJOR;
    table.abi_minor = PORTICO_ABI_MINOR;
    table.send = send;
    table.send_parts = send_parts;
    table.finish_sending = finish_sending;
    table.close = close;
    table.post = post;
    table.post_instance = post_instance;
    table.now = now;
    table.log = log;
    table.worker_index = worker_index;
    table.get_extension = get_extension;
}

Driver::~Driver() {
    close();
    if (is_created_) {
        plugin->destroy(self_);
    }
}

template <class Function>
portico_status Driver::set_up(std::uint32_t mode, Function function) {
    constexpr std::string_view name = "scripted";
    const std::string settings = host_.settings.empty() ? "{}" : "{ ... }";
    std::vector<char> text(host_.error_capacity);
    portico_setup setup{};
    setup.struct_size = sizeof setup;
    setup.mode = mode;
    setup.host = &host_.table;
    setup.instance = reinterpret_cast<portico_instance*>(&host_);
    setup.plugin = plugin;
    setup.settings = settings.data();
    setup.settings_size = settings.size();
    setup.listener_name = name.data();
    setup.listener_name_size = name.size();
    setup.error = text.data();
    setup.error_capacity = text.size();
    setup.worker_count = 8;
    setup.framing = host_.framing;
    setup.max_send_bytes = host_.max_send_bytes;
    setup.send_high_bytes = 262'144;
    setup.send_low_bytes = 131'072;
    setup.max_message_bytes = 65'536;
    const portico_status status = function(setup);
    error.assign(text.begin(), std::find(text.begin(), text.end(), '\0'));
    return status;
}

portico_status Driver::validate() {
    return set_up(PORTICO_SETUP_VALIDATE,
                  [this](const portico_setup& setup) { return plugin->validate(&setup); });
}

portico_status Driver::create() {
    const portico_status status = set_up(PORTICO_SETUP_CREATE, [this](const portico_setup& setup) {
        return plugin->create(&setup, &self_);
    });
    is_created_ = status >= 0;
    return status;
}

portico_status Driver::open(std::uint32_t listen_index) {
    portico_status status = PORTICO_OK;
    if (const auto on_open = plugin->callbacks->on_open; on_open != nullptr) {
        const portico_opened opened{sizeof opened, PORTICO_ORIGIN_ACCEPTED, listen_index, 0};
        status = on_open(self_, 1, &opened, &state_);
    }
    is_open_ = status >= 0;
    return status;
}

portico_status Driver::start() {
    const portico_status created = create();
    return created >= 0 ? open() : created;
}

portico_status Driver::data(std::string_view bytes) {
    return message(bytes, 0, bytes.size());
}

portico_status Driver::message(std::string_view bytes, std::uint64_t payload_offset,
                               std::uint64_t payload_size) {
    portico_frame frame{};
    frame.struct_size = sizeof frame;
    frame.flags = left_ != 0 ? PORTICO_FRAME_AGAIN : 0;
    frame.payload_offset = payload_offset;
    frame.payload_size = payload_size;
    frame.offered_before = left_;
    consumed = 0;
    host_.was_refused = false;
    answered = plugin->callbacks->on_data(self_, 1, state_,
                                          reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                          bytes.size(), &frame, &consumed);
    portico_status reading = answered;
    if (answered == PORTICO_WOULD_BLOCK && host_.was_refused) {
        reading = PORTICO_HOLD;
        consumed = 0;
    } else if (answered == PORTICO_GONE || answered == PORTICO_CLOSING) {
        reading = PORTICO_OK;
    }
    left_ = reading < 0 ? 0 : bytes.size() - consumed;
    return reading;
}

portico_status Driver::writable() {
    host_.writable_due = false;
    return plugin->callbacks->on_writable(self_, 1, state_);
}

portico_status Driver::end() {
    const portico_ended ended{sizeof ended, 0, left_};
    return plugin->callbacks->on_end(self_, 1, state_, &ended);
}

portico_status Driver::drain(std::uint32_t reason, std::uint64_t deadline_ns) {
    const portico_draining draining{sizeof draining, reason, deadline_ns};
    return plugin->callbacks->on_drain(self_, 1, state_, &draining);
}

void Driver::close() {
    const auto on_close = plugin->callbacks->on_close;
    if (std::exchange(is_open_, false) && on_close != nullptr) {
        portico_closed closed{};
        closed.struct_size = sizeof closed;
        closed.reason = PORTICO_REASON_PEER;
        on_close(self_, 1, state_, &closed);
        state_ = nullptr;
    }
}

void Driver::run_posts(portico_status status) {
    for (const ScriptedHost::Call& call : std::exchange(host_.posted, {})) {
        call.posted(self_, call.connection, call.connection == 0 ? nullptr : state_, call.argument,
                    status);
    }
}

void Driver::fire(std::size_t timer, portico_status status) {
    const ScriptedHost::Call call = host_.timers.at(timer);
    const bool is_last = status != PORTICO_OK || !call.is_periodic;
    const std::uint32_t periods = status == PORTICO_OK ? 1 : 0;
    const portico_timer_event event{
        sizeof event, is_last ? PORTICO_TIMER_LAST : 0U, call.id, 7 * periods, status, periods};
    call.timer(self_, call.connection, call.connection == 0 ? nullptr : state_, call.argument,
               &event);
}

void Driver::resolve(std::size_t question, portico_status status, std::string_view text) {
    const ScriptedHost::Question asked = host_.questions.at(question);
    portico_address address{};
    const std::size_t size = text.copy(address.text, sizeof address.text - 1);
    address.text_size = static_cast<std::uint16_t>(size);
    const bool is_found = status == PORTICO_OK;
    const portico_resolved resolved{sizeof resolved,    status,
                                    question + 1,       is_found ? &address : nullptr,
                                    is_found ? 1U : 0U, sizeof address};
    asked.function(self_, asked.connection, asked.connection != 0 ? state_ : nullptr,
                   asked.argument, &resolved);
}

void Driver::do_work(portico_status status) {
    for (const ScriptedHost::Call& call : std::exchange(host_.work, {})) {
        call.work(self_, call.argument);
        const bool has_state = call.connection != 0 && status == PORTICO_OK;
        call.posted(self_, call.connection, has_state ? state_ : nullptr, call.argument, status);
    }
}

}  // namespace portico::test
