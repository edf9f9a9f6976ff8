#include "admin/page.hpp"

#include "index_html.hpp"
#include "page_policy_text.hpp"

namespace portico::admin {

std::string_view page_html() noexcept {
    return {reinterpret_cast<const char*>(index_html), sizeof index_html};
}

const char* const page_policy = page_policy_text;

}  // namespace portico::admin
