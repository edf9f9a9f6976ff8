#include "sim/world/plugins.hpp"

#include <algorithm>

#include "sim/world/groups.hpp"
#include "sim/world/lookups.hpp"
#include "sim/world/outbound.hpp"
#include "sim/world/timers.hpp"
#include "sim/world/works.hpp"

namespace portico::sim {

namespace {

thread_local Service* service_to_create = nullptr;

Line& line_of(void* state) noexcept {
    return *static_cast<Line*>(state);
}

}  // namespace

// ---- the table

struct Plugin::Callbacks {
    static Service& service_of(void* self) noexcept { return *static_cast<Service*>(self); }

    // The line of a callback, which must be that of the connection.
    static Line& checked(Service& service, portico_connection connection, void* state) noexcept {
        if (state == nullptr || line_of(state).handle != connection ||
            line_of(state).service != &service) {
            service.plugin->ledger_.violated("a callback comes with another connection's state");
        }
        return line_of(state);
    }

    static portico_status PORTICO_CALL create(const portico_setup* setup, void** self) {
        Service& service = *service_to_create;
        service.host = setup->host;
        service.handle = setup->instance;
        *self = &service;
        if (setup->mode != PORTICO_SETUP_CREATE || setup->plugin != &service.plugin->table_ ||
            (setup->framing != PORTICO_FRAMING_NONE) != service.is_framed() ||
            setup->max_send_bytes != service.plan->limits.max_send_bytes) {
            service.plugin->ledger_.violated("create with another setup than the listener's");
        }
        if (setup->host->worker_index(setup->instance) != UINT32_MAX) {
            service.plugin->ledger_.violated("create runs on a worker");
        }
        if (!service.count.define(*setup)) {
            service.plugin->ledger_.violated("create cannot define a metric");
        }
        static_cast<void>(service.plugin->calls_.post_instance(service, posted));
        if (service.plugin->timers != nullptr) {
            service.plugin->timers->meddle(service);
        }
        if (service.plugin->works != nullptr) {
            service.plugin->works->meddle(service);
        }
        if (service.plugin->lookups != nullptr) {
            service.plugin->lookups->meddle(service);
        }
        if (service.plugin->outbound != nullptr) {
            service.plugin->outbound->meddle(service);
        }
        return PORTICO_OK;
    }

    static portico_status PORTICO_CALL on_stop(void* self, const portico_draining* draining) {
        Service& service = service_of(self);
        Plugin& plugin = *service.plugin;
        const Ledger::Callback callback(plugin.ledger_, service, nullptr, "service {}: on_stop");
        plugin.ledger_.stop_told(service, *draining);
        return plugin.on_stop();
    }

    static void PORTICO_CALL destroy(void* self) {
        Service& service = service_of(self);
        if (service.plan->has_on_stop != service.is_stop_told) {
            service.plugin->ledger_.violated("destroy without an on_stop before");
        }
        if (service.running != 0 || service.lines_open != 0) {
            service.plugin->ledger_.violated("destroy, and something of the instance is left");
        }
        if (service.plugin->timers != nullptr) {
            service.plugin->timers->destroyed(service);
        }
        if (service.plugin->works != nullptr) {
            service.plugin->works->destroyed(service);
        }
        if (service.plugin->lookups != nullptr) {
            service.plugin->lookups->destroyed(service);
        }
        if (service.plugin->outbound != nullptr) {
            service.plugin->outbound->destroyed(service);
        }
        if (service.plugin->on_destroy) {
            service.plugin->on_destroy();
        }
        service.is_destroyed = true;
    }

    static portico_status PORTICO_CALL on_open(void* self, portico_connection connection,
                                               const portico_opened* opened, void** state) {
        Service& service = service_of(self);
        Plugin& plugin = *service.plugin;
        Line& line = plugin.ledger_.open(service, connection, *opened);
        const Ledger::Callback callback(plugin.ledger_, service, &line, "connection {}: on_open");
        if (plugin.groups != nullptr) {
            plugin.groups->opened(line);
        }
        if (*state != nullptr || service.host->worker_index(service.handle) == UINT32_MAX) {
            plugin.ledger_.violated(line, "on_open with a state, or not on a worker");
        }
        return plugin.on_open(line, state);
    }

    static portico_status PORTICO_CALL on_data(void* self, portico_connection connection,
                                               void* state, const std::uint8_t* data,
                                               std::uint64_t size, const portico_frame* frame,
                                               std::uint64_t* consumed) {
        Service& service = service_of(self);
        Plugin& plugin = *service.plugin;
        Line& line = checked(service, connection, state);
        const Ledger::Callback callback(plugin.ledger_, service, &line,
                                        "connection {}: on_data, {} bytes", size);
        const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
        plugin.ledger_.offered(line, bytes, *frame);
        const portico_status status = plugin.on_data(line, bytes, *consumed);
        plugin.scheduler_.trace("connection {}: on_data took {} bytes and answers {}", line.number,
                                *consumed, status);
        // (The plugin answers WOULD_BLOCK only if it is certain what that means.)
        const bool would_block = status == PORTICO_WOULD_BLOCK && !line.has_failed;
        const bool ends = status == PORTICO_GONE || status == PORTICO_CLOSING;
        if (!would_block && ((status < 0 && !ends) || *consumed > size)) {
            plugin.ledger_.failed(line, status < 0 && !ends ? status : PORTICO_INVALID);
            return status;
        }
        const bool is_held = status == PORTICO_HOLD || status == PORTICO_WAIT || would_block;
        plugin.ledger_.taken(line, size, would_block ? 0 : *consumed, is_held);
        // A NULL on_writable ends a hold unseen, and so may an earlier resume that is still on its
        // way.
        line.has_held = is_held;
        line.is_waiting = status == PORTICO_WAIT;
        line.is_held = is_held && line.resumes_begun == line.resumes_done &&
                       (line.is_waiting || service.plan->has_on_writable);
        return status;
    }

    static portico_status PORTICO_CALL on_writable(void* self, portico_connection connection,
                                                   void* state) {
        Service& service = service_of(self);
        Plugin& plugin = *service.plugin;
        Line& line = checked(service, connection, state);
        const Ledger::Callback callback(plugin.ledger_, service, &line,
                                        "connection {}: on_writable");
        plugin.ledger_.writable(line);
        return plugin.on_writable(line);
    }

    static portico_status PORTICO_CALL on_end(void* self, portico_connection connection,
                                              void* state, const portico_ended* ended) {
        Service& service = service_of(self);
        Plugin& plugin = *service.plugin;
        Line& line = checked(service, connection, state);
        const Ledger::Callback callback(plugin.ledger_, service, &line,
                                        "connection {}: on_end, {} bytes remain", ended->remaining);
        plugin.ledger_.end_told(line, *ended);
        return plugin.on_end(line);
    }

    static portico_status PORTICO_CALL on_drain(void* self, portico_connection connection,
                                                void* state, const portico_draining* draining) {
        Service& service = service_of(self);
        Plugin& plugin = *service.plugin;
        Line& line = checked(service, connection, state);
        const Ledger::Callback callback(plugin.ledger_, service, &line,
                                        "connection {}: on_drain, until {} ns",
                                        draining->deadline_ns);
        plugin.ledger_.drain_told(line, *draining);
        return plugin.on_drain(line);
    }

    static void PORTICO_CALL on_close(void* self, portico_connection connection, void* state,
                                      const portico_closed* closed) {
        Service& service = service_of(self);
        Plugin& plugin = *service.plugin;
        Line& line = checked(service, connection, state);
        const Ledger::Callback callback(plugin.ledger_, service, &line,
                                        "connection {}: on_close, reason {}", closed->reason);
        if (plugin.timers != nullptr) {
            plugin.timers->closed(line);
        }
        if (plugin.lookups != nullptr) {
            plugin.lookups->closed(line);
        }
        plugin.ledger_.closed(line, *closed);
        plugin.on_close(line);
    }

    static void PORTICO_CALL posted(void* self, portico_connection connection, void* state,
                                    void* argument, portico_status status) {
        auto& posted = *static_cast<Posted*>(argument);
        Service& service = *posted.service;
        Plugin& plugin = *service.plugin;
        const Ledger::Callback callback(
            plugin.ledger_, service, posted.line,
            posted.line != nullptr ? "connection {}: post {} runs" : "service {}: post {} runs",
            posted.number);
        if (self != &service || connection != (posted.line != nullptr ? posted.line->handle : 0)) {
            plugin.ledger_.violated("a posted function runs for another instance or connection");
        }
        plugin.ledger_.ran(posted, state, status);
        plugin.on_posted(posted);
    }
};

Plugin::Plugin(Scheduler& scheduler, Ledger& ledger, Calls& calls, Service& service, Random random)
    : scheduler_(scheduler), ledger_(ledger), calls_(calls), service_(service), random_(random) {
    static constexpr char name[] = "simulated";
    const ServicePlan& plan = *service.plan;
    table_.struct_size = sizeof table_;
    table_.abi_major = PORTICO_ABI_MAJOR;
    table_.abi_minor = PORTICO_ABI_MINOR;
    table_.flags = plan.flags;
    table_.name = name;
    table_.name_size = sizeof name - 1;
    table_.create = Callbacks::create;
    table_.destroy = Callbacks::destroy;
    table_.on_stop = plan.has_on_stop ? Callbacks::on_stop : nullptr;
    table_.callbacks = &callbacks_;
    callbacks_.struct_size = sizeof callbacks_;
    callbacks_.on_open = Callbacks::on_open;
    callbacks_.on_data = Callbacks::on_data;
    callbacks_.on_writable = plan.has_on_writable ? Callbacks::on_writable : nullptr;
    callbacks_.on_end = plan.has_on_end ? Callbacks::on_end : nullptr;
    callbacks_.on_drain = plan.has_on_drain ? Callbacks::on_drain : nullptr;
    callbacks_.on_close = Callbacks::on_close;
}

void Plugin::creating(Service& service) noexcept {
    service_to_create = &service;
}

// ---- callbacks

void Plugin::linger() {
    scheduler_.switch_point();
    if (timers != nullptr) {
        timers->meddle(service_);
    }
    if (lookups != nullptr) {
        lookups->meddle(service_);
    }
    if (works != nullptr) {
        works->meddle(service_);
    }
    if (groups != nullptr) {
        groups->meddle(service_);
    }
    if (service_.is_blocking() && random_.one_in(8)) {
        scheduler_.sleep_for(random_.skewed(20 * ms));
    }
    if (is_unhurried && !ledger_.is_stopping() && random_.chance(ledger_.plan().long_callbacks)) {
        const std::uint32_t worker = service_.host->worker_index(service_.handle);
        const std::uint64_t most = ledger_.plan().long_callback_ns_max;
        const std::uint64_t duration = 1 + (random_.one_in(2) ? random_.below(most)
                                                              : random_.skewed(most));
        scheduler_.trace("worker {}: a callback takes {} ns", worker, duration);
        ledger_.pace_of(worker).is_busy = true;
        on_long_callback();
        scheduler_.sleep_for(duration);
        ledger_.pace_of(worker) = {false, scheduler_.now()};
    }
}

portico_status Plugin::on_open(Line& line, void** state) {
    linger();
    if (!service_.is_echo()) {
        misbehave(&line);
        if (random_.one_in(16)) {
            Ledger::refused(line);
            return PORTICO_REFUSED;
        }
    }
    *state = &line;
    line.is_accepted = true;
    if (++service_.lines_open > service_.plan->limits.connections) {
        ledger_.violated(line, "more connections than the limit");
    }
    return PORTICO_OK;
}

portico_status Plugin::on_data(Line& line, std::span<const std::byte> data,
                               std::uint64_t& consumed) {
    linger();
    if (service_.is_echo()) {
        return echo(line, data, consumed);
    }
    if (random_.chance(ledger_.plan().farewells)) {
        return say_farewell(line, data.size(), consumed);
    }
    if (random_.chance(ledger_.plan().floods)) {
        flood(line);
        consumed = data.size();
        return PORTICO_OK;
    }
    misbehave(&line);
    if (line.mischief_left == 0) {
        consumed = data.size();
        return PORTICO_OK;
    }
    consumed = random_.one_in(2) ? data.size() : random_.below(data.size() + 1);
    if (random_.one_in(64)) {
        consumed = data.size() + 1 + random_.below(1'000);
    }
    if (random_.one_in(4)) {
        if (random_.one_in(2)) {
            static_cast<void>(calls_.post(service_, Calls::target(line), Callbacks::posted, true));
        } else {
            service_.wants_resume.push_back(&line);
        }
        return service_.plan->waits ? PORTICO_WAIT : PORTICO_HOLD;
    }
    return may_block(line, draw_answer(line));
}

// Sends the offered bytes in allowed pieces, and consumes them when the last piece is accepted. A
// full queue holds it until on_writable. Now and then it consumes a part and lets a post or another
// thread resume it.
portico_status Plugin::echo(Line& line, std::span<const std::byte> data, std::uint64_t& consumed) {
    // sent before and offered again
    std::size_t done = static_cast<std::size_t>(line.echoed - line.consumed);
    while (done < data.size()) {
        const std::size_t piece = std::min<std::size_t>(data.size() - done,
                                                        service_.plan->limits.max_send_bytes);
        const portico_status status = calls_.send(service_, Calls::target(line),
                                                  data.subspan(done, piece));
        if (status == PORTICO_WOULD_BLOCK) {
            consumed = service_.is_framed() ? 0 : done;
            return random_.one_in(2) ? status : PORTICO_HOLD;
        }
        if (status != PORTICO_OK) {
            consumed = data.size();
            line.echoed = line.consumed + data.size();
            return PORTICO_OK;
        }
        done += piece;
        line.echoed += piece;
        const ServicePlan& plan = *service_.plan;
        if ((plan.resumes_by_post || plan.resumes_from_thread || plan.resumes_inside) &&
            random_.one_in(4)) {
            return hold_until_resumed(line, done, data.size(), consumed);
        }
    }
    consumed = data.size();
    return PORTICO_OK;
}

portico_status Plugin::hold_until_resumed(Line& line, std::size_t done, std::size_t size,
                                          std::uint64_t& consumed) {
    const ServicePlan& plan = *service_.plan;
    if (plan.resumes_inside) {
        static_cast<void>(calls_.resume(service_, Calls::target(line)));
    } else if (plan.resumes_from_thread) {
        service_.wants_resume.push_back(&line);
    } else {
        static_cast<void>(calls_.post(service_, Calls::target(line), Callbacks::posted, true));
    }
    consumed = service_.is_framed() && done < size ? 0 : done;
    return plan.waits ? PORTICO_WAIT : PORTICO_HOLD;
}

// Sends its last messages, and closes. It no longer matters how much it consumes.
portico_status Plugin::say_farewell(Line& line, std::size_t size, std::uint64_t& consumed) {
    for (std::uint64_t messages = random_.below(4); messages > 0; --messages) {
        static_cast<void>(calls_.send_message(service_, Calls::target(line),
                                              MessageHeader::bytes + random_.skewed(600)));
    }
    static_cast<void>(calls_.close(service_, Calls::target(line), PORTICO_CLOSE_GRACEFUL));
    consumed = random_.one_in(2) ? 0 : random_.below(size + 1);
    return PORTICO_OK;
}

// Sends messages of one size until the queue is full, but not for ever if it is large.
void Plugin::flood(Line& line) {
    const auto size = MessageHeader::bytes + random_.skewed(random_.one_in(3) ? 600 : 60);
    for (int messages = 0; messages < 40 && line.mischief_left > 0; ++messages) {
        if (calls_.send_message(service_, Calls::target(line), size) != PORTICO_OK) {
            --line.mischief_left;
            return;
        }
    }
}

portico_status Plugin::on_writable(Line& line) {
    linger();
    if (service_.is_echo()) {
        return PORTICO_OK;
    }
    misbehave(&line);
    return draw_answer(line);
}

portico_status Plugin::on_end(Line& line) {
    linger();
    if (service_.is_echo()) {
        static_cast<void>(calls_.close(service_, Calls::target(line), PORTICO_CLOSE_GRACEFUL));
        return PORTICO_OK;
    }
    misbehave(&line);
    if (!random_.one_in(4)) {
        static_cast<void>(calls_.close(service_, Calls::target(line), PORTICO_CLOSE_GRACEFUL));
    }
    return draw_answer(line);
}

portico_status Plugin::on_drain(Line& line) {
    linger();
    if (service_.is_echo()) {
        static_cast<void>(calls_.close(service_, Calls::target(line), PORTICO_CLOSE_GRACEFUL));
        return PORTICO_OK;
    }
    misbehave(&line);
    if (!random_.one_in(4)) {
        static_cast<void>(calls_.close(service_, Calls::target(line), PORTICO_CLOSE_GRACEFUL));
    }
    return draw_answer(line);
}

void Plugin::on_close(Line& line) {
    linger();
    static_cast<void>(calls_.info(service_, Calls::target(line)));
    if (!service_.is_echo()) {
        misbehave(&line);
    }
}

portico_status Plugin::on_stop() {
    linger();
    if (!service_.is_echo()) {
        misbehave(nullptr);
    }
    return random_.one_in(8) ? PORTICO_ERROR : PORTICO_OK;  // it is only logged
}

void Plugin::on_posted(Posted& posted) {
    linger();
    if (posted.resumes) {
        static_cast<void>(calls_.resume(service_, Calls::target(*posted.line)));
    } else if (!service_.is_echo()) {
        misbehave(posted.line);
    }
}

void Plugin::on_released(Line& line) {
    linger();
    if (!service_.is_echo()) {
        misbehave(&line);
    }
}

// ---- mischief

portico_status Plugin::draw_answer(Line& line) {
    if (line.mischief_left == 0 || !random_.one_in(24)) {
        // All of these mean that nothing has failed.
        constexpr portico_status others[] = {12'345, PORTICO_GONE, PORTICO_CLOSING};
        return random_.one_in(16) ? others[random_.below(3)] : PORTICO_OK;
    }
    const portico_status status = random_.one_in(2) ? PORTICO_PROTOCOL_ERROR : -12'345;
    ledger_.failed(line, status);
    return status;
}

portico_status Plugin::may_block(Line& line, portico_status answer) {
    if (answer != PORTICO_OK || line.mischief_left == 0 || !random_.one_in(8)) {
        return answer;
    }
    const bool is_certain = line.closes_begun + line.aborts_begun == 0 && line.sends_running == 0;
    if (is_certain && line.owes_writable) {
        return PORTICO_WOULD_BLOCK;  // a hold, with nothing consumed
    }
    if (is_certain && line.refusals == 0 && random_.one_in(8)) {
        ledger_.failed(line, PORTICO_WOULD_BLOCK);
        return PORTICO_WOULD_BLOCK;
    }
    return answer;
}

void Plugin::misbehave(Line* line) {
    for (std::uint64_t calls = random_.below(4); calls > 0; --calls) {
        if (line != nullptr) {
            if (line->mischief_left == 0) {
                return;
            }
            --line->mischief_left;
        } else if (!random_.one_in(3)) {
            return;
        }
        // In most cases it calls for its own connection.
        if (line != nullptr && random_.one_in(2)) {
            const auto size = MessageHeader::bytes +
                              random_.skewed(service_.plan->limits.max_send_bytes > 2'000 ? 1'200
                                                                                          : 300);
            static_cast<void>(calls_.send_message(service_, Calls::target(*line), size));
        } else {
            meddle(false);
        }
        scheduler_.switch_point();
    }
}

Calls::Target Plugin::draw_target() {
    if (ledger_.lines().empty() || random_.one_in(16)) {
        return {random_.one_in(2) ? 0 : random_.next(), nullptr};
    }
    Line& line = *ledger_.draw_line(random_);
    // (A guess may be an outbound connection's, about which the ledger knows nothing.)
    if (!service_.is_echo() && outbound == nullptr &&
        random_.one_in(service_.is_serial() ? 3 : 8)) {
        // The handle of a connection that may exist without having had its on_open: that of the
        // slot after the newest one, or the next in this slot. If the guess is right, the call
        // works. (On a strand that connections share, a callback may call before the other's
        // on_open.)
        constexpr portico_connection next_generation = portico_connection{1}
                                                       << net::ConnectionTable::index_bits;
        return Calls::target(ledger_.guess(random_.one_in(4) ? line.handle + next_generation
                                                             : ledger_.newest_handle() + 1));
    }
    // A handle of another service: here its connection is gone, so no call may have an effect
    // there.
    return Calls::target(line);
}

void Plugin::meddle(bool from_thread) {
    if (from_thread) {
        service_.count.add();
    }
    if (from_thread && timers != nullptr) {
        timers->meddle(service_);
    }
    if (from_thread && works != nullptr) {
        works->meddle(service_);
    }
    if (from_thread && lookups != nullptr) {
        lookups->meddle(service_);
    }
    if (from_thread && groups != nullptr) {
        groups->meddle(service_);
    }
    if (outbound != nullptr) {
        outbound->meddle(service_);
    }
    const Calls::Target to = draw_target();
    const bool is_mine = to.line != nullptr && to.line->may_be_of(service_);
    // An echo's live connection gets only calls that must not change its answers.
    if (service_.is_echo() && is_mine && !to.line->is_closed) {
        switch (random_.below(5)) {
            case 0: static_cast<void>(calls_.info(service_, to)); break;
            case 1: static_cast<void>(calls_.post(service_, to, Callbacks::posted, false)); break;
            case 2:
                if (calls_.pause(service_, to) == PORTICO_OK) {
                    if (from_thread) {
                        scheduler_.sleep_for(random_.skewed(2 * ms));
                    }
                    static_cast<void>(calls_.resume(service_, to));
                }
                break;
            case 3: static_cast<void>(calls_.post_instance(service_, Callbacks::posted)); break;
            default: calls_.small_talk(service_, to); break;
        }
        return;
    }
    switch (random_.below(16)) {
        case 0:
        case 1:
        case 2:
        case 3:
            static_cast<void>(
                calls_.send_message(service_, to, MessageHeader::bytes + random_.skewed(600)));
            break;
        case 4: static_cast<void>(calls_.post(service_, to, Callbacks::posted, false)); break;
        case 5:
            static_cast<void>(calls_.post(service_, to, Callbacks::posted, to.line != nullptr));
            break;
        case 6: static_cast<void>(calls_.post_instance(service_, Callbacks::posted)); break;
        case 7:
        case 8: static_cast<void>(calls_.pause(service_, to)); break;
        case 9:
        case 10: static_cast<void>(calls_.resume(service_, to)); break;
        case 11: static_cast<void>(calls_.info(service_, to)); break;
        case 12: calls_.small_talk(service_, to); break;
        case 13:
            if (random_.one_in(4)) {
                static_cast<void>(calls_.finish_sending(service_, to));
            }
            break;
        case 14:
            if (random_.one_in(4)) {
                static_cast<void>(calls_.close(service_, to, PORTICO_CLOSE_GRACEFUL));
            }
            break;
        default:
            // a connection whose handle was guessed right is aborted before its on_open
            if (random_.one_in(to.line != nullptr && to.line->service == nullptr ? 1 : 8)) {
                static_cast<void>(calls_.close(service_, to, PORTICO_CLOSE_ABORT));
            }
            break;
    }
}

}  // namespace portico::sim
