#include "plugin/settings_functions.hpp"

#include <new>
#include <string_view>

#include "plugin/instance_use.hpp"

namespace portico::plugin {

struct SettingsFunctions {
    using Read = SettingsReader::Read;
    using Kind = SettingsReader::Kind;

    static_assert(PORTICO_SETTING_NULL == static_cast<std::uint32_t>(Kind::null));
    static_assert(PORTICO_SETTING_BOOLEAN == static_cast<std::uint32_t>(Kind::boolean));
    static_assert(PORTICO_SETTING_INTEGER == static_cast<std::uint32_t>(Kind::integer));
    static_assert(PORTICO_SETTING_NUMBER == static_cast<std::uint32_t>(Kind::number));
    static_assert(PORTICO_SETTING_STRING == static_cast<std::uint32_t>(Kind::string));
    static_assert(PORTICO_SETTING_ARRAY == static_cast<std::uint32_t>(Kind::array));
    static_assert(PORTICO_SETTING_OBJECT == static_cast<std::uint32_t>(Kind::object));

    // Runs a read. If anything goes wrong in it (a key that is no path, no memory), the read only
    // fails.
    template <class Action>
    static portico_status read(portico_instance* handle, const char* key, std::uint64_t key_size,
                               bool has_result, Action&& action) noexcept {
        const InstanceUse instance(handle);
        if (!instance) {
            return PORTICO_GONE;
        }
        SettingsReader* settings = instance->settings_now();
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

    static portico_status PORTICO_CALL get_kind(portico_instance* handle, const char* key,
                                                std::uint64_t key_size,
                                                std::uint32_t* kind) noexcept {
        return read(handle, key, key_size, kind != nullptr,
                    [&](SettingsReader& settings, std::string_view name) {
                        Kind found = Kind::null;
                        const Read result = settings.kind(name, found);
                        if (result == Read::ok) {
                            *kind = static_cast<std::uint32_t>(found);
                        }
                        return result;
                    });
    }

    static portico_status PORTICO_CALL get_key(portico_instance* handle, const char* key,
                                               std::uint64_t key_size, std::uint64_t index,
                                               const char** name,
                                               std::uint64_t* name_size) noexcept {
        return read(handle, key, key_size, name != nullptr && name_size != nullptr,
                    [&](SettingsReader& settings, std::string_view path) {
                        std::string_view found;
                        const Read result = settings.key(path, index, found);
                        if (result == Read::ok) {
                            *name = found.data();
                            *name_size = found.size();
                        }
                        return result;
                    });
    }

    static portico_status PORTICO_CALL fail(portico_instance* handle, const char* key,
                                            std::uint64_t key_size, const char* text,
                                            std::uint64_t text_size) noexcept {
        const portico_status kept = read(
            handle, key, key_size, text != nullptr || text_size == 0,
            [&](SettingsReader& settings, std::string_view name) {
                settings.fail(name, std::string_view(text_size != 0 ? text : "", text_size));
                return Read::ok;
            });
        return kept == PORTICO_OK ? PORTICO_ERROR : kept;
    }

    [[nodiscard]] static const portico_settings& table() noexcept {
        static constexpr portico_settings settings{sizeof(portico_settings),
                                                   0,
                                                   get_boolean,
                                                   get_integer,
                                                   get_number,
                                                   get_string,
                                                   get_count,
                                                   read_anything,
                                                   get_kind,
                                                   get_key,
                                                   fail};
        return settings;
    }
};

const portico_settings& settings_table() noexcept {
    return SettingsFunctions::table();
}

}  // namespace portico::plugin
