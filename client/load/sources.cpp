#include "load/sources.hpp"

#include <algorithm>
#include <string>

#include "io/socket.hpp"

namespace portico::client {

namespace {

std::string quoted(std::string_view text) {
    return '"' + std::string(text) + '"';
}

base::Failure too_many() {
    return base::Failure{"more than " + std::to_string(sources_max) + " addresses"};
}

const char* name_of(io::Address::Family family) noexcept {
    return family == io::Address::Family::v6 ? "IPv6" : "IPv4";
}

// The next address; wraps around after the last one.
void advance(io::Address& address) noexcept {
    for (std::size_t i = address.family == io::Address::Family::v6 ? 16 : 4; i-- > 0;) {
        if (++address.bytes[i] != 0) {
            return;
        }
    }
}

}  // namespace

base::Result<std::vector<io::Address>> parse_sources(std::string_view text) {
    std::vector<io::Address> sources;
    for (bool is_more = true; is_more;) {
        const std::size_t comma = text.find(',');
        const std::string_view part = text.substr(0, comma);
        is_more = comma != std::string_view::npos;
        text.remove_prefix(is_more ? comma + 1 : text.size());

        const std::size_t dash = part.find('-');
        const auto first = io::parse_address(std::string(part.substr(0, dash)));
        const auto last = dash == std::string_view::npos
                              ? first
                              : io::parse_address(std::string(part.substr(dash + 1)));
        if (!first || !last) {
            return base::Failure{quoted(part) +
                                 " is not an address; expected literal ones like 127.0.0.2, ::1 or "
                                 "127.0.0.2-127.0.0.9"};
        }
        if (first->family != last->family ||
            (!sources.empty() && first->family != sources.front().family)) {
            return base::Failure{quoted(part) + ": IPv4 and IPv6 cannot be mixed"};
        }
        if (last->bytes < first->bytes) {
            return base::Failure{quoted(part) + ": the last address comes before the first"};
        }
        for (io::Address at = *first;; advance(at)) {
            if (sources.size() == sources_max) {
                return too_many();
            }
            sources.push_back(at);
            if (at.bytes == last->bytes) {
                break;
            }
        }
    }
    return sources;
}

base::Result<std::vector<io::Address>> reachable_from(const std::vector<io::Address>& sources,
                                                      const std::vector<io::Address>& addresses) {
    const io::Address::Family family = sources.front().family;
    std::vector<io::Address> reachable;
    std::copy_if(addresses.begin(), addresses.end(), std::back_inserter(reachable),
                 [&](const io::Address& address) { return address.family == family; });
    if (reachable.empty()) {
        return base::Failure{std::string("the addresses are of ") + name_of(family) +
                             ", and the server's is of " + name_of(addresses.front().family) +
                             ": " + io::to_string(addresses.front())};
    }
    for (const io::Address& source : sources) {
        io::Socket socket;
        if (const auto opened = socket.open_for_connect_from(source); !opened) {
            return base::Failure{opened.error()};
        }
    }
    return reachable;
}

}  // namespace portico::client
