// The plugin's reads of its settings: which ones, and of what type.
#include "verify/watch_internals.hpp"

namespace portico::verify {

namespace {

using Instance = portico_instance;

const portico_settings* real = nullptr;  // the host's own table; the same for all instances

void note(const char* key, std::uint64_t key_size, const SettingRead& read) {
    const Watch::Inside inside;
    if (inside.watch() != nullptr && key != nullptr) {
        inside.watch()->setting_read(std::string(key, static_cast<std::size_t>(key_size)), read);
    }
}

portico_status PORTICO_CALL get_boolean(Instance* instance, const char* key, std::uint64_t key_size,
                                        std::int32_t* value) {
    note(key, key_size, {SettingRead::Kind::boolean, 0, 0});
    return real->get_boolean(instance, key, key_size, value);
}

portico_status PORTICO_CALL get_integer(Instance* instance, const char* key, std::uint64_t key_size,
                                        std::int64_t minimum, std::int64_t maximum,
                                        std::int64_t* value) {
    note(key, key_size, {SettingRead::Kind::integer, minimum, maximum});
    return real->get_integer(instance, key, key_size, minimum, maximum, value);
}

portico_status PORTICO_CALL get_number(Instance* instance, const char* key, std::uint64_t key_size,
                                       double minimum, double maximum, double* value) {
    note(key, key_size, {SettingRead::Kind::number, 0, 0});
    return real->get_number(instance, key, key_size, minimum, maximum, value);
}

portico_status PORTICO_CALL get_string(Instance* instance, const char* key, std::uint64_t key_size,
                                       const char** text, std::uint64_t* text_size) {
    note(key, key_size, {SettingRead::Kind::string, 0, 0});
    return real->get_string(instance, key, key_size, text, text_size);
}

portico_status PORTICO_CALL get_count(Instance* instance, const char* key, std::uint64_t key_size,
                                      std::uint64_t* count) {
    note(key, key_size, {});
    return real->get_count(instance, key, key_size, count);
}

portico_status PORTICO_CALL read_anything(Instance* instance, const char* key,
                                          std::uint64_t key_size) {
    note(key, key_size, {});
    return real->read_anything(instance, key, key_size);
}

portico_status PORTICO_CALL get_kind(Instance* instance, const char* key, std::uint64_t key_size,
                                     std::uint32_t* kind) {
    return real->get_kind(instance, key, key_size, kind);
}

portico_status PORTICO_CALL get_key(Instance* instance, const char* key, std::uint64_t key_size,
                                    std::uint64_t index, const char** name,
                                    std::uint64_t* name_size) {
    return real->get_key(instance, key, key_size, index, name, name_size);
}

portico_status PORTICO_CALL fail(Instance* instance, const char* key, std::uint64_t key_size,
                                 const char* text, std::uint64_t text_size) {
    return real->fail(instance, key, key_size, text, text_size);
}

}  // namespace

const portico_settings& SettingsSide::table(const void* real_table) noexcept {
    real = static_cast<const portico_settings*>(real_table);
    static constexpr portico_settings functions{sizeof(portico_settings),
                                                0,
                                                &get_boolean,
                                                &get_integer,
                                                &get_number,
                                                &get_string,
                                                &get_count,
                                                &read_anything,
                                                &get_kind,
                                                &get_key,
                                                &fail};
    return functions;
}

}  // namespace portico::verify
