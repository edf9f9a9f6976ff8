// Typed reads of a plugin's settings, for the extension "portico.settings.draft/1". They remember
// what was read and what went wrong.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"

namespace portico::plugin {

// Used by one thread, while create or validate runs.
class SettingsReader {
public:
    enum class Read : std::uint8_t { ok, not_found, wrong_type };
    // The numbers of the ABI.
    enum class Kind : std::uint8_t { null, boolean, integer, number, string, array, object };

    explicit SettingsReader(const config::Settings& settings);
    ~SettingsReader();

    [[nodiscard]] Read boolean(std::string_view key, bool& value);
    [[nodiscard]] Read integer(std::string_view key, std::int64_t minimum, std::int64_t maximum,
                               std::int64_t& value);
    [[nodiscard]] Read number(std::string_view key, double minimum, double maximum, double& value);
    // `value` is valid as long as the reader.
    [[nodiscard]] Read string(std::string_view key, std::string_view& value);
    [[nodiscard]] Read count(std::string_view key, std::uint64_t& value);
    [[nodiscard]] Read anything(std::string_view key);
    // An integer that does not fit 64 bits is a number. Does not mark the value as read.
    [[nodiscard]] Read kind(std::string_view key, Kind& value);
    // The name of member number `index` of an object; `name` is valid as long as the reader.
    [[nodiscard]] Read key(std::string_view key, std::uint64_t index, std::string_view& name);
    // Keeps a mistake that the plugin has found in a value. The member need not exist.
    void fail(std::string_view key, std::string_view text);

    // The error of the last failed read, ready for a person; empty if none failed.
    [[nodiscard]] const std::string& error() const noexcept { return error_; }
    // A line for each mistake of fail(), with its place; beyond a limit they are only counted.
    [[nodiscard]] std::vector<std::string> failures() const;
    // A line for each member that nobody has read; empty if the plugin has called nothing here.
    [[nodiscard]] std::vector<std::string> unread() const;

private:
    struct Document;
    std::unique_ptr<Document> document_;
    std::string error_;
    std::vector<std::string> failures_;
    std::size_t failures_not_kept_ = 0;
};

}  // namespace portico::plugin
