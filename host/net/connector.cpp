#include "net/connector.hpp"

#include <algorithm>
#include <iterator>
#include <new>
#include <utility>

#include "net/connecting.hpp"
#include "net/proxy_header.hpp"

namespace portico::net {

namespace {

std::vector<std::byte> greeting_of(const Connector::Target& target) {
    if (target.upstream == nullptr || target.upstream->send_proxy == config::SendProxy::none) {
        return {};
    }
    Connection::Info client;
    if (target.beside != nullptr && !target.beside->info(target.beside_generation, true, client)) {
        client = {};  // then the connect will be refused
    }
    return proxy_header(target.upstream->send_proxy, client.peer, client.local);
}

}  // namespace

Connector::Connector(ConnectionTable& table, Acceptor& acceptor,
                     const std::vector<WorkerGroup*>& homes, Strand* shared_strand,
                     const ConnectionContext& listener)
    : table_(table),
      acceptor_(acceptor),
      homes_(homes),
      shared_strand_(shared_strand),
      listener_(listener),
      without_upstream_(homes) {
    PORTICO_ASSERT(!homes.empty() && (shared_strand == nullptr || homes.size() == 1));
}

Connector::~Connector() {
    PORTICO_ASSERT(open_connections() == 0);
    while (spares_ != nullptr) {
        delete std::exchange(spares_, spares_->next_spare);
    }
}

std::vector<io::Address> Connector::take_turns(const std::vector<io::Address>& addresses) {
    const io::Address::Family first = addresses.front().family;
    std::vector<io::Address> others;
    std::copy_if(addresses.begin(), addresses.end(), std::back_inserter(others),
                 [&](const io::Address& address) { return address.family != first; });
    std::vector<io::Address> ordered;
    auto other = others.begin();
    for (const io::Address& address : addresses) {
        if (address.family == first) {
            ordered.push_back(address);
            if (other != others.end()) {
                ordered.push_back(*other++);
            }
        }
    }
    ordered.insert(ordered.end(), other, others.end());
    return ordered;
}

void Connector::add(Upstream upstream) {
    PORTICO_ASSERT(!started_ && !upstream.addresses.empty());
    upstream.addresses = take_turns(upstream.addresses);
    upstream.counts = std::make_shared<Outbound>(homes_);
    upstreams_.push_back(std::make_unique<Upstream>(std::move(upstream)));
}

void Connector::start(std::function<void()> last_released) {
    const std::scoped_lock lock(mutex_);
    PORTICO_ASSERT(!started_);
    started_ = true;
    last_released_ = std::move(last_released);
}

Connector::Upstream* Connector::find(std::string_view name) noexcept {
    const auto found = std::find_if(upstreams_.begin(), upstreams_.end(),
                                    [&](const auto& one) { return one->name == name; });
    return found != upstreams_.end() ? found->get() : nullptr;
}

Connector::Result Connector::connect(const Target& target, std::uint64_t& handle) noexcept {
    const std::uint32_t timeout_ms = target.timeout_ms != 0 ? target.timeout_ms
                                     : target.upstream != nullptr
                                         ? target.upstream->connect_timeout_ms
                                         : config::connect_timeout_ms_default;
    std::unique_ptr<Connecting> connecting(
        target.upstream != nullptr ? new (std::nothrow)
                                         Connecting(target.upstream->addresses, timeout_ms)
                                   : new (std::nothrow) Connecting(target.address, timeout_ms));
    if (connecting == nullptr) {
        return Result::no_memory;
    }
    Connection* connection = nullptr;
    try {
        const std::vector<std::byte> greeting = greeting_of(target);
        const std::scoped_lock lock(mutex_);
        const Result result = open(target, greeting, connecting, connection);
        count(outbound_of(target.upstream), result);
        if (result != Result::ok) {
            return result;
        }
        handle = connection->handle();
    } catch (const std::bad_alloc&) {
        return Result::no_memory;
    }
    connection->begin();
    return Result::ok;
}

Connector::Result Connector::open(const Target& target, std::span<const std::byte> greeting,
                                  std::unique_ptr<Connecting>& connecting,
                                  Connection*& connection) {
    if (!started_) {
        return Result::not_yet;
    }
    WorkerGroup* home = home_of(target);
    if (is_ending() || home == nullptr) {
        return Result::gone;
    }
    Route* route = route_of(target);
    if (route == nullptr || !take_place(target.upstream)) {
        return Result::limit;
    }
    connection = table_.take();
    if (connection != nullptr && !greeting.empty() && !connection->greet(greeting)) {
        table_.give_back(*std::exchange(connection, nullptr));
    }
    if (connection == nullptr) {
        give_place(target.upstream);
        return Result::no_memory;
    }
    open_.fetch_add(1, std::memory_order_relaxed);
    connects_.fetch_add(1, std::memory_order_relaxed);
    connection->take_target(route->context, connecting.release(), target.state);
    connection->open(*home, shared_strand_);
    return Result::ok;
}

void Connector::count(Outbound& outbound, Result result) noexcept {
    switch (result) {
        case Result::ok: outbound.begun.add(1); return;
        case Result::limit: outbound.traffic.opener_row().count_refusal(Refusal::limit); return;
        case Result::no_memory:
            outbound.traffic.opener_row().count_refusal(Refusal::no_memory);
            return;
        case Result::not_yet:
        case Result::gone: return;
    }
}

void Connector::end() noexcept {
    const std::scoped_lock lock(mutex_);
    is_ending_.store(true, std::memory_order_release);
}

void Connector::connection_released(Upstream* upstream) noexcept {
    {
        const std::scoped_lock lock(mutex_);
        give_place(upstream);
    }
    if (open_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        last_released_();  // the connector outlives the workers
    }
}

SpareAttempt* Connector::take_spare() noexcept {
    const std::scoped_lock lock(mutex_);
    return spares_ != nullptr ? std::exchange(spares_, spares_->next_spare)
                              : new (std::nothrow) SpareAttempt;
}

void Connector::give_spare(SpareAttempt& spare) noexcept {
    const std::scoped_lock lock(mutex_);
    spare.next_spare = std::exchange(spares_, &spare);
}

// ---- under mutex_

// The routes are few: one for each table of callbacks that the plugin has for an upstream.
Connector::Route* Connector::route_of(const Target& target) {
    for (const std::unique_ptr<Route>& route : routes_) {
        if (route->upstream == target.upstream && route->context.protocol == target.protocol) {
            return route.get();
        }
    }
    if (routes_.size() == routes_max) {
        return nullptr;
    }
    auto route = std::make_unique<Route>();
    route->connector = this;
    route->upstream = target.upstream;
    ConnectionContext& context = route->context;
    context.listener_name = listener_.listener_name;
    context.plugin_name = listener_.plugin_name;
    context.limits = target.upstream != nullptr ? target.upstream->limits : listener_.limits;
    if (target.upstream != nullptr) {
        context.framing = target.upstream->framing;
    }
    context.protocol = target.protocol;
    context.log = listener_.log;
    context.released = [](void* owner, const WorkerGroup&) {
        Route& released = *static_cast<Route*>(owner);
        released.connector->connection_released(released.upstream);
    };
    context.owner = route.get();
    context.listener = &listener_;
    context.connector = this;
    context.traffic = &outbound_of(target.upstream).traffic;
    routes_.push_back(std::move(route));
    return routes_.back().get();
}

WorkerGroup* Connector::home_of(const Target& target) noexcept {
    if (target.beside != nullptr &&
        !target.beside->belongs_to(listener_, target.beside_generation)) {
        return nullptr;
    }
    if (homes_.size() == 1) {
        return homes_.front();
    }
    if (target.beside != nullptr) {
        return target.beside->home_of(listener_, target.beside_generation);
    }
    // What a callback connects for is probably served on its own thread.
    const Worker* worker = Worker::current();
    if (worker != nullptr &&
        std::find(homes_.begin(), homes_.end(), &worker->group()) != homes_.end()) {
        return &worker->group();
    }
    for (std::size_t tried = 1; homes_[next_home_ % homes_.size()]->is_stuck(); ++tried) {
        if (tried == homes_.size()) {
            break;  // all are
        }
        ++next_home_;
    }
    return homes_[next_home_++ % homes_.size()];
}

bool Connector::take_place(Upstream* upstream) noexcept {
    if (upstream == nullptr) {
        return acceptor_.take_place();
    }
    if (upstream->open == upstream->limits.connections) {
        return false;
    }
    ++upstream->open;
    return true;
}

void Connector::give_place(Upstream* upstream) noexcept {
    if (upstream == nullptr) {
        acceptor_.give_place();
    } else {
        --upstream->open;
    }
}

}  // namespace portico::net
