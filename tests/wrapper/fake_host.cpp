#include "fake_host.hpp"

#include <algorithm>
#include <utility>

namespace fake {

namespace {

Host* current = nullptr;

portico_status PORTICO_CALL send_parts(portico_instance*, portico_connection,
                                       const portico_part* parts, std::uint32_t count,
                                       std::uint32_t) {
    std::string all;
    for (std::uint32_t i = 0; i < count; ++i) {
        all.append(static_cast<const char*>(parts[i].data), parts[i].size);
    }
    if (current->answer != PORTICO_OK) {
        return current->answer;
    }
    if (all.size() > current->max_send_bytes) {
        return PORTICO_TOO_LARGE;
    }
    if (current->room == 0) {
        current->writable_due = true;
        return PORTICO_WOULD_BLOCK;
    }
    current->room -= std::min<std::uint64_t>(current->room, all.size());
    current->sent += all;
    return PORTICO_OK;
}

portico_status PORTICO_CALL send(portico_instance* instance, portico_connection connection,
                                 const void* data, std::uint64_t size) {
    const portico_part part{data, size};
    return send_parts(instance, connection, &part, 1, sizeof part);
}

portico_status PORTICO_CALL finish(portico_instance*, portico_connection) {
    current->closes.emplace_back("finish");
    return PORTICO_OK;
}

portico_status PORTICO_CALL close(portico_instance*, portico_connection, std::uint32_t how) {
    current->closes.emplace_back(how == PORTICO_CLOSE_ABORT ? "abort" : "graceful");
    return PORTICO_OK;
}

portico_status PORTICO_CALL post(portico_instance*, portico_connection connection,
                                 portico_post_function function, void* argument) {
    if (current->answer == PORTICO_OK) {
        current->posted.push_back({function, nullptr, connection, argument, 0});
    }
    return current->answer;
}

portico_status PORTICO_CALL post_instance(portico_instance* instance,
                                          portico_post_function function, void* argument) {
    return post(instance, 0, function, argument);
}

std::uint64_t PORTICO_CALL now(portico_instance*) {
    return 7;
}

void PORTICO_CALL log(portico_instance*, portico_connection, std::uint32_t, const char* text,
                      std::uint64_t size) {
    current->logged.append(text, size).append("\n");
}

portico_status PORTICO_CALL start(portico_instance*, portico_connection connection, std::uint32_t,
                                  std::uint32_t period_ms, portico_timer_function function,
                                  void* argument, portico_timer* timer) {
    if (current->answer == PORTICO_OK) {
        *timer = current->timers.size() + 1;
        current->timers.push_back(
            {nullptr, function, connection, argument, *timer, period_ms != 0});
    }
    return current->answer;
}

portico_status PORTICO_CALL restart(portico_instance*, portico_timer, std::uint32_t first_ms,
                                    std::uint32_t) {
    current->restarts.push_back(first_ms);
    return PORTICO_OK;
}

portico_status PORTICO_CALL get_integer(portico_instance*, const char* key, std::uint64_t key_size,
                                        std::int64_t minimum, std::int64_t maximum,
                                        std::int64_t* value) {
    const auto found = current->integers.find(std::string(key, key_size));
    if (found == current->integers.end()) {
        return PORTICO_NOT_FOUND;
    }
    if (found->second < minimum || found->second > maximum) {
        return PORTICO_WRONG_TYPE;
    }
    *value = found->second;
    return PORTICO_OK;
}

portico_status PORTICO_CALL get_string(portico_instance*, const char* key, std::uint64_t key_size,
                                       const char** text, std::uint64_t* size) {
    const auto found = current->strings.find(std::string(key, key_size));
    if (found == current->strings.end()) {
        return PORTICO_NOT_FOUND;
    }
    *text = found->second.data();
    *size = found->second.size();
    return PORTICO_OK;
}

portico_status PORTICO_CALL fail(portico_instance*, const char* key, std::uint64_t key_size,
                                 const char* text, std::uint64_t text_size) {
    current->failed = std::string(key, key_size) + ": " + std::string(text, text_size);
    return PORTICO_ERROR;
}

const void* PORTICO_CALL get_extension(portico_instance*, const char* id, std::uint64_t size) {
    static const portico_settings settings = [] {
        portico_settings table{};
        table.struct_size = sizeof table;
        table.get_integer = get_integer;
        table.get_string = get_string;
        table.fail = fail;
        return table;
    }();
    static const portico_timers timers{sizeof timers, 0, start, restart, nullptr};
    const std::string_view wanted(id, size);
    if (wanted == PORTICO_EXT_SETTINGS) {
        return &settings;
    }
    return wanted == PORTICO_EXT_TIMER && current->has_timers ? &timers : nullptr;
}

}  // namespace

Host::Host() {
    table.struct_size = sizeof table;
    table.send = send;
    table.send_parts = send_parts;
    table.finish_sending = finish;
    table.close = close;
    table.post = post;
    table.post_instance = post_instance;
    table.now = now;
    table.log = log;
    table.get_extension = get_extension;
    current = this;
}

Host::~Host() {
    current = nullptr;
}

Driver::~Driver() {
    close();
    if (is_created_) {
        plugin->destroy(self_);
    }
}

template <class Function>
portico_status Driver::set_up(Function function) {
    char text[64] = {};
    portico_setup setup{};
    setup.struct_size = sizeof setup;
    setup.host = &host_.table;
    setup.settings = "{}";
    setup.settings_size = 2;
    setup.listener_name = "fake";
    setup.listener_name_size = 4;
    setup.error = text;
    setup.error_capacity = sizeof text;
    setup.framing = host_.framing;
    setup.max_send_bytes = host_.max_send_bytes;
    const portico_status status = function(setup);
    error.assign(text, std::find(text, text + sizeof text, '\0'));
    return status;
}

portico_status Driver::validate() {
    return set_up([this](const portico_setup& setup) { return plugin->validate(&setup); });
}

portico_status Driver::create() {
    const portico_status status = set_up(
        [this](const portico_setup& setup) { return plugin->create(&setup, &self_); });
    is_created_ = status >= 0;
    return status;
}

portico_status Driver::open(std::uint32_t listen_index) {
    const portico_opened opened{sizeof opened, PORTICO_ORIGIN_ACCEPTED, listen_index, 0};
    const portico_status status = plugin->callbacks->on_open(self_, 1, &opened, &state_);
    is_open_ = status >= 0;
    return status;
}

portico_status Driver::data(std::string_view bytes, std::uint64_t offered_before) {
    const portico_frame frame{sizeof frame, 0, 0, bytes.size(), offered_before};
    consumed = 0;
    return plugin->callbacks->on_data(self_, 1, state_,
                                      reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                      bytes.size(), &frame, &consumed);
}

portico_status Driver::writable() {
    host_.writable_due = false;
    return plugin->callbacks->on_writable(self_, 1, state_);
}

void Driver::close() {
    if (std::exchange(is_open_, false)) {
        portico_closed closed{};
        closed.struct_size = sizeof closed;
        plugin->callbacks->on_close(self_, 1, state_, &closed);
        state_ = nullptr;
    }
}

void Driver::run_posts(portico_status status) {
    for (const Call& call : std::exchange(host_.posted, {})) {
        call.function(self_, call.connection, call.connection == 0 ? nullptr : state_,
                      call.argument, status);
    }
}

void Driver::fire(std::size_t timer, portico_status status) {
    const Call call = host_.timers.at(timer);
    const bool is_last = status != PORTICO_OK || !call.is_periodic;
    const std::uint32_t periods = status == PORTICO_OK ? 1 : 0;
    const portico_timer_event event{
        sizeof event, is_last ? PORTICO_TIMER_LAST : 0U, call.id, 7 * periods, status, periods};
    call.timer(self_, call.connection, call.connection == 0 ? nullptr : state_, call.argument,
               &event);
}

}  // namespace fake
