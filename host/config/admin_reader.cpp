#include "config/admin_reader.hpp"

#include <algorithm>

#include "config/path_reader.hpp"
#include "config/utf8.hpp"
#include "io/address.hpp"

namespace portico::config {

namespace {

// True if the address of `listen` can be reached from this machine alone, whatever a name server
// says.
bool is_loopback(const std::string& listen) {
    base::Result<io::HostPort> parsed = io::parse_host_port(listen);
    if (!parsed) {
        return true;  // a mistake of its own
    }
    std::string host = parsed->host;
    std::transform(host.begin(), host.end(), host.begin(), lower);
    if (host.empty() || host == "localhost") {
        return true;
    }
    const std::optional<io::Address> address = io::parse_address(host);
    return address && io::is_loopback(*address);
}

}  // namespace

void read_admin(ObjectReader reader, const std::string& file, Admin& admin, TakenAddresses& taken,
                Mistakes& mistakes) {
    if (!reader.present()) {
        return;
    }
    read_single_listen(reader, admin.listen, taken, mistakes);
    read_path(reader, "token_file", "a file's name", file, admin.token_file);
    if (admin.token_file.empty() && !is_loopback(admin.listen.text)) {
        reader.missing("token_file",
                       "a file with a token, because " + in_quotes(admin.listen.text) +
                           " may be reached from other machines; or listen on 127.0.0.1");
    }
    reader.reject_unknown_keys();
}

}  // namespace portico::config
