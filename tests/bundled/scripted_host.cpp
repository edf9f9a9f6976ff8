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

void PORTICO_CALL log(portico_instance*, std::uint32_t, const char* text, std::uint64_t size) {
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
        if (plugin_->on_close != nullptr) {
            plugin_->on_close(self_, 1, state_, PORTICO_REASON_PEER);
        }
        plugin_->destroy(self_);
    }
}

portico_status Driver::validate() {
    char text[256] = {};
    const std::string settings = settings_text();
    const portico_status status = plugin_->validate(&host_.table, nullptr, settings.data(),
                                                    settings.size(), text, sizeof text);
    error = text;
    return status;
}

portico_status Driver::create() {
    char text[256] = {};
    const std::string settings = settings_text();
    const portico_status status = plugin_->create(&host_.table, nullptr, settings.data(),
                                                  settings.size(), text, sizeof text, &self_);
    error = text;
    is_created_ = status >= 0;
    if (is_created_ && plugin_->on_open != nullptr) {
        REQUIRE(plugin_->on_open(self_, 1, &state_) == PORTICO_OK);
    }
    return status;
}

portico_status Driver::data(std::string_view bytes) {
    return message(bytes, 0, bytes.size());
}

portico_status Driver::message(std::string_view bytes, std::uint64_t payload_offset,
                               std::uint64_t payload_size) {
    const portico_frame frame{sizeof frame, 0, payload_offset, payload_size};
    consumed = 0;
    return plugin_->on_data(self_, 1, state_, reinterpret_cast<const std::uint8_t*>(bytes.data()),
                            bytes.size(), &frame, &consumed);
}
