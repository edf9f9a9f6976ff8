#include "sim/world/outbound.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace portico::sim {

namespace {

constexpr std::string_view serving = "serving";
constexpr std::string_view refusing = "refusing";
constexpr std::string_view stalling = "stalling";

// Its second address answers soon after Connecting::attempt_delay_ns, if nothing hinders it.
constexpr std::uint64_t stalling_is_over_ns = 500 * ms;

// True if nothing in this run makes a connect slow or lets it fail.
bool is_calm(const Plan& plan) {
    const FaultMix& faults = plan.faults;
    return faults.refused == 0 && faults.unreachable == 0 && faults.attach_fails == 0 &&
           faults.reset_connection == 0 && faults.timer_late_ns == 0 && faults.clock_jump == 0 &&
           plan.long_callbacks == 0;
}

}  // namespace

// ---- callbacks

struct WorldOutbound::Callbacks {
    // Covers a callback from beginning to end.
    struct Scope {
        Line& line;
        Scope(void* self, portico_connection connection, void* state, const char* what)
            : line(*static_cast<Line*>(state)) {
            WorldOutbound& all = *line.all;
            Service& service = *line.service;
            all.scheduler_.trace(what, line.number);
            if (self != &service || connection != line.handle) {
                all.violated(line, "a callback for another instance or connection");
            }
            if (Ledger::in_host_call() || service.is_destroyed || line.is_refused) {
                all.violated(line,
                             "a callback inside a host function, after destroy, or though "
                             "its connect was refused");
            }
            if (line.running++ != 0 || line.closes != 0) {
                all.violated(line, "a callback beside another one, or after on_close");
            }
            if (service.running++ != 0 && service.is_serial()) {
                all.violated(line, "two callbacks of a serial service overlap");
            }
            all.scheduler_.switch_point();
        }
        ~Scope() {
            --line.running;
            --line.service->running;
        }
        Scope(const Scope&) = delete;
        Scope& operator=(const Scope&) = delete;
    };

    static portico_status PORTICO_CALL on_open(void* self, portico_connection connection,
                                               const portico_opened* opened, void** state) {
        const Scope scope(self, connection, *state, "outbound {}: on_open");
        Line& line = scope.line;
        if (line.opens++ != 0 || opened->origin != PORTICO_ORIGIN_CONNECTED ||
            line.upstream == refusing) {
            line.all->violated(line,
                               "on_open twice, wrongly described, or of a server that is "
                               "not there");
        }
        line.all->meddle(*line.service);
        return line.all->draw_answer(line);
    }

    static portico_status PORTICO_CALL on_data(void* self, portico_connection connection,
                                               void* state, const std::uint8_t*, std::uint64_t size,
                                               const portico_frame*, std::uint64_t* consumed) {
        const Scope scope(self, connection, state, "outbound {}: on_data");
        Line& line = scope.line;
        if (line.opens == 0) {
            line.all->violated(line, "on_data before on_open");
        }
        line.received += size;
        *consumed = size;
        line.all->meddle(*line.service);
        return line.all->draw_answer(line);
    }

    static portico_status PORTICO_CALL on_end(void* self, portico_connection connection,
                                              void* state, const portico_ended*) {
        const Scope scope(self, connection, state, "outbound {}: on_end");
        Line& line = scope.line;
        static_cast<void>(line.all->inside([&] {
            return line.service->host->close(line.service->handle, line.handle,
                                             PORTICO_CLOSE_GRACEFUL);
        }));
        return PORTICO_OK;
    }

    static portico_status PORTICO_CALL on_drain(void* self, portico_connection connection,
                                                void* state, const portico_draining*) {
        const Scope scope(self, connection, state, "outbound {}: on_drain");
        scope.line.all->violated(scope.line, "on_drain");
    }

    static void PORTICO_CALL on_close(void* self, portico_connection connection, void* state,
                                      const portico_closed* told) {
        const Scope scope(self, connection, state, "outbound {}: on_close");
        scope.line.all->closed(scope.line, *told);
        scope.line.all->meddle(*scope.line.service);
        ++scope.line.closes;
    }

    static void PORTICO_CALL posted(void* self, portico_connection connection, void* state, void*,
                                    portico_status) {
        const Scope scope(self, connection, state, "outbound {}: a posted function");
        ++scope.line.posts_run;
        scope.line.all->meddle(*scope.line.service);
    }

    static const portico_callbacks& table() {
        static constexpr portico_callbacks made{
            sizeof(portico_callbacks), 0, on_open, on_data, nullptr, on_end, on_drain, on_close};
        return made;
    }
};

void WorldOutbound::closed(Line& line, const portico_closed& told) {
    const bool is_unmade = told.reason == PORTICO_REASON_CONNECT_FAILED ||
                           told.reason == PORTICO_REASON_CONNECT_TIMEOUT;
    scheduler_.trace("outbound {}: its reason is {}", line.number, told.reason);
    if (told.reason == 0 || (line.opens != 0) != (told.opened_ns != 0) ||
        (is_unmade && line.opens != 0) || told.received_bytes < line.received ||
        told.sent_bytes > line.sent_at_most) {
        violated(line, "on_close with wrong figures, reason " + std::to_string(told.reason));
    }
    if (told.reason == PORTICO_REASON_CONNECT_TIMEOUT &&
        scheduler_.now() < line.begun_ns + line.timeout_ns) {
        violated(line, "it is given up too early");
    }
    if (told.reason == PORTICO_REASON_CONNECT_TIMEOUT && line.upstream == stalling &&
        line.timeout_ns >= stalling_is_over_ns && is_calm(ledger_.plan()) &&
        !ledger_.is_stopping()) {
        violated(line, "its second address was not tried in time");
    }
    if (told.reason == PORTICO_REASON_PLUGIN_ERROR && told.status != line.failed_with) {
        violated(line, "on_close names another status than the callback's");
    }
    if (told.reason == PORTICO_REASON_DRAIN &&
        (!ledger_.is_stopping() || line.service->lines_open != 0)) {
        violated(line, "it is closed for a stop, and its instance still has " +
                           std::to_string(line.service->lines_open) + " accepted connections");
    }
    if (line.posts_run < line.posts_accepted) {
        violated(line, "on_close comes before a posted function");
    }
}

portico_status WorldOutbound::draw_answer(Line& line) {
    if (!random_.one_in(24)) {
        return random_.one_in(16) ? 12'345 : PORTICO_OK;
    }
    if (line.failed_with == PORTICO_OK) {
        line.failed_with = PORTICO_PROTOCOL_ERROR;
    }
    return line.failed_with;
}

void WorldOutbound::violated(const Line& line, const std::string& what) {
    ledger_.violated("outbound connection " + std::to_string(line.number) + " of service " +
                     std::to_string(line.service->number) + ": " + what);
}

// ---- calls

template <class Call>
portico_status WorldOutbound::inside(Call&& call) {
    scheduler_.switch_point();
    Ledger::in_host_call() = true;
    const portico_status status = call();
    Ledger::in_host_call() = false;
    return status;
}

void WorldOutbound::meddle(Service& from) {
    if (!random_.one_in(4) || from.host == nullptr) {
        return;
    }
    if (all_.empty() || random_.one_in(3)) {
        connect(from);
        return;
    }
    // Prefers newer ones, because they are alive. Some are another service's.
    const std::size_t back = static_cast<std::size_t>(random_.skewed(all_.size() - 1));
    use(from, *all_[all_.size() - 1 - back]);
}

// Connects that have returned and are not closed surely have a place.
std::uint32_t WorldOutbound::surely_open(const Service& service,
                                         std::string_view upstream) const noexcept {
    return static_cast<std::uint32_t>(
        std::count_if(all_.begin(), all_.end(), [&](const std::unique_ptr<Line>& line) {
            return line->service == &service && line->upstream == upstream && line->is_accepted &&
                   line->closes == 0;
        }));
}

void WorldOutbound::connect(Service& from) {
    constexpr std::string_view id = PORTICO_EXT_CONNECT;
    const auto* const table = static_cast<const portico_connect*>(
        from.host->get_extension(from.handle, id.data(), id.size()));
    if (table == nullptr || all_.size() == lines_max) {
        return;
    }
    Line& line = *all_.emplace_back(std::make_unique<Line>());
    line.all = this;
    line.number = static_cast<std::uint32_t>(all_.size() - 1);
    line.service = &from;
    line.upstream = random_.one_in(4) ? refusing : random_.one_in(3) ? stalling : serving;
    portico_target target{};
    target.struct_size = sizeof target;
    target.timeout_ms = static_cast<std::uint32_t>(
        random_.between(1, random_.one_in(2) ? 20 : 1'000));
    target.upstream = line.upstream.data();
    target.upstream_size = line.upstream.size();
    target.callbacks = &Callbacks::table();
    target.state = &line;
    if (const auto& lines = ledger_.lines(); !lines.empty() && random_.one_in(2)) {
        target.beside = lines[lines.size() - 1]->handle;
    }
    line.begun_ns = scheduler_.now();
    line.timeout_ns = target.timeout_ms * ms;
    if (line.upstream == serving && greets_) {
        line.sent_at_most += 52;  // the longest header of version 2 without extensions
    }
    const bool is_ending = from.connector->is_ending();
    const portico_status status = inside(
        [&] { return table->connect(from.handle, &target, &line.handle); });
    scheduler_.trace("call: connect of outbound {} answers -{} (service {})", line.number,
                     static_cast<std::uint64_t>(-status), from.number);
    switch (status) {
        case PORTICO_OK:
            line.is_accepted = true;
            if (is_ending) {
                violated(line, "it is accepted, though its instance has no connection any more");
            }
            if (surely_open(from, line.upstream) > connections_max) {
                violated(line, "its upstream has more connections than its limit");
            }
            return;
        case PORTICO_GONE:
            if (target.beside == 0 && !ledger_.is_stopping()) {
                violated(line, "connect answers GONE, and nothing has ended");
            }
            break;
        case PORTICO_LIMIT:
        case PORTICO_UNSUPPORTED: break;  // in create
        default: violated(line, "connect answers " + std::to_string(status));
    }
    line.is_refused = true;
    if (line.handle != 0 || line.opens != 0 || line.closes != 0) {
        violated(line, "its connect was refused, and something has happened");
    }
}

void WorldOutbound::use(Service& from, Line& line) {
    if (line.handle == 0 || line.mischief_left == 0) {
        return;
    }
    --line.mischief_left;
    const bool is_gone = line.closes != 0 || &from != line.service || from.is_destroyed;
    if (call(from, line) == PORTICO_OK && is_gone) {
        violated(line, "a call is accepted, though it is closed or another service's");
    }
}

portico_status WorldOutbound::call(Service& from, Line& line) {
    const portico_host& host = *from.host;
    portico_instance* const instance = from.handle;
    switch (random_.below(8)) {
        case 0:
        case 1:
        case 2: {
            static constexpr std::array<std::byte, 600> bytes{};
            const std::uint64_t size = 1 + random_.skewed(bytes.size() - 1);
            line.sent_at_most += size;
            return inside([&] { return host.send(instance, line.handle, bytes.data(), size); });
        }
        case 3: {
            const portico_status status = inside(
                [&] { return host.post(instance, line.handle, Callbacks::posted, nullptr); });
            line.posts_accepted += status == PORTICO_OK ? 1 : 0;
            return status;
        }
        case 4:
            return random_.one_in(2)
                       ? inside([&] { return host.pause_reading(instance, line.handle); })
                       : inside([&] { return host.resume_reading(instance, line.handle); });
        case 5: return inside([&] { return host.resume_reading(instance, line.handle); });
        case 6:
            return random_.one_in(3)
                       ? inside([&] { return host.finish_sending(instance, line.handle); })
                       : PORTICO_GONE;
        default:
            return random_.one_in(3) ? inside([&] {
                line.is_closing = true;
                return host.close(instance, line.handle,
                                  random_.one_in(2) ? PORTICO_CLOSE_GRACEFUL : PORTICO_CLOSE_ABORT);
            })
                                     : PORTICO_GONE;
    }
}

// ---- the server

WorldOutbound::WorldOutbound(Scheduler& scheduler, Network& network, Ledger& ledger, Random random)
    : scheduler_(scheduler),
      network_(network),
      ledger_(ledger),
      random_(random.fork("calls")),
      servers_(random.fork("server")) {
    for (io::Address* address : {&serving_, &refusing_, &stalling_, &roomy_}) {
        address->family = io::Address::Family::v4;
        address->bytes = {127, 0, 0, 1};
    }
    Network::Internals& inside = network_.internals();
    const Scheduler::Section section(scheduler_);
    for (io::Address* address : {&refusing_, &serving_, &stalling_, &roomy_}) {
        address->port = inside.free_port();
    }
    listen(serving_, static_cast<int>(servers_.below(3)), listener_);
    listen(stalling_, 0, stalling_listener_);
    listen(roomy_, 10'000, roomy_listener_);
    greets_ = servers_.one_in(2);
    scheduler_.after(1, [this] { act(); });
}

void WorldOutbound::listen(const io::Address& address, int backlog, Index& listener) {
    if (const std::string why = network_.internals().listen(address, backlog, listener);
        !why.empty()) {
        ledger_.violated("an upstream cannot listen: " + why);
    }
}

void WorldOutbound::add_upstreams(net::Connector& connector, const config::Limits& limits) {
    net::Connector::Upstream upstream;
    upstream.connect_timeout_ms = 1'000;
    upstream.limits = limits;
    upstream.limits.connections = connections_max;
    upstream.limits.max_send_bytes = 600;
    upstream.limits.idle_timeout_ms = 0;
    upstream.name = serving;
    upstream.addresses = {serving_};
    if (servers_.one_in(3)) {
        upstream.addresses = {refusing_, serving_};  // tried in turn
    }
    upstream.send_proxy = greets_ ? config::SendProxy::v2 : config::SendProxy::none;
    connector.add(upstream);
    upstream.send_proxy = config::SendProxy::none;
    upstream.name = refusing;
    upstream.addresses = {refusing_};
    connector.add(upstream);
    // The first address does not answer: its server accepts nobody, and its backlog is full.
    upstream.name = stalling;
    upstream.addresses = {stalling_, roomy_};
    if (servers_.one_in(2)) {
        upstream.addresses.insert(upstream.addresses.begin(), refusing_);
    }
    connector.add(upstream);
}

void WorldOutbound::act() {
    if (is_stopped_) {
        return;
    }
    if (servers_.one_in(2)) {
        const Index listener = servers_.one_in(3) ? roomy_listener_ : listener_;
        if (const Index accepted = network_.internals().accept(listener);
            accepted != Network::Internals::none) {
            accepted_.push_back({accepted, !greets_ || listener != listener_});
        }
    }
    if (!accepted_.empty()) {
        const std::size_t which = static_cast<std::size_t>(servers_.below(accepted_.size()));
        act_on(accepted_[which]);
        if (servers_.one_in(8)) {
            network_.internals().close(accepted_[which].handle);
            accepted_.erase(accepted_.begin() + static_cast<std::ptrdiff_t>(which));
        }
    }
    scheduler_.after(1 + servers_.skewed(3 * ms), [this] { act(); });
}

void WorldOutbound::read_from(Accepted& accepted, Network::Internals::End& end) {
    std::array<std::byte, 512> bytes{};
    const std::size_t count = network_.internals().read(end, bytes.data(), bytes.size());
    // All that services send is zero.
    if (count != 0 && !std::exchange(accepted.is_greeted, true) && bytes[0] != std::byte{0x0D}) {
        ledger_.violated("the first bytes of an outbound connection are no PROXY header");
    }
}

void WorldOutbound::act_on(Accepted& accepted) {
    Network::Internals& inside = network_.internals();
    Network::Internals::End& end = inside.end_of(accepted.handle, "an upstream's turn");
    if (end.state != Network::Internals::End::State::open) {
        return;
    }
    std::array<std::byte, 512> bytes{};
    switch (servers_.below(8)) {
        case 0:
        case 1:
        case 2: read_from(accepted, end); return;
        case 3:
        case 4:
            if (!end.is_finished) {
                static_cast<void>(
                    inside.write(end, bytes.data(), 1 + servers_.below(bytes.size())));
            }
            return;
        case 5:
            if (servers_.one_in(3)) {
                inside.finish(end);
            }
            return;
        case 6:
            if (servers_.one_in(6)) {
                inside.reset(end);
            }
            return;
        default: return;
    }
}

void WorldOutbound::stop() {
    is_stopped_ = true;
    const Scheduler::Section section(scheduler_);
    for (const Accepted& accepted : accepted_) {
        network_.internals().close(accepted.handle);
    }
    accepted_.clear();
    for (const Index listener : {listener_, stalling_listener_, roomy_listener_}) {
        network_.internals().close(listener);
    }
}

// ---- the ends

void WorldOutbound::destroyed(const Service& service) {
    for (const std::unique_ptr<Line>& line : all_) {
        if (line->service == &service && line->is_accepted && line->closes != 1) {
            violated(*line, "destroy comes before its on_close");
        }
    }
}

void WorldOutbound::check_overdue() {
    for (const std::unique_ptr<Line>& line : all_) {
        if (line->is_accepted && line->opens + line->closes == 0 && !line->is_closing &&
            scheduler_.now() > line->begun_ns + line->timeout_ns + overdue_ns +
                                   10 * ledger_.plan().faults.timer_late_ns) {
            violated(*line, "it is neither connected nor given up");
        }
    }
}

void WorldOutbound::finish() {
    for (const std::unique_ptr<Line>& line : all_) {
        if (line->is_accepted && (line->closes != 1 || line->posts_run != line->posts_accepted)) {
            violated(*line, "it never had its on_close, or a posted function never ran");
        }
    }
}

}  // namespace portico::sim
