// The host's calls of the plugin.
#include "plugin/put_address.hpp"
#include "verify/watch_internals.hpp"

namespace portico::verify {

namespace {

// A status for the digest.
std::uint64_t as_number(portico_status status) noexcept {
    return static_cast<std::uint32_t>(status);
}

}  // namespace

struct PluginSide {
    static Watch& here() noexcept { return *Gate::driven_here; }

    // ---- of a connection

    static portico_status PORTICO_CALL on_open(void* self, portico_connection connection,
                                               const portico_opened* opened, void** state) {
        Watch& watch = here();
        Watch::Line& line = watch.enter("on_open", connection);
        const bool is_outbound = opened->origin == PORTICO_ORIGIN_CONNECTED;
        portico_status status = PORTICO_OK;
        {
            const Watch::Outside outside(watch, "on_open");
            status = watch.callbacks_of(line).on_open(self, connection, opened, state);
        }
        watch.note(as_number(status));
        line.is_closed = status < 0 && !is_outbound;  // nothing follows
        return status;
    }

    static portico_status PORTICO_CALL on_data(void* self, portico_connection connection,
                                               void* state, const std::uint8_t* data,
                                               std::uint64_t size, const portico_frame* frame,
                                               std::uint64_t* consumed) {
        Watch& watch = here();
        Watch::Line& line = watch.enter("on_data", connection);
        const std::uint8_t* offered = data;
        if (watch.options_.guards_offers) {
            if (const std::uint8_t* shown = watch.guarded_.show(data,
                                                                static_cast<std::size_t>(size))) {
                offered = shown;
            }
        }
        line.is_in_data = true;
        line.was_resumed_inside = false;
        portico_status status = PORTICO_OK;
        {
            const Watch::Outside outside(watch, "on_data");
            status = watch.callbacks_of(line).on_data(self, connection, state, offered, size, frame,
                                                      consumed);
        }
        if (watch.options_.guards_offers) {
            watch.guarded_.hide();
        }
        line.is_in_data = false;
        watch.note_bytes(data, size);
        watch.note(*consumed << 8 ^ as_number(status));
        judge(watch, size, *consumed, status);
        line.hold = hold_of(status, line.was_resumed_inside);
        return status;
    }

    static Watch::Line::Hold hold_of(portico_status status, bool was_resumed) noexcept {
        if (was_resumed) {
            return Watch::Line::Hold::none;
        }
        if (status == PORTICO_WAIT) {
            return Watch::Line::Hold::wait;
        }
        return status == PORTICO_HOLD || status == PORTICO_WOULD_BLOCK ? Watch::Line::Hold::hold
                                                                       : Watch::Line::Hold::none;
    }

    static void judge(Watch& watch, std::uint64_t size, std::uint64_t consumed,
                      portico_status status) {
        if (status == PORTICO_WOULD_BLOCK ||
            (status < 0 && status != PORTICO_GONE && status != PORTICO_CLOSING)) {
            return;
        }
        if (consumed > size) {
            watch.found("wrong-consumed", "on_data was offered " + std::to_string(size) +
                                              " bytes and says that it consumed " +
                                              std::to_string(consumed) +
                                              ": the host aborts the connection");
        }
    }

    static portico_status PORTICO_CALL on_writable(void* self, portico_connection connection,
                                                   void* state) {
        Watch& watch = here();
        Watch::Line& line = watch.enter("on_writable", connection);
        if (line.hold == Watch::Line::Hold::hold) {
            line.hold = Watch::Line::Hold::none;
        }
        portico_status status = PORTICO_OK;
        if (watch.callbacks_of(line).on_writable != nullptr) {
            const Watch::Outside outside(watch, "on_writable");
            status = watch.callbacks_of(line).on_writable(self, connection, state);
        }
        watch.note(as_number(status));
        return status;
    }

    static portico_status PORTICO_CALL on_end(void* self, portico_connection connection,
                                              void* state, const portico_ended* ended) {
        Watch& watch = here();
        const Watch::Line& line = watch.enter("on_end", connection);
        portico_status status = PORTICO_OK;
        {
            const Watch::Outside outside(watch, "on_end");
            status = watch.callbacks_of(line).on_end(self, connection, state, ended);
        }
        watch.note(as_number(status));
        return status;
    }

    static portico_status PORTICO_CALL on_drain(void* self, portico_connection connection,
                                                void* state, const portico_draining* draining) {
        Watch& watch = here();
        watch.enter("on_drain", connection).was_drained = true;
        portico_status status = PORTICO_OK;
        {
            const Watch::Outside outside(watch, "on_drain");
            status = watch.callbacks_.on_drain(self, connection, state, draining);
        }
        watch.note(as_number(status));
        return status;
    }

    // Always there, so that the watch learns how a connection ended.
    static void PORTICO_CALL on_close(void* self, portico_connection connection, void* state,
                                      const portico_closed* closed) {
        Watch& watch = here();
        Watch::Line& line = watch.line_of(connection);
        watch.note(static_cast<std::uint64_t>(line.number) << 32 ^ closed->reason);
        line.reason = closed->reason;
        line.status = closed->status;
        line.hold = Watch::Line::Hold::none;
        line.is_paused = false;
        line.is_in_close = true;
        if (line.callbacks != nullptr) {
            judge_outbound(watch, *closed);
        }
        if (watch.callbacks_of(line).on_close != nullptr) {
            const Watch::Outside outside(watch, "on_close");
            watch.callbacks_of(line).on_close(self, connection, state, closed);
        }
        line.is_in_close = false;
        line.is_closed = true;
    }

    // What became of an outbound connection.
    static void judge_outbound(Watch& watch, const portico_closed& closed) {
        switch (closed.reason) {
            case PORTICO_REASON_CONNECT_FAILED:
                watch.came_to(Function::connected, PORTICO_ERROR);
                break;
            case PORTICO_REASON_CONNECT_TIMEOUT:
                watch.came_to(Function::connected, PORTICO_TIMED_OUT);
                break;
            case PORTICO_REASON_RESET:
            case PORTICO_REASON_ERROR: break;
            default:
                if (closed.opened_ns != 0) {
                    watch.came_to(Function::connected, PORTICO_OK);
                }
                return;
        }
        watch.has_lost_a_server_ = true;
    }

    // ---- of the instance

    static portico_setup shown(Watch& watch, const portico_setup& setup) noexcept {
        watch.host_ = setup.host;
        portico_setup copy = setup;
        copy.host = &HostSide::table();
        copy.plugin = &watch.plugin_;
        return copy;
    }

    static portico_status PORTICO_CALL validate(const portico_setup* setup) {
        Watch& watch = here();
        const portico_setup copy = shown(watch, *setup);
        const Watch::Outside outside(watch, "validate");
        return watch.plugin_.validate(&copy);
    }

    static portico_status PORTICO_CALL create(const portico_setup* setup, void** self) {
        Watch& watch = here();
        portico_setup copy = shown(watch, *setup);
        copy.mode = watch.reloads_ ? PORTICO_SETUP_RELOAD : setup->mode;
        portico_status status = PORTICO_OK;
        {
            const Watch::Outside outside(watch, "create");
            status = watch.plugin_.create(&copy, self);
        }
        if (status >= 0) {
            watch.instances_[setup->instance] = *self;
        }
        return status;
    }

    static portico_status PORTICO_CALL on_stop(void* self, const portico_draining* draining) {
        Watch& watch = here();
        const Watch::Outside outside(watch, "on_stop");
        return watch.plugin_.on_stop(self, draining);
    }

    static void PORTICO_CALL destroy(void* self) {
        Watch& watch = here();
        const Watch::Outside outside(watch, "destroy");
        watch.plugin_.destroy(self);
    }
};

// ---- what the host posts to the plugin

void PostedSide::posted(void* self, portico_connection connection, void* state, void* argument,
                        portico_status status) {
    Watch& watch = *Gate::driven_here;
    const std::unique_ptr<Watch::Job> job(static_cast<Watch::Job*>(argument));
    if (job->overriding != PORTICO_OK) {
        status = job->overriding;
        connection = job->connection;
        state = nullptr;
    }
    watch.note(as_number(status));
    const Watch::Outside outside(watch, "a posted function");
    job->posted(self, connection, state, job->argument, status);
}

void PostedSide::timer(void* self, portico_connection connection, void* state, void* argument,
                       const portico_timer_event* event) {
    Watch& watch = *Gate::driven_here;
    auto* job = static_cast<Watch::Job*>(argument);
    watch.note(as_number(event->status) ^ event->due_ns);
    {
        const Watch::Outside outside(watch, "a timer's function");
        job->timer(self, connection, state, job->argument, event);
    }
    if ((event->flags & PORTICO_TIMER_LAST) != 0) {
        delete job;
    }
}

void PostedSide::released(void* self, portico_connection connection, void* state, void* argument,
                          portico_status status) {
    Watch& watch = *Gate::driven_here;
    const std::unique_ptr<Watch::Job> job(static_cast<Watch::Job*>(argument));
    watch.note(as_number(status));
    const Watch::Outside outside(watch, "a release function");
    job->release(self, connection, state, job->argument, status);
}

// The last call of the timer that stands for a lookup.
void PostedSide::looked_up(void* self, portico_connection connection, void* state, void* argument,
                           const portico_timer_event* event) {
    Watch& watch = *Gate::driven_here;
    const std::unique_ptr<Watch::Job> job(static_cast<Watch::Job*>(argument));
    const portico_status status = event->status == PORTICO_OK ? job->answer : event->status;
    watch.came_to(Function::resolved, status);
    portico_address address{};
    plugin::put_address(address, job->address);
    const bool is_found = status == PORTICO_OK;
    const portico_resolved resolved{sizeof(portico_resolved),
                                    status,
                                    event->timer,
                                    is_found ? &address : nullptr,
                                    is_found ? 1U : 0U,
                                    static_cast<std::uint32_t>(sizeof address)};
    const Watch::Outside outside(watch, "the function of a lookup");
    job->resolved(self, connection, state, job->argument, &resolved);
}

// What is NULL stays so: it has a meaning of its own.
const portico_callbacks& OutboundSide::table(const portico_callbacks& given) noexcept {
    static constexpr auto made = [](bool opens, bool ends) {
        return portico_callbacks{sizeof(portico_callbacks),
                                 0,
                                 opens ? &PluginSide::on_open : nullptr,
                                 &PluginSide::on_data,
                                 &PluginSide::on_writable,
                                 ends ? &PluginSide::on_end : nullptr,
                                 nullptr,
                                 &PluginSide::on_close};
    };
    static constexpr portico_callbacks tables[] = {made(false, false), made(false, true),
                                                   made(true, false), made(true, true)};
    return tables[(given.on_open != nullptr ? 2 : 0) + (given.on_end != nullptr ? 1 : 0)];
}

Watch::Watch(sim::Scheduler& scheduler, const portico_plugin& plugin, const Options& options)
    : scheduler_(scheduler),
      plugin_(plugin),
      callbacks_(*plugin.callbacks),
      options_(options),
      gate_(Gate::mutex) {
    Gate::current = this;
    Gate::driven_here = this;
    Gate::guarded = &guarded_;
    table_ = plugin;
    callbacks_table_ = callbacks_;
    // What is NULL has a meaning of its own, and stays so.
    const auto stand_in = [](auto& place, auto function) {
        place = place != nullptr ? function : nullptr;
    };
    stand_in(callbacks_table_.on_open, &PluginSide::on_open);
    callbacks_table_.on_data = &PluginSide::on_data;
    callbacks_table_.on_writable = &PluginSide::on_writable;
    stand_in(callbacks_table_.on_end, &PluginSide::on_end);
    stand_in(callbacks_table_.on_drain, &PluginSide::on_drain);
    callbacks_table_.on_close = &PluginSide::on_close;
    stand_in(table_.validate, &PluginSide::validate);
    table_.create = &PluginSide::create;
    stand_in(table_.on_stop, &PluginSide::on_stop);
    table_.destroy = &PluginSide::destroy;
    table_.callbacks = &callbacks_table_;
}

}  // namespace portico::verify
