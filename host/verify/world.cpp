#include "verify/world.hpp"

#include <algorithm>
#include <chrono>
#include <span>
#include <utility>

#include "net/drain.hpp"
#include "net/send_queue.hpp"
#include "sim/sim_port.hpp"

namespace portico::verify {

namespace {

constexpr std::uint32_t connections_max = 4'096;
constexpr std::uint32_t buffers_max = 512;
// How long a plugin's own threads get to call the host, each time that the world stands still.
constexpr std::uint32_t threads_us = 500;
constexpr std::uint32_t threads_looks = 8;
constexpr std::uint32_t looks_max = 1'000;

sim::SchedulerOptions scheduler_options() {
    sim::SchedulerOptions options;
    options.steps_max = 200'000'000;
    options.trace_events = 64;
    return options;
}

std::span<const std::byte> bytes_of(std::string_view text) noexcept {
    return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

}  // namespace

// ---- Peer

Peer::Peer(sim::Network& network) : peer_(network) {
    peer_.on_change = [this] { progress(); };
}

void Peer::connect(const io::Address& to, std::uint32_t receive_room) {
    peer_.connect(to, receive_room, 1U << 24);
}

void Peer::send(std::string_view bytes) {
    to_send_ += bytes;
    progress();
}

void Peer::finish() {
    is_finishing_ = true;
    progress();
}

void Peer::reset() {
    peer_.reset();
    end_ = end_ == End::none ? End::reset : end_;
}

void Peer::close() {
    end_ = end();
    peer_.close();
}

void Peer::reads(bool does) {
    reads_ = does;
    progress();
}

// The network's calls let events happen, which may come back here: then there is something new.
void Peer::progress() {
    is_due_ = true;
    if (is_progressing_) {
        return;
    }
    is_progressing_ = true;
    while (std::exchange(is_due_, false)) {
        exchange_bytes();
    }
    is_progressing_ = false;
}

void Peer::exchange_bytes() {
    if (peer_.state() == sim::SimPeer::State::open && !to_send_.empty()) {
        to_send_.erase(0, peer_.send(bytes_of(to_send_)));
    }
    if (is_finishing_ && to_send_.empty() && peer_.state() == sim::SimPeer::State::open) {
        peer_.finish_sending();
    }
    while (reads_ && peer_.receivable() != 0) {
        std::string came(peer_.receivable(), '\0');
        came.resize(peer_.receive({reinterpret_cast<std::byte*>(came.data()), came.size()}));
        received_ += came;
    }
}

Peer::End Peer::end() const noexcept {
    switch (peer_.state()) {
        case sim::SimPeer::State::refused: return End::refused;
        case sim::SimPeer::State::reset: return End::reset;
        case sim::SimPeer::State::open: return peer_.at_end() ? End::finished : End::none;
        case sim::SimPeer::State::idle:
        case sim::SimPeer::State::connecting: break;
    }
    return end_;
}

// ---- KeptLog

void KeptLog::write(base::LogLevel, std::string_view, std::uint64_t,
                    std::string_view text) noexcept {
    constexpr std::size_t lines_max = 256;
    if (lines_.size() < lines_max) {
        lines_.emplace_back(text);
    }
}

// ---- World

World::World(const portico_plugin& plugin, Options options)
    : options_(std::move(options)),
      random_(options_.seed),
      scheduler_(random_.fork("scheduler"), scheduler_options()),
      network_(scheduler_, random_.fork("network"), options_.faults),
      servers_(network_, options_.servers),
      log_(base::LogLevel::warn),
      watch_(scheduler_, plugin, options_.watch),
      receive_buffers_(options_.receive_buffer_bytes, buffers_max, io::BufferPool::Use::shared,
                       net::SendQueue::chunk_overhead),
      send_chunks_(options_.receive_buffer_bytes + net::SendQueue::chunk_overhead, buffers_max),
      table_(std::make_unique<net::ConnectionTable>(connections_max)),
      metrics_(std::make_unique<plugin::Metrics>(1, nullptr)) {
    sim::SimPortOptions port_options;
    port_options.accepts_max = 4;
    auto port = std::make_unique<sim::SimPort>(scheduler_, network_, receive_buffers_,
                                               random_.fork("port"), options_.faults, port_options);
    group_ = std::make_unique<net::WorkerGroup>(std::move(port), send_chunks_,
                                                net::WorkerOptions{});
    watch_.on_connect([this](const io::Address& address) { servers_.serve(address); });
}

World::~World() {
    if (!is_stopped_) {
        stop(0);
    }
}

std::vector<std::string> World::validate() {
    plugin::Instance instance(plugin::Loaded{nullptr, &watch_.table(), "verified"},
                              options_.listener, log_);
    return instance.validate(1);
}

std::vector<std::string> World::create(bool is_reload) {
    auto service = std::make_unique<Service>();
    service->listener = options_.listener;
    service->instance = std::make_unique<plugin::Instance>(
        plugin::Loaded{nullptr, &watch_.table(), "verified"}, service->listener, log_);
    service->context.listener_name = service->listener.name;
    service->context.limits = service->listener.limits;
    service->context.framing = service->listener.framing;
    service->context.protocol = service->instance.get();
    service->context.log = &log_;
    service->instance->use_metrics(*metrics_);
    service->instance->strand().set_home(*group_);
    Service& its = *services_.emplace_back(std::move(service));
    watch_.reloads(is_reload);
    const std::vector<net::WorkerGroup*> homes{group_.get()};
    net::Strand* const shared = its.instance->is_serial() ? &its.instance->strand() : nullptr;
    its.acceptor = std::make_unique<net::Acceptor>(*table_, *group_, homes, shared, its.context);
    its.connector = std::make_unique<net::Connector>(*table_, *its.acceptor, homes, shared,
                                                     its.context);
    add_upstreams(its);
    its.instance->use_connector(*its.connector);
    std::vector<std::string> mistakes = its.instance->create(*table_, its.context, *group_, 1);
    // Settings that nobody has read are mistakes of a create that succeeded.
    its.is_created = mistakes.empty();
    if (its.is_created) {
        listen(its);
    } else {
        its.is_retired = true;
    }
    return mistakes;
}

// The header of the PROXY protocol is the host's matter alone, and the servers would send it back.
void World::add_upstreams(Service& service) {
    for (const config::Upstream& upstream : service.listener.upstreams) {
        service.connector->add({upstream.name,
                                {servers_.add()},
                                upstream.connect_timeout_ms,
                                upstream.framing,
                                upstream.limits,
                                config::SendProxy::none});
    }
}

void World::listen(Service& service) {
    io::Address loopback;
    loopback.family = io::Address::Family::v4;
    loopback.bytes = {127, 0, 0, 1};
    base::Result<io::Address> bound = service.acceptor->listen(loopback);
    PORTICO_ASSERT(static_cast<bool>(bound));
    service.address = *bound;
    service.acceptor->start([] {});
    service.connector->start([] {});
}

Peer& World::connect_to(std::size_t instance, std::uint32_t receive_room) {
    peers_.push_back(std::make_unique<Peer>(network_));
    peers_.back()->connect(services_.at(instance)->address, receive_room);
    return *peers_.back();
}

std::uint32_t World::open_connections() const noexcept {
    std::uint32_t open = 0;
    for (const std::unique_ptr<Service>& service : services_) {
        open += service->acceptor->open_connections() + service->connector->open_connections();
    }
    return open;
}

void World::round(std::uint64_t until_ns) {
    if (watch_.work_off()) {
        return;
    }
    group_->run_round(std::min(until_ns, watch_.next_work_ns()));
}

void World::run_for(std::uint64_t duration_ns) {
    const std::uint64_t until = now() + duration_ns;
    do {
        round(until);
        static_cast<void>(watch_.open_gate(0));
    } while (now() < until);
    if (options_.waits_for_threads || watch_.has_threads()) {
        let_threads_work();
    }
}

// What they do takes the world a moment more.
void World::let_threads_work() {
    std::uint32_t quiet_looks = 0;
    for (std::uint32_t looks = 0; looks < looks_max && quiet_looks < threads_looks; ++looks) {
        if (watch_.open_gate(threads_us)) {
            quiet_looks = 0;
            round(now() + millisecond);
        } else {
            ++quiet_looks;
        }
    }
}

// ---- the end

// Outbound connections serve accepted ones, and end after them: end_retired().
void World::drain_connections(const Service& service, net::DrainReason reason,
                              std::uint64_t deadline_ns) {
    table_->for_each_live([&](net::Connection& connection) {
        const std::uint64_t generation = connection.generation();
        if (connection.is_accepted_by(service.context, generation)) {
            static_cast<void>(connection.drain(generation, {reason, deadline_ns}));
        }
    });
}

void World::drain() {
    for (const std::unique_ptr<Service>& service : services_) {
        if (!service->is_retired) {
            drain_connections(*service, net::DrainReason::admin, UINT64_MAX);
        }
    }
}

void World::retire_oldest() {
    const auto oldest = std::find_if(services_.begin(), services_.end(),
                                     [](const auto& service) { return !service->is_retired; });
    if (oldest == services_.end()) {
        return;
    }
    Service& service = **oldest;
    service.is_retired = true;
    service.acceptor->stop([&service] { service.has_stopped = true; });
    service.instance->begin_stop({net::DrainReason::reload, UINT64_MAX},
                                 [&service] { service.has_learned = true; });
    static_cast<void>(run_until(
        [&service] {
            return service.has_stopped && (service.has_learned || service.instance->may_drain());
        },
        second));
    run_for(millisecond);
    drain_connections(service, net::DrainReason::reload, UINT64_MAX);
}

void World::stop(std::uint32_t drain_ms) {
    is_stopped_ = true;
    const std::uint64_t deadline = now() + drain_ms * millisecond;
    std::vector<net::Acceptor*> acceptors;
    std::vector<net::Connector*> connectors;
    for (const std::unique_ptr<Service>& service : services_) {
        if (!service->is_retired) {
            acceptors.push_back(service->acceptor.get());
            connectors.push_back(service->connector.get());
        }
    }
    net::Drain drain(
        *table_, acceptors, [] {}, connectors);
    drain.begin({net::DrainReason::stop, deadline});
    for (;;) {
        const bool is_late = now() >= deadline;
        const bool is_done = drain.step(is_late);
        end_retired(is_late);
        if (is_done && open_connections() == 0) {
            break;
        }
        if (is_done && is_late) {
            // What a retired instance still has: the drain does not wait for it.
            table_->for_each_live([](net::Connection& connection) {
                static_cast<void>(connection.cut(connection.generation()));
            });
        }
        run_for(is_late ? millisecond : std::min(millisecond, deadline - now()));
    }
    end_instances();
    for (const std::unique_ptr<Peer>& peer : peers_) {
        peer->close();
    }
}

// A retired instance whose last accepted connection has ended makes no more outbound ones, and
// those that are open close. The drain sees to those of the others.
void World::end_retired(bool is_late) {
    for (const std::unique_ptr<Service>& service : services_) {
        if (!service->is_retired || service->connector->is_ending() ||
            (service->acceptor->open_connections() != 0 && !is_late)) {
            continue;
        }
        service->connector->end();
        table_->for_each_live([](net::Connection& connection) {
            if (connection.may_drain()) {
                static_cast<void>(connection.drain(connection.generation(),
                                                   {net::DrainReason::reload, UINT64_MAX}));
            }
        });
    }
}

void World::end_instances() {
    // An instance that finishes takes no more posts, and work ends with one.
    while (watch_.has_work()) {
        run_for(millisecond);
    }
    run_for(millisecond);
    for (const std::unique_ptr<Service>& service : services_) {
        while (!service->instance->finish_within(std::chrono::milliseconds(0))) {
            run_for(millisecond);
        }
    }
    run_for(10 * millisecond);
    group_->finish_rounds();
    for (const std::unique_ptr<Service>& service : services_) {
        service->instance.reset();
    }
    for (const std::unique_ptr<Service>& service : services_) {
        service->connector.reset();
        service->acceptor.reset();
    }
    group_.reset();
    table_.reset();
}

}  // namespace portico::verify
