#include "sim/world/world.hpp"

#include <algorithm>

namespace portico::sim {

namespace {

// If nothing delays it, what must happen does so within this time plus the service's own timeouts.
constexpr std::uint64_t bound_ns = 5'000 * ms;
// The same as in host/server.
constexpr std::uint64_t cut_again_ns = 100 * ms;
constexpr std::size_t latecomers_max = 8;

}  // namespace

// Builds the lines as the real log does, and drops them.
class World::SilentLog final : public base::Log {
public:
    explicit SilentLog(base::LogLevel level) : Log(level) {}
    void write(base::LogLevel, std::string_view, std::uint64_t,
               std::string_view) noexcept override {}
};

// A port with its pools and threads, as in host/server.
struct World::Port {
    io::BufferPool receive_buffers;
    io::BufferPool send_chunks;
    std::unique_ptr<net::WorkerGroup> group;

    // The pools are shared, even with one thread: their free buffers are poisoned
    // (scheduler_wraps.cpp).
    explicit Port(const Plan& plan)
        : receive_buffers(plan.receive_buffer_bytes, plan.receive_buffers,
                          io::BufferPool::Use::shared, net::SendQueue::chunk_overhead),
          send_chunks(plan.receive_buffer_bytes + net::SendQueue::chunk_overhead,
                      plan.send_chunks) {}
};

World::World(std::uint64_t seed, const std::string& banner)
    : random_(seed),
      plan_(Plan::draw(random_.fork("plan"))),
      faults_(plan_.faults.quiet()),
      scheduler_(random_.fork("scheduler"), plan_.scheduler),
      ledger_(scheduler_, plan_),
      calls_(scheduler_, ledger_, random_.fork("ways to send")),
      timers_(scheduler_, ledger_, random_.fork("timers")),
      works_(scheduler_, ledger_, random_.fork("works")),
      groups_(scheduler_, ledger_, random_.fork("groups")),
      lookups_(scheduler_, ledger_, random_.fork("lookups")) {
    scheduler_.set_banner(banner);
    ledger_.use_groups(plan_.has_groups ? &groups_ : nullptr);
    network_ = std::make_unique<Network>(scheduler_, random_.fork("network"), faults_);
    if (plan_.has_outbound) {
        outbound_ = std::make_unique<WorldOutbound>(scheduler_, *network_, ledger_,
                                                    random_.fork("outbound"));
    }
    log_ = std::make_unique<SilentLog>(random_.fork("log").one_in(8) ? base::LogLevel::debug
                                                                     : base::LogLevel::warn);
}

World::~World() = default;

World::Outcome World::run() {
    start();
    traffic();
    if (plan_.settles) {
        settle();
    }
    drain();
    finish();
    take_apart();
    Outcome outcome;
    outcome.events = scheduler_.history().count();
    outcome.steps = scheduler_.steps();
    outcome.switches = scheduler_.switches();
    const auto& lines = ledger_.lines();
    outcome.connections = static_cast<std::uint64_t>(std::count_if(
        lines.begin(), lines.end(), [](const auto& line) { return line->service != nullptr; }));
    outcome.digest = scheduler_.history().digest();
    return outcome;
}

// ---- start, as host/server does it

net::WorkerGroup* World::add_port(std::uint32_t threads, std::uint32_t batch) {
    auto added = std::make_unique<Port>(plan_);
    SimPortOptions options;
    options.shared = threads > 1;
    options.accepts_max = plan_.accepts_max;
    options.number = static_cast<std::uint32_t>(ports_.size());
    auto port = std::make_unique<SimPort>(scheduler_, *network_, added->receive_buffers,
                                          random_.fork("port", options.number), faults_, options);
    net::WorkerOptions worker_options;
    worker_options.threads = threads;
    worker_options.first_index = workers_;
    worker_options.batch = batch;
    worker_options.mail_budget = random_.fork("budget").one_in(2) ? 64 : 2;
    added->group = std::make_unique<net::WorkerGroup>(std::move(port), added->send_chunks,
                                                      worker_options);
    workers_ += threads;
    ports_.push_back(std::move(added));
    return ports_.back()->group.get();
}

void World::start() {
    std::uint32_t connections = 0;
    for (const ServicePlan& plan : plan_.services) {
        auto service = std::make_unique<Service>();
        service->plan = &plan;
        service->number = static_cast<std::uint32_t>(services_.size());
        service->listener.name = "listener" + std::to_string(service->number);
        service->listener.limits = plan.limits;
        service->listener.framing = plan.framing;
        service->listener.executor_threads = plan.executor_threads;
        service->listener.executor_queue = plan.executor_queue;
        service->plugin = std::make_unique<Plugin>(scheduler_, ledger_, calls_, *service,
                                                   random_.fork("plugin", service->number));
        service->plugin->timers = plan_.has_timers ? &timers_ : nullptr;
        service->plugin->works = plan_.has_works ? &works_ : nullptr;
        service->plugin->groups = plan_.has_groups ? &groups_ : nullptr;
        service->plugin->outbound = outbound_.get();
        service->plugin->lookups = plan_.has_lookups ? &lookups_ : nullptr;
        service->instance = std::make_unique<plugin::Instance>(
            plugin::Loaded{nullptr, &service->plugin->table(), "built in"}, service->listener,
            *log_);
        service->instance->use_lookups(WorldLookups::resolver());
        service->context.listener_name = service->listener.name;
        service->context.limits = plan.limits;
        service->context.framing = plan.framing;
        service->context.protocol = service->instance.get();
        service->context.log = log_.get();
        connections += plan.limits.connections +
                       (outbound_ != nullptr
                            ? WorldOutbound::upstreams * WorldOutbound::connections_max
                            : 0);
        services_.push_back(std::move(service));
    }
    table_ = std::make_unique<net::ConnectionTable>(connections);

    std::vector<net::WorkerGroup*> common;
    for (std::uint32_t i = 0; i < (plan_.is_shared ? 1 : plan_.threads); ++i) {
        common.push_back(add_port(plan_.is_shared ? plan_.threads : 1, 64));
    }
    // The same as in host/server if there are several workers. Accepts that share a port with
    // callbacks are a separate test.
    net::WorkerGroup* accepting = plan_.has_accepting_thread ? add_port(1, 64) : nullptr;
    std::size_t next_serial = 0;
    std::vector<net::WorkerGroup*> homes;
    for (const std::unique_ptr<Service>& service : services_) {
        std::vector<net::WorkerGroup*> groups = common;
        if (service->is_blocking()) {
            groups = {add_port(service->plan->blocking_threads, 1)};
        } else if (service->is_serial()) {
            groups = {common[next_serial++ % common.size()]};
        }
        service->homes = static_cast<std::uint32_t>(groups.size());
        service->instance->strand().set_home(*groups.front());
        service->acceptor = std::make_unique<net::Acceptor>(
            *table_, accepting != nullptr ? *accepting : *groups.front(), groups,
            service->is_serial() ? &service->instance->strand() : nullptr, service->context);
        service->connector = std::make_unique<net::Connector>(
            *table_, *service->acceptor, groups,
            service->is_serial() ? &service->instance->strand() : nullptr, service->context);
        if (outbound_ != nullptr) {
            outbound_->add_upstreams(*service->connector, service->plan->limits);
        }
        service->instance->use_connector(*service->connector);
        homes.push_back(groups.front());
    }
    io::Address loopback;
    loopback.family = io::Address::Family::v4;
    loopback.bytes = {127, 0, 0, 1};
    for (const std::unique_ptr<Service>& service : services_) {
        for (std::uint32_t i = 0; i < service->plan->addresses; ++i) {
            base::Result<io::Address> bound = service->acceptor->listen(loopback, 0, i);
            if (!bound) {
                ledger_.violated("cannot listen: " + bound.error());
            }
            service->addresses.push_back(*bound);
        }
    }
    for (const std::unique_ptr<Port>& port : ports_) {
        if (const base::Result<void> started = port->group->start(); !started) {
            ledger_.violated("cannot start the workers: " + started.error());
        }
    }
    metrics_ = std::make_unique<plugin::Metrics>(workers_, nullptr);
    for (std::size_t i = 0; i < services_.size(); ++i) {
        services_[i]->instance->use_metrics(*metrics_);
        Plugin::creating(*services_[i]);
        const std::vector<std::string> mistakes = services_[i]->instance->create(
            *table_, services_[i]->context, *homes[i], workers_);
        if (!mistakes.empty()) {
            ledger_.violated("create: " + mistakes.front());
        }
        services_[i]->is_created = true;
    }
    for (const std::unique_ptr<Service>& service : services_) {
        service->connector->start([this] { has_news_ = true; });
    }
    scheduler_.set_step_check([this] { check_step(); });
    for (const std::unique_ptr<Port>& port : ports_) {
        port->group->begin();
    }
    for (const std::unique_ptr<Service>& service : services_) {
        service->acceptor->start([this] { has_news_ = true; });
    }
}

// ---- traffic

void World::welcome_newcomers() {
    const Service& service = *services_.front();
    const std::uint64_t patience_ns = bound_ns + 10 * (plan_.faults.timer_late_ns +
                                                       plan_.faults.operation_delay_ns_max);
    for (std::uint32_t i = 0; i < plan_.newcomers; ++i) {
        newcomers_.push_back(std::make_unique<ScriptedPeer>(
            scheduler_, *network_, ledger_, services_, random_.fork("newcomer", i)));
        newcomers_.back()->begin_as_newcomer(service);
        const Attempt& attempt = *newcomers_.back()->attempt();
        const auto is_served = [&attempt] {
            return attempt.line != nullptr && attempt.line->is_accepted;
        };
        if (!scheduler_.run_until(is_served, scheduler_.now() + patience_ns)) {
            ledger_.violated("client " + std::to_string(i + 1) +
                             " of one address of service 0 is not served, and " +
                             std::to_string(service.plan->limits.connections) + " may be");
        }
    }
    // (If operations take as long as the time after which a stalled worker loses its arrivals, the
    // two cases look the same.)
    if (service.homes == 1 || plan_.faults.operation_delay_ns_max > ms) {
        return;
    }
    std::vector<std::uint32_t> counts(service.homes);
    for (const std::unique_ptr<ScriptedPeer>& newcomer : newcomers_) {
        if (newcomer->attempt() != nullptr) {
            ++counts[newcomer->attempt()->line->worker];
        }
    }
    const auto [fewest, most] = std::minmax_element(counts.begin(), counts.end());
    if (*most > *fewest + 1) {
        ledger_.violated("clients that came one by one are spread as " + std::to_string(*fewest) +
                         " to " + std::to_string(*most));
    }
}

void World::send_latecomer() {
    if (latecomers_.size() < latecomers_max) {
        latecomers_.push_back(
            std::make_unique<ScriptedPeer>(scheduler_, *network_, ledger_, services_,
                                           random_.fork("latecomer", latecomers_.size())));
        latecomers_.back()->begin(10 * ms);
    }
}

void World::traffic() {
    welcome_newcomers();
    faults_ = plan_.faults;
    for (const std::unique_ptr<Service>& service : services_) {
        service->plugin->is_unhurried = true;
        service->plugin->on_long_callback = [this] { send_latecomer(); };
    }
    for (std::uint32_t i = 0; i < plan_.peers; ++i) {
        peers_.push_back(std::make_unique<ScriptedPeer>(scheduler_, *network_, ledger_, services_,
                                                        random_.fork("peer", i)));
        peers_.back()->read_steadily(plan_.steady_readers);
        peers_.back()->begin(plan_.first_come_ns_max);
    }
    for (std::uint32_t i = 0; i < plan_.callers; ++i) {
        callers_.emplace_back([this] { call_from_threads(); });
    }
    if (plan_.has_operator) {
        operator_ = std::thread([this] { operate(); });
    }
    if (plan_.callers_end_in_destroy) {
        services_.front()->plugin->on_destroy = [this] { end_callers(); };
    }
    const auto are_over = [this] {
        return std::all_of(peers_.begin(), peers_.end(),
                           [](const auto& peer) { return peer->is_over(); });
    };
    const auto have_begun = [this] {
        return std::all_of(peers_.begin(), peers_.end(),
                           [](const auto& peer) { return peer->has_begun(); });
    };
    may_keep_waiting_ = plan_.long_callbacks == 0 || !plan_.has_accepting_thread ||
                        plan_.faults.clock_jump != 0 || plan_.faults.accept_no_descriptors != 0 ||
                        plan_.faults.accept_no_memory != 0;
    const std::uint64_t until = scheduler_.now() + plan_.traffic_ns;
    static_cast<void>(scheduler_.run_until(have_begun, UINT64_MAX));
    static_cast<void>(scheduler_.run_until(are_over, until));
    if (operator_.joinable()) {
        operator_ends_ = true;
        operator_.join();
    }
}

// ---- an operator, as host/server serves one

void World::operate() {
    Random random = random_.fork("the operator");
    scheduler_.name_thread("operator", 0);
    while (!operator_ends_) {
        static_cast<void>(scheduler_.run_until(
            [this] { return operator_ends_; },
            scheduler_.now() + 1 + random.skewed(std::min(plan_.traffic_ns / 2, 100 * ms))));
        if (Service& service = *random.pick(services_); operator_ends_) {
            break;
        } else if (!service.is_drained || random.one_in(4)) {
            drain_by_operator(service);
        } else if (undo_drain(service) && !random.one_in(3)) {
            static_cast<void>(
                scheduler_.run_until([&service] { return service.undos == 0; }, UINT64_MAX));
        }
    }
    const auto none_is_under_way = [this] {
        return std::all_of(services_.begin(), services_.end(),
                           [](const auto& service) { return service->undos == 0; });
    };
    static_cast<void>(scheduler_.run_until(none_is_under_way, UINT64_MAX));
}

void World::drain_by_operator(Service& service) {
    scheduler_.trace("service {}: an operator drains it", service.number);
    ++service.drains;
    service.drained_ns = scheduler_.now();
    service.is_drained = true;
    service.acceptor->cancel_resume();
    if (service.acceptor->state() == net::Acceptor::State::accepting) {
        service.acceptor->stop([this, &service] { order_drain(service); });
    }
    order_drain(service);
}

void World::order_drain(Service& service) {
    static_cast<void>(net::drain_accepted(*table_, service.context));
}

bool World::undo_drain(Service& service) {
    ++service.undos;
    const bool is_begun = service.acceptor->resume(
        [this, &service, drains = service.drains](const std::vector<std::string>& mistakes) {
            const bool is_latest = service.drains == drains;
            if (!mistakes.empty() && is_latest && faults_.attach_fails == 0) {
                ledger_.violated("service " + std::to_string(service.number) +
                                 " does not listen again: " + mistakes.front());
            }
            scheduler_.trace(
                mistakes.empty() ? "service {}: listens again" : "service {}: cannot listen again",
                service.number);
            service.is_drained = !mistakes.empty() || !is_latest;
            --service.undos;
        });
    service.undos -= is_begun ? 0 : 1;
    return is_begun;
}

void World::check_drained(Service& service) {
    const auto run_until = [this](const std::function<bool()>& is_so) {
        return scheduler_.run_until(is_so,
                                    scheduler_.now() + bound_ns + 10 * plan_.faults.timer_late_ns);
    };
    const std::string name = "service " + std::to_string(service.number);
    if (service.is_echo() &&
        !run_until([&service] { return service.acceptor->open_connections() == 0; })) {
        ledger_.violated(name + " is drained, and has connections");
    }
    const std::uint64_t until = scheduler_.now() + bound_ns + 10 * plan_.faults.timer_late_ns;
    while (!undo_drain(service)) {
        if (scheduler_.now() > until) {
            ledger_.violated(name + " is drained, and does not end to close its port");
        }
        scheduler_.sleep_for(ms);
    }
    if (!run_until([&service] { return service.undos == 0; })) {
        ledger_.violated(name + " is drained, and does not listen again");
    }
    if (service.is_echo()) {
        peers_.push_back(
            std::make_unique<ScriptedPeer>(scheduler_, *network_, ledger_, services_,
                                           random_.fork("newcomer after a drain", service.number)));
        peers_.back()->begin_as_newcomer(service);
        const Attempt& attempt = *peers_.back()->attempt();
        // (A peer that came meanwhile may have the last place.)
        if (!run_until([&] {
                return (attempt.line != nullptr && attempt.line->is_accepted) ||
                       service.acceptor->open_connections() >= service.plan->limits.connections;
            })) {
            ledger_.violated(name + " listens again, and does not serve");
        }
        peers_.back()->settle();
    }
}

// A thread that belongs to a plugin: for a while it calls host functions at random times, and
// resumes the connections that a callback has left to it.
void World::call_from_threads() {
    Random random = random_.fork("caller", ledger_.sender());
    scheduler_.name_thread("caller", ledger_.sender());
    for (std::uint64_t left = 10 + random.skewed(400); !callers_end_;) {
        if (Service* service = wants_resume(); service != nullptr) {
            Line& line = *service->wants_resume.front();
            service->wants_resume.pop_front();
            static_cast<void>(calls_.resume(*service, Calls::target(line)));
        }
        if (left == 0 || is_settling_) {
            static_cast<void>(scheduler_.run_until(
                [this] { return callers_end_ || wants_resume() != nullptr; }, UINT64_MAX));
            continue;
        }
        --left;
        if (Service& service = *random.pick(services_);
            !service.is_destroyed || plan_.callers_go_on) {
            service.plugin->meddle(true);
        }
        scheduler_.sleep_for(random.skewed(3 * ms));
    }
}

Service* World::wants_resume() const {
    const auto found = std::find_if(services_.begin(), services_.end(), [](const auto& service) {
        return !service->is_destroyed && !service->wants_resume.empty();
    });
    return found == services_.end() ? nullptr : found->get();
}

void World::end_callers() {
    callers_end_ = true;
    for (std::thread& caller : callers_) {
        caller.join();
    }
    callers_.clear();
}

// ---- settling

void World::settle() {
    scheduler_.trace("the world settles");
    is_settling_ = true;
    for (const std::unique_ptr<Service>& service : services_) {
        service->plugin->is_unhurried = false;
    }
    for (auto* others : {&newcomers_, &latecomers_}) {
        for (std::unique_ptr<ScriptedPeer>& peer : *others) {
            peers_.push_back(std::move(peer));
        }
        others->clear();
    }
    faults_ = plan_.faults.quiet();
    for (const std::unique_ptr<ScriptedPeer>& peer : peers_) {
        peer->end_with_this();
        peer->settle();
    }
    for (const std::unique_ptr<Service>& service : services_) {
        if (service->is_drained) {
            check_drained(*service);
        }
    }
    std::uint64_t longest_ms = 0;
    for (const std::unique_ptr<Service>& service : services_) {
        const config::Limits& limits = service->plan->limits;
        longest_ms = std::max<std::uint64_t>({longest_ms, limits.idle_timeout_ms,
                                              limits.half_close_timeout_ms,
                                              limits.close_timeout_ms});
    }
    // If an idle connection ends, its place goes to one that then becomes idle, too.
    const std::uint64_t deadline = scheduler_.now() +
                                   peers_.size() * (3 * longest_ms * ms + bound_ns +
                                                    10 * plan_.faults.timer_late_ns);
    if (scheduler_.run_until([this] { return is_settled(); }, deadline)) {
        if (plan_.has_timers) {
            scheduler_.sleep_for(bound_ns);
            timers_.check_overdue();
        }
        if (outbound_ != nullptr) {
            scheduler_.sleep_for(bound_ns);
            outbound_->check_overdue();
        }
        if (plan_.has_lookups) {
            scheduler_.sleep_for(bound_ns);
            lookups_.check_overdue();
        }
        return;
    }
    for (const std::unique_ptr<ScriptedPeer>& peer : peers_) {
        if (const char* awaited = awaited_by(*peer); awaited != nullptr) {
            const Attempt& attempt = *peer->attempt();
            ledger_.violated("peer " + std::to_string(attempt.number) + " of service " +
                             std::to_string(attempt.service->number) + " waits in vain for " +
                             awaited + "; it has sent " + std::to_string(attempt.sent) +
                             " bytes and received " + std::to_string(attempt.received));
        }
    }
    ledger_.violated("held connections are not resumed, though a thread was asked to");
}

bool World::is_settled() const {
    return (callers_.empty() || wants_resume() == nullptr) &&
           std::all_of(peers_.begin(), peers_.end(),
                       [this](const auto& peer) { return awaited_by(*peer) == nullptr; });
}

const char* World::awaited_by(const ScriptedPeer& peer) const {
    const Attempt* attempt = peer.attempt();
    if (attempt == nullptr) {
        return nullptr;
    }
    if (!peer.is_open()) {
        return "an answer to its connect";
    }
    const Service& service = *attempt->service;
    const Line* line = attempt->line;
    if (line == nullptr) {
        const bool is_full = service.acceptor->open_connections() >=
                             service.plan->limits.connections;
        return is_full ? nullptr : "its on_open, though there is a place";
    }
    if (!line->is_open() || line->is_close_sure || line->is_abort_sure) {
        return "the end of its connection, which is closed";
    }
    if (line->owes_writable) {
        return "an on_writable that its connection is owed";
    }
    if (attempt->received != line->accepted_bytes) {
        return "bytes that were accepted for it";
    }
    if (plan_.has_groups && groups_.is_awaited_by(*line)) {
        return "a broadcast";
    }
    if (service.plan->limits.idle_timeout_ms != 0) {
        return "the idle timeout";
    }
    if (!service.is_echo()) {
        return nullptr;
    }
    if (attempt->received != attempt->answerable() || !peer.has_said_all()) {
        return "its echo";
    }
    const bool says_too_much = attempt->has_too_long && attempt->sent == attempt->content.size();
    return attempt->is_finished || says_too_much ? "the end of its connection, which must come"
                                                 : nullptr;
}

// ---- the end, as host/server does it

void World::drain() {
    scheduler_.trace("the stop begins, with {} ms", plan_.drain_ms);
    may_keep_waiting_ = true;
    if (plan_.is_quiet_at_stop) {
        faults_ = plan_.faults.quiet();
    }
    if (Random rush = random_.fork("rush"); rush.one_in(2)) {
        for (const std::unique_ptr<ScriptedPeer>& peer : peers_) {
            peer->come_again();  // at the end of accepting
        }
        // Accepting ends within microseconds, so often they must be on their way when the end
        // begins.
        if (rush.one_in(2)) {
            scheduler_.sleep_for(rush.skewed(plan_.faults.latency_ns_max + ms / 10));
        }
    }
    ledger_.stopping(scheduler_.now());
    const std::uint64_t deadline = scheduler_.now() + plan_.drain_ms * ms;
    std::uint64_t late_looks = 0;  // not by the clock, because that may jump
    std::vector<net::Acceptor*> acceptors;
    std::vector<net::Connector*> connectors;
    for (const std::unique_ptr<Service>& service : services_) {
        acceptors.push_back(service->acceptor.get());
        connectors.push_back(service->connector.get());
    }
    net::Drain drain(
        *table_, std::move(acceptors), [this] { has_news_ = true; }, std::move(connectors));
    drain.begin({net::DrainReason::stop, deadline});
    for (;;) {
        has_news_ = false;
        const bool is_late = scheduler_.now() >= deadline;
        if (drain.step(is_late)) {
            return;
        }
        late_looks += is_late ? 1 : 0;
        if (late_looks * cut_again_ns > 2 * bound_ns) {
            ledger_.violated("the drain does not end, though its deadline is long past");
        }
        static_cast<void>(scheduler_.run_until(
            [this] { return has_news_; }, is_late ? scheduler_.now() + cut_again_ns : deadline));
    }
}

void World::finish() {
    if (!plan_.callers_end_in_destroy && !plan_.callers_go_on) {
        end_callers();
    }
    for (const std::unique_ptr<Service>& service : services_) {
        service->instance->finish();
    }
    for (const std::unique_ptr<Port>& port : ports_) {
        port->group->stop();
    }
    for (const std::unique_ptr<Service>& service : services_) {
        service->instance.reset();
    }
    end_callers();
    check_counts();
    check_traffic();
}

void World::check_counts() {
    double counted = 0;
    double added = 0;
    for (const plugin::MetricReading& reading : metrics_->read()) {
        if (!reading.definition->name.starts_with("portico_plugin_")) {
            continue;  // the host's own
        }
        for (const plugin::MetricReading::Series& read : reading.series) {
            counted += read.value;
            for (const std::unique_ptr<Service>& service : services_) {
                if (service->listener.name == read.metric->listener &&
                    service->count.added() != read.value) {
                    ledger_.violated("service " + std::to_string(service->number) +
                                     " has counted to " + std::to_string(service->count.added()) +
                                     ", and its metric says " + std::to_string(read.value));
                }
            }
        }
    }
    for (const std::unique_ptr<Service>& service : services_) {
        added += service->count.added();
    }
    if (counted != added) {
        ledger_.violated("a service's metric is missing");
    }
}

void World::check_traffic() {
    for (const std::unique_ptr<Service>& service : services_) {
        check_traffic_of(*service);
        service->connector->for_each_outbound(
            [&](std::string_view upstream, const net::Connector::Outbound& outbound) {
                const net::TrafficTotals counted = outbound.traffic.read();
                if (outbound.begun.load() != counted.closed_in_all() || counted.queued_bytes != 0) {
                    ledger_.violated(
                        "connections of service " + std::to_string(service->number) + " to \"" +
                        std::string(upstream) + "\": " + std::to_string(outbound.begun.load()) +
                        " were begun and " + std::to_string(counted.closed_in_all()) +
                        " ended, with " + std::to_string(counted.queued_bytes) + " bytes queued");
                }
            });
    }
}

void World::check_traffic_of(const Service& service) {
    const net::TrafficTotals counted = service.acceptor->traffic().read();
    const auto check = [&](const char* what, std::uint64_t number, std::uint64_t wanted) {
        if (number != wanted) {
            ledger_.violated("service " + std::to_string(service.number) + ": the host counted " +
                             std::to_string(number) + " " + what + ", and it was " +
                             std::to_string(wanted));
        }
    };
    check("received bytes", counted.received_bytes, service.closed.received_bytes);
    check("sent bytes", counted.sent_bytes, service.closed.sent_bytes);
    check("queued bytes at the end", counted.queued_bytes, 0);
    check("ended connections", counted.closed_in_all(), service.acceptor->accepted_connections());
    // Connections that on_open refused, or that never came to it, have no on_close.
    if (counted.unsent_bytes < service.closed.unsent_bytes) {
        check("unsent bytes", counted.unsent_bytes, service.closed.unsent_bytes);
    }
    for (std::size_t i = 0; i < net::close_reasons; ++i) {
        if (counted.closed[i] < service.closed.reasons[i]) {
            check(net::name_of(static_cast<net::CloseReason>(i)), counted.closed[i],
                  service.closed.reasons[i]);
        }
    }
    if (service.is_echo() && service.is_framed()) {
        std::uint64_t messages = 0;
        for (const std::unique_ptr<Line>& line : ledger_.lines()) {
            messages += line->service == &service ? line->messages : 0;
        }
        check("messages", counted.messages, messages);
    }
}

// Gives everything back. Then the bytes in flight to the peers arrive, and the peers are asked what
// they got.
void World::take_apart() {
    for (const std::unique_ptr<Port>& port : ports_) {
        if (port->receive_buffers.in_use() != 0 || port->send_chunks.in_use() != 0) {
            ledger_.violated(std::to_string(port->receive_buffers.in_use()) +
                             " receive buffers and " + std::to_string(port->send_chunks.in_use()) +
                             " send chunks were not given back");
        }
    }
    scheduler_.set_step_check(nullptr);
    for (const std::unique_ptr<Service>& service : services_) {
        service->connector.reset();
        service->acceptor.reset();
    }
    ports_.clear();
    table_.reset();
    if (outbound_ != nullptr) {
        outbound_->stop();
    }
    if (network_->open_handles() != 0) {
        ledger_.violated(std::to_string(network_->open_handles()) +
                         " sockets of the host were left open");
    }
    scheduler_.sleep_for(bound_ns);
    for (const std::unique_ptr<ScriptedPeer>& peer : peers_) {
        peer->stop();
    }
    for (const auto* others : {&newcomers_, &latecomers_}) {
        for (const std::unique_ptr<ScriptedPeer>& peer : *others) {
            peer->stop();
        }
    }
    calls_.finish();
    ledger_.finish();
    timers_.finish();
    works_.finish();
    lookups_.finish();
    if (outbound_ != nullptr) {
        outbound_->finish();
    }
    network_.reset();
}

// ---- at each step

void World::check_step() {
    for (const std::unique_ptr<Service>& service : services_) {
        if (service->acceptor->open_connections() > service->plan->limits.connections) {
            ledger_.violated("service " + std::to_string(service->number) + " has " +
                             std::to_string(service->acceptor->open_connections()) +
                             " connections open");
        }
    }
    if (!may_keep_waiting_) {
        check_waiting();
    }
    if (plan_.long_callbacks == 0 && plan_.faults.clock_jump == 0 && !ledger_.is_stopping()) {
        check_owed();
    }
}

// A refused sender learns of room soon after the peer has received everything, without waiting for
// another event.
void World::check_owed() {
    const std::uint64_t bound = 100 * ms + 20 * plan_.faults.operation_delay_ns_max;
    const std::uint64_t now = scheduler_.now();
    for (const std::unique_ptr<Line>& line : ledger_.lines()) {
        const Attempt* attempt = line->attempt;
        const bool is_due = line->owes_writable && line->is_open() &&
                            !line->service->is_blocking() && line->service->drains == 0 &&
                            line->closes_begun + line->aborts_begun == 0 && !line->has_failed &&
                            attempt != nullptr && attempt->peer != nullptr && !attempt->saw_end &&
                            !attempt->saw_reset && attempt->received == line->accepted_bytes &&
                            (!plan_.has_groups || groups_.bytes_on_the_way(*line) == 0);
        line->writable_since_ns = !is_due                        ? 0
                                  : line->writable_since_ns == 0 ? now
                                                                 : line->writable_since_ns;
        if (is_due && now > line->writable_since_ns + bound) {
            ledger_.violated(
                *line, "an on_writable is owed, and its peer has received everything long ago");
        }
    }
}

void World::check_waiting() {
    // Several times as long as it takes to find that a home has stalled, because another one may
    // stall next.
    const std::uint64_t bound = 4 * (10 * ms + plan_.faults.timer_late_ns) +
                                20 * plan_.faults.operation_delay_ns_max + 50 * ms;
    const std::uint64_t now = scheduler_.now();
    std::uint64_t idle_since = UINT64_MAX;
    for (std::uint32_t worker = 0; worker < plan_.threads; ++worker) {
        const Ledger::Pace& pace = ledger_.pace_of(worker);
        idle_since = pace.is_busy ? idle_since : std::min(idle_since, pace.idle_since_ns);
    }
    for (const std::unique_ptr<Service>& service : services_) {
        if (service->is_drained ||
            service->acceptor->open_connections() >= service->plan->limits.connections) {
            service->last_full_ns = now;
        }
    }
    if (idle_since == UINT64_MAX) {
        return;
    }
    for (const auto* some : {&peers_, &latecomers_}) {
        for (const std::unique_ptr<ScriptedPeer>& peer : *some) {
            const Attempt* attempt = peer->attempt();
            if (attempt == nullptr || attempt->connected_ns == 0 || attempt->line != nullptr ||
                attempt->saw_end || !peer->is_open()) {
                continue;
            }
            const Service& service = *attempt->service;
            if (!service.is_echo() || service.is_serial() || service.is_blocking()) {
                continue;
            }
            // A drain may have ended it before its on_open.
            if (attempt->connected_ns <= service.drained_ns) {
                continue;
            }
            if (now > std::max({attempt->connected_ns, service.last_full_ns, idle_since}) + bound) {
                ledger_.violated("peer " + std::to_string(attempt->number) + " of service " +
                                 std::to_string(service.number) +
                                 " waits for a busy worker while another one is idle");
            }
        }
    }
}

}  // namespace portico::sim
