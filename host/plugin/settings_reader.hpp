// Typed reads of a plugin's settings, which remember what was read and what went wrong: the host's
// side of "portico.settings/1".
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"

namespace portico::plugin {

// One thread's, while create or validate runs.
class SettingsReader {
public:
    enum class Read : std::uint8_t { ok, not_found, wrong_type };

    explicit SettingsReader(const config::Settings& settings);
    ~SettingsReader();

    [[nodiscard]] Read boolean(std::string_view key, bool& value);
    [[nodiscard]] Read integer(std::string_view key, std::int64_t minimum, std::int64_t maximum,
                               std::int64_t& value);
    [[nodiscard]] Read number(std::string_view key, double minimum, double maximum, double& value);
    // Valid as long as the reader.
    [[nodiscard]] Read string(std::string_view key, std::string_view& value);
    [[nodiscard]] Read count(std::string_view key, std::uint64_t& value);
    [[nodiscard]] Read anything(std::string_view key);

    // What the last failed read met, ready for a person; empty when none failed.
    [[nodiscard]] const std::string& error() const noexcept { return error_; }
    // A line for each member that nothing has read; empty when the plugin has never asked.
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
