#include "admin/page.hpp"

#include "admin_page.hpp"

namespace portico::admin {

std::string_view page_html() noexcept {
    return {reinterpret_cast<const char*>(admin_page), sizeof admin_page};
}

const char* const page_policy = admin_page_policy;

}  // namespace portico::admin
