// Any bytes as the text of a log line and as a listener's name: the line as JSON is one line, valid
// UTF-8, and a reader gets the same text back, with U+FFFD for what was not UTF-8.
#include <algorithm>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/assert.hpp"
#include "config/utf8.hpp"
#include "log/json_line.hpp"

using namespace portico;
using Json = nlohmann::json;

namespace {

void check_text(std::string_view logged, const std::string& read) {
    PORTICO_ASSERT(!config::first_invalid(read).has_value());
    const std::string_view kept = logged.substr(0, log::text_max);
    if (!config::first_invalid(kept).has_value()) {
        PORTICO_ASSERT(read == std::string(kept) + (logged.size() > kept.size() ? "..." : ""));
    } else {
        PORTICO_ASSERT(read.find("\xef\xbf\xbd") != std::string::npos);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view all(reinterpret_cast<const char*>(data), size);
    const std::string_view listener = all.substr(0, std::min<std::size_t>(size, 16));
    std::string line;
    log::append_line(line, {log::LineFormat::Kind::json, false},
                     {{}, base::LogLevel::info, listener, size}, all);
    PORTICO_ASSERT(line.find('\n') == line.size() - 1);
    const Json object = Json::parse(line);
    check_text(all, object.at("text").get<std::string>());
    PORTICO_ASSERT(object.contains("listener") == !listener.empty());
    if (!listener.empty()) {
        check_text(listener, object.at("listener").get<std::string>());
    }
    return 0;
}
