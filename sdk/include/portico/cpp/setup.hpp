// What a plugin's constructor is given: its settings and its listener's limits.
#ifndef PORTICO_CPP_SETUP_HPP
#define PORTICO_CPP_SETUP_HPP

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>

#include "../ext/settings.h"
#include "../plugin.h"
#include "error.hpp"
#include "handle.hpp"

namespace portico {

// The settings of a listener. Reads throw if a value is wrong, and the host then names its file,
// line and path. A setting that nothing reads is an error too, once one has been read. A key is a
// name, or a path such as "limits/0/size" (ext/settings.h).
//
// T is bool, an integer, a floating-point number, or std::string.
class settings {
public:
    settings(const portico_setup &setup) noexcept
        : setup_(&setup),
          table_(static_cast<const portico_settings *>(setup.host->get_extension(
              setup.instance, PORTICO_EXT_SETTINGS, sizeof PORTICO_EXT_SETTINGS - 1))) {}

    // The value, or `fallback` if there is none.
    template <class T>
    T get(std::string_view key, T fallback) const {
        (void)read(key, fallback);
        return fallback;
    }
    std::string get(std::string_view key, const char *fallback) const {
        return get(key, std::string(fallback));
    }
    // The same for numbers from `minimum` to `maximum`, both included.
    template <class T>
    T get(std::string_view key, T fallback, T minimum, T maximum) const {
        (void)read_number(key, fallback, minimum, maximum);
        return fallback;
    }
    // The value; it is an error if there is none.
    template <class T>
    T required(std::string_view key) const {
        T value{};
        return read(key, value) ? value : missing<T>(key);
    }
    template <class T>
    T required(std::string_view key, T minimum, T maximum) const {
        T value{};
        return read_number(key, value, minimum, maximum) ? value : missing<T>(key);
    }

    bool has(std::string_view key) const {
        std::uint32_t kind = 0;
        return table_ != nullptr &&
               is_found(table_->get_kind(setup_->instance, key.data(), key.size(), &kind));
    }
    // The elements of an array or the members of an object; 0 if there is none. "": the settings.
    std::uint64_t count(std::string_view key) const {
        std::uint64_t found = 0;
        if (table_ != nullptr) {
            (void)is_found(table_->get_count(setup_->instance, key.data(), key.size(), &found));
        }
        return found;
    }
    // The name of an object's member number `index`.
    std::string name(std::string_view key, std::uint64_t index) const {
        const char *text = nullptr;
        std::uint64_t size = 0;
        const bool is_there = table_ != nullptr &&
                              is_found(table_->get_key(setup_->instance, key.data(), key.size(),
                                                       index, &text, &size));
        return is_there ? std::string(text, static_cast<std::size_t>(size)) : std::string();
    }
    // Marks a member, and all below it, as read.
    void read_anything(std::string_view key) const {
        if (table_ != nullptr) {
            (void)is_found(table_->read_anything(setup_->instance, key.data(), key.size()));
        }
    }
    // Reports a mistake in a value: "found 7, expected an even number".
    [[noreturn]] void fail(std::string_view key, std::string_view text) const {
        // Some hosts have no `fail`, and a function of a table may be NULL.
        if (table_ == nullptr || !PORTICO_HAS(portico_settings, table_, fail) ||
            table_->fail == nullptr) {
            throw error(PORTICO_ERROR, std::string(key) + ": " + std::string(text));
        }
        throw error(
            table_->fail(setup_->instance, key.data(), key.size(), text.data(), text.size()));
    }
    // All of them, as one JSON object, for a plugin with a parser of its own.
    std::string_view json() const noexcept {
        return {setup_->settings, static_cast<std::size_t>(setup_->settings_size)};
    }

private:
    template <class T>
    [[noreturn]] T missing(std::string_view key) const {
        fail(key, "this setting is required");
    }
    // False if there is none. Anything else throws without a text: the host has a better one.
    static bool is_found(portico_status status) {
        if (status == PORTICO_NOT_FOUND) {
            return false;
        }
        if (status < 0) {
            throw error(status);
        }
        return true;
    }
    bool has_table() const {
        if (table_ == nullptr && json() != "{}") {
            throw error(PORTICO_UNSUPPORTED,
                        "this host has no " PORTICO_EXT_SETTINGS " to read the settings with");
        }
        return table_ != nullptr;
    }

    template <class T>
    bool read(std::string_view key, T &value) const {
        if constexpr (std::is_same_v<T, bool>) {
            std::int32_t found = 0;
            if (!has_table() ||
                !is_found(table_->get_boolean(setup_->instance, key.data(), key.size(), &found))) {
                return false;
            }
            value = found != 0;
            return true;
        } else if constexpr (std::is_arithmetic_v<T>) {
            return read_number(key, value, std::numeric_limits<T>::lowest(),
                               std::numeric_limits<T>::max());
        } else {
            static_assert(std::is_same_v<T, std::string>,
                          "settings are bool, integers, floating-point numbers or std::string");
            const char *text = nullptr;
            std::uint64_t size = 0;
            if (!has_table() || !is_found(table_->get_string(setup_->instance, key.data(),
                                                             key.size(), &text, &size))) {
                return false;
            }
            value.assign(text, static_cast<std::size_t>(size));
            return true;
        }
    }

    template <class T>
    bool read_number(std::string_view key, T &value, T minimum, T maximum) const {
        static_assert(std::is_arithmetic_v<T> && !std::is_same_v<T, bool>, "only numbers have one");
        if (!has_table()) {
            return false;
        }
        if constexpr (std::is_integral_v<T>) {
            std::int64_t found = 0;
            if (!is_found(table_->get_integer(setup_->instance, key.data(), key.size(),
                                              integer(minimum), integer(maximum), &found))) {
                return false;
            }
            value = static_cast<T>(found);
        } else {
            double found = 0;
            if (!is_found(table_->get_number(setup_->instance, key.data(), key.size(),
                                             static_cast<double>(minimum),
                                             static_cast<double>(maximum), &found))) {
                return false;
            }
            value = static_cast<T>(found);
        }
        return true;
    }
    // Integers of the settings have 64 bits with a sign.
    template <class T>
    static std::int64_t integer(T bound) noexcept {
        if constexpr (std::is_unsigned_v<T> && sizeof(T) == sizeof(std::int64_t)) {
            return bound > T{INT64_MAX} ? INT64_MAX : static_cast<std::int64_t>(bound);
        } else {
            return static_cast<std::int64_t>(bound);
        }
    }

    const portico_setup *setup_;
    const portico_settings *table_;
};

// Valid until the constructor (or validate) returns. The instance's handle may be kept.
class setup {
public:
    explicit setup(const portico_setup &raw) noexcept : raw_(&raw) {}

    portico::settings settings() const noexcept { return portico::settings(*raw_); }
    std::string_view listener_name() const noexcept {
        return {raw_->listener_name, static_cast<std::size_t>(raw_->listener_name_size)};
    }
    instance_handle instance() const noexcept { return {raw_->host, raw_->instance}; }
    // worker_index is below it.
    std::uint32_t worker_count() const noexcept { return raw_->worker_count; }
    // The listener's: PORTICO_FRAMING_NONE, _DELIMITER or _LENGTH_PREFIX.
    std::uint32_t framing() const noexcept { return raw_->framing; }
    // An older instance still serves the listener.
    bool is_reload() const noexcept { return raw_->mode == PORTICO_SETUP_RELOAD; }
    // The largest message that send takes.
    std::uint64_t max_send_bytes() const noexcept { return raw_->max_send_bytes; }
    // send refuses at the first, and on_writable comes below the second.
    std::uint64_t send_high_bytes() const noexcept { return raw_->send_high_bytes; }
    std::uint64_t send_low_bytes() const noexcept { return raw_->send_low_bytes; }
    // With framing the longest payload; without it, on_data must leave less than this unconsumed.
    std::uint64_t max_message_bytes() const noexcept { return raw_->max_message_bytes; }
    const portico_setup &raw() const noexcept { return *raw_; }

private:
    const portico_setup *raw_;
};

}  // namespace portico

#endif
