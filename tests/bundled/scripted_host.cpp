#include "scripted_host.hpp"

#include "support/catch.hpp"

namespace {

ScriptedHost* current = nullptr;

portico_status PORTICO_CALL send(portico_instance*, portico_connection, const void* data,
                                 std::uint64_t size) {
    if (current->closing) {
        return PORTICO_GONE;
    }
    if (size > current->max_send_bytes) {
        return PORTICO_TOO_LARGE;
    }
    portico_status answer = PORTICO_OK;
    if (!current->answers.empty()) {
        answer = current->answers.front();
        current->answers.pop_front();
    }
    current->refused = answer == PORTICO_WOULD_BLOCK;
    if (answer == PORTICO_OK) {
        current->sent.append(static_cast<const char*>(data), size);
    }
    return answer;
}

portico_status PORTICO_CALL close(portico_instance*, portico_connection, std::uint32_t how) {
    CHECK(how == PORTICO_CLOSE_GRACEFUL);
    ++current->closes;
    current->closing = true;
    return PORTICO_OK;
}

portico_status PORTICO_CALL send_parts(portico_instance* instance, portico_connection connection,
                                       const portico_part* parts, std::uint32_t count,
                                       std::uint32_t stride) {
    CHECK(stride == sizeof(portico_part));
    std::string all;
    for (std::uint32_t i = 0; i < count; ++i) {
        all.append(static_cast<const char*>(parts[i].data), parts[i].size);
    }
    return send(instance, connection, all.data(), all.size());
}

void PORTICO_CALL log(portico_instance*, portico_connection, std::uint32_t, const char* text,
                      std::uint64_t size) {
    current->logged.append(text, size);
}

std::uint32_t PORTICO_CALL worker_index(portico_instance*) {
    return 7;
}

template <class T>
portico_status read(const char* key, std::uint64_t key_size, T& value) {
    const auto found = current->settings.find(std::string(key, key_size));
    if (found == current->settings.end()) {
        return PORTICO_NOT_FOUND;
    }
    if (!std::holds_alternative<T>(found->second)) {
        return PORTICO_WRONG_TYPE;
    }
    value = std::get<T>(found->second);
    return PORTICO_OK;
}

portico_status PORTICO_CALL get_boolean(portico_instance*, const char* key, std::uint64_t key_size,
                                        std::int32_t* value) {
    bool found = false;
    const portico_status status = read(key, key_size, found);
    if (status == PORTICO_OK) {
        *value = found ? 1 : 0;
    }
    return status;
}

portico_status PORTICO_CALL get_string(portico_instance*, const char* key, std::uint64_t key_size,
                                       const char** text, std::uint64_t* size) {
    static std::string found;
    const portico_status status = read(key, key_size, found);
    if (status == PORTICO_OK) {
        *text = found.data();
        *size = found.size();
    }
    return status;
}

const void* PORTICO_CALL get_extension(portico_instance*, const char* id, std::uint64_t id_size) {
    static const portico_settings settings = [] {
        portico_settings table{};
        table.struct_size = sizeof table;
        table.get_boolean = get_boolean;
        table.get_string = get_string;
        return table;
    }();
    return current->has_settings && std::string_view(id, id_size) == PORTICO_EXT_SETTINGS
               ? &settings
               : nullptr;
}

}  // namespace

ScriptedHost::ScriptedHost() : table{} {
    table.struct_size = sizeof table;
    table.abi_major = PORTICO_ABI_MAJOR;
    table.abi_minor = PORTICO_ABI_MINOR;
    table.send = send;
    table.send_parts = send_parts;
    table.close = close;
    table.log = log;
    table.worker_index = worker_index;
    table.get_extension = get_extension;
    current = this;
}

ScriptedHost::~ScriptedHost() {
    current = nullptr;
}

Driver::~Driver() {
    if (is_created_) {
        if (const auto on_close = plugin_->callbacks->on_close; on_close != nullptr) {
            portico_closed closed{};
            closed.struct_size = sizeof closed;
            closed.reason = PORTICO_REASON_PEER;
            on_close(self_, 1, state_, &closed);
        }
        plugin_->destroy(self_);
    }
}

template <class Call>
portico_status Driver::set_up(std::uint32_t mode, Call&& call) {
    const std::string settings = host_.settings.empty() ? "{}" : "{ ... }";
    char text[256] = {};
    portico_setup setup{};
    setup.struct_size = sizeof setup;
    setup.mode = mode;
    setup.host = &host_.table;
    setup.plugin = plugin_;
    setup.settings = settings.data();
    setup.settings_size = settings.size();
    setup.listener_name = "scripted";
    setup.listener_name_size = 8;
    setup.error = text;
    setup.error_capacity = sizeof text;
    setup.worker_count = 8;
    setup.framing = PORTICO_FRAMING_NONE;
    setup.max_send_bytes = host_.max_send_bytes;
    setup.send_high_bytes = 262'144;
    setup.send_low_bytes = 131'072;
    setup.max_message_bytes = 65'536;
    const portico_status status = call(setup);
    error = text;
    return status;
}

portico_status Driver::validate() {
    return set_up(PORTICO_SETUP_VALIDATE,
                  [&](const portico_setup& setup) { return plugin_->validate(&setup); });
}

portico_status Driver::create() {
    const portico_status status = set_up(PORTICO_SETUP_CREATE, [&](const portico_setup& setup) {
        return plugin_->create(&setup, &self_);
    });
    is_created_ = status >= 0;
    if (const auto on_open = plugin_->callbacks->on_open; is_created_ && on_open != nullptr) {
        const portico_opened opened{sizeof opened, PORTICO_ORIGIN_ACCEPTED, 0, 0};
        REQUIRE(on_open(self_, 1, &opened, &state_) == PORTICO_OK);
    }
    return status;
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
    host_.refused = false;
    portico_status status = plugin_->callbacks->on_data(
        self_, 1, state_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(), &frame,
        &consumed);
    if (status == PORTICO_WOULD_BLOCK && host_.refused) {
        status = PORTICO_HOLD;
        consumed = 0;
    } else if (status == PORTICO_GONE || status == PORTICO_CLOSING) {
        status = PORTICO_OK;
    }
    left_ = bytes.size() - consumed;
    return status;
}
