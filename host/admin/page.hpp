// The page that the admin endpoint serves: host/admin/page/index.html, compiled in.
#pragma once

#include <string_view>

namespace portico::admin {

[[nodiscard]] std::string_view page_html() noexcept;

// Its Content-Security-Policy. It allows the page's own style and script, by their hashes, and
// requests to where the page came from.
extern const char* const page_policy;

}  // namespace portico::admin
