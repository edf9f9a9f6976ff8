// Listens: resolves the addresses of listeners and of their upstreams, and binds the sockets.
#include <algorithm>

#include "base/clock.hpp"
#include "server/implementation.hpp"

namespace portico {

namespace {

bool is_any(const io::Address& address) {
    return std::all_of(address.bytes.begin(), address.bytes.end(),
                       [](std::uint8_t byte) { return byte == 0; });
}

// The address that both cover; none if there is none, or if each gets a free port.
io::Address shared_by(const io::Address& one, const io::Address& other) {
    if (one.port == 0 || one.port != other.port || one.family != other.family) {
        return {};
    }
    if (is_any(one)) {
        return other;
    }
    return is_any(other) || one == other ? one : io::Address{};
}

io::Address shared_by(const std::vector<io::Address>& some,
                      const std::vector<io::Address>& others) {
    for (const io::Address& one : some) {
        for (const io::Address& other : others) {
            const io::Address shared = shared_by(one, other);
            if (shared.family != io::Address::Family::none) {
                return shared;
            }
        }
    }
    return {};
}

std::string in_file(const std::string& file, int line) {
    return file.empty() ? "" : file + (line != 0 ? ":" + std::to_string(line) : "") + ": ";
}

}  // namespace

std::string Server::Implementation::listener_place(const config::Listener& listener) const {
    return in_file(config_.file, listener.line) + "listener \"" + listener.name + "\": ";
}

std::string Server::Implementation::listen_place(const config::Listener& listener,
                                                 const config::ListenAddress& entry) const {
    return in_file(config_.file, entry.line) + "listener \"" + listener.name + "\": " + entry.key +
           ": ";
}

void Server::Implementation::resolve(Service& service) {
    for (const config::ListenAddress& entry : service.listener->listen) {
        std::vector<io::Address>& addresses = service.addresses.emplace_back();
        if (base::Result<io::HostPort> where = io::parse_host_port(entry.text); !where) {
            errors_.push_back(listen_place(*service.listener, entry) + where.error());
        } else if (base::Result<std::vector<io::Address>> found = io::resolve(where->host,
                                                                              where->port);
                   !found) {
            errors_.push_back(listen_place(*service.listener, entry) + found.error());
        } else {
            addresses = std::move(*found);
            reject_shared(service);
        }
    }
}

void Server::Implementation::reject_shared(const Service& service) {
    const std::vector<config::ListenAddress>& listen = service.listener->listen;
    const std::size_t last = service.addresses.size() - 1;
    for (std::size_t i = 0; i < last; ++i) {
        const io::Address shared = shared_by(service.addresses[i], service.addresses[last]);
        if (shared.family != io::Address::Family::none) {
            errors_.push_back(listen_place(*service.listener, listen[last]) + "\"" +
                              listen[last].text + "\" covers " + io::to_string(shared) +
                              ", and so does " + listen[i].key + ", \"" + listen[i].text +
                              "\": leave one of them out");
            return;
        }
    }
}

void Server::Implementation::resolve_upstreams(Service& service) {
    const config::Listener& listener = *service.listener;
    for (const config::Upstream& upstream : listener.upstreams) {
        base::Result<io::HostPort> where = io::parse_host_port(upstream.address);
        base::Result<std::vector<io::Address>> addresses = where ? io::resolve(where->host,
                                                                               where->port)
                                                                 : base::Failure{where.error()};
        if (addresses) {
            service.upstreams.push_back({upstream.name, std::move(*addresses),
                                         upstream.connect_timeout_ms, upstream.framing,
                                         upstream.limits, upstream.send_proxy});
        } else {
            errors_.push_back(in_file(config_.file, upstream.line) + "listener \"" + listener.name +
                              "\": upstream \"" + upstream.name + "\": " + addresses.error());
        }
    }
}

bool Server::Implementation::listen(std::chrono::milliseconds retry_for) {
    const auto retry_until_ns = base::now_ns() + static_cast<std::uint64_t>(retry_for.count()) *
                                                     base::nanoseconds_per_millisecond;
    for (const std::unique_ptr<Service>& service : services_) {
        for (std::size_t index = 0; index < service->listener->listen.size(); ++index) {
            listen(*service, static_cast<std::uint32_t>(index), retry_until_ns);
        }
    }
    return errors_.empty();
}

void Server::Implementation::listen(Service& service, std::uint32_t listen_index,
                                    std::uint64_t retry_until_ns) {
    const config::Listener& listener = *service.listener;
    const config::ListenAddress& entry = listener.listen[listen_index];
    const auto fail = [&](const std::string& why, io::Error error) {
        errors_.push_back(listen_place(listener, entry) + why +
                          std::string(io::advice_on_listening(error)));
    };
    std::vector<std::string> absent;
    bool is_listening = false;
    for (const io::Address& address : service.addresses[listen_index]) {
        base::Result<io::Address> bound = service.acceptor->listen(address, retry_until_ns,
                                                                   listen_index);
        if (bound) {
            is_listening = true;
            endpoints_.push_back({listener.name, io::to_string(*bound), bound->port, listen_index});
        } else if (const auto error = static_cast<io::Error>(bound.kind());
                   error == io::Error::address_unavailable) {
            absent.push_back(bound.error());
        } else {
            fail(bound.error(), error);
        }
    }
    for (const std::string& why : absent) {
        if (is_listening) {
            log_->compose(base::LogLevel::warn, listener.name, 0, [&] {
                return why + "; \"" + entry.text + "\" is served at its other addresses";
            });
        } else {
            fail(why, io::Error::address_unavailable);
        }
    }
}

}  // namespace portico
