#include "plugin/settings_functions.hpp"

#include <new>
#include <string_view>

#include "plugin/instance_use.hpp"

namespace portico::plugin {

struct SettingsFunctions {
    using Read = SettingsReader::Read;

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

    [[nodiscard]] static const portico_settings& table() noexcept {
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

const portico_settings& settings_table() noexcept {
    return SettingsFunctions::table();
}

}  // namespace portico::plugin
