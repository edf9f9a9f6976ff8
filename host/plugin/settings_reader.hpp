// Typed reads of a plugin's settings, for the extension "portico.settings/1". They remember what
// was read and what went wrong.
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

    // The error of the last failed read, ready for a person; empty if none failed.
    [[nodiscard]] const std::string& error() const noexcept { return error_; }
    // A line for each member that nobody has read; empty if the plugin has never asked for the
    // extension.
    [[nodiscard]] std::vector<std::string> unread() const;
    // The plugin has asked for the extension.
    void used() noexcept { used_ = true; }

private:
    struct Document;
    std::unique_ptr<Document> document_;
    std::string error_;
    bool used_ = false;
};

}  // namespace portico::plugin
