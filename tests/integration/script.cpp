#include "integration/script.hpp"

#include <algorithm>

namespace portico::test {

// Counts the running callbacks of the connection and of the instance.
struct Script::Guard {
    Script& script;
    Line& line;

    Guard(Script& the_script, Line& the_line, const char* name, bool is_close = false)
        : script(the_script), line(the_line) {
        if (line.inside.fetch_add(1) != 0) {
            script.violated(std::string(name) + " while another callback of the connection runs");
        }
        if (!script.alive_) {
            script.violated(std::string(name) + " outside of the instance's life");
        }
        if (line.refused) {
            script.violated(std::string(name) + " after on_open refused");
        }
        if (line.closes.load() != 0) {
            script.violated(std::string(name) + " after on_close");
        }
        if (is_close) {
            line.closes.fetch_add(1);
        }
        const std::uint32_t now = script.inside.fetch_add(1) + 1;
        std::uint32_t most = script.inside_max.load();
        while (now > most && !script.inside_max.compare_exchange_weak(most, now)) {
        }
    }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    ~Guard() {
        script.inside.fetch_sub(1);
        line.inside.fetch_sub(1);
    }
};

struct Script::Calls {
    static Script& of(void* self) { return *static_cast<Script*>(self); }
    static Line& line_of(void* state) { return *static_cast<Line*>(state); }

    static portico_status PORTICO_CALL validate(const portico_setup* setup, void* self) {
        Script& script = of(self);
        script.check_setup(*setup, PORTICO_SETUP_VALIDATE);
        return script.on_validate ? script.on_validate(*setup) : PORTICO_OK;
    }

    static portico_status PORTICO_CALL create(const portico_setup* setup, void** self) {
        Script& script = of(*self);
        script.check_setup(*setup, PORTICO_SETUP_CREATE);
        script.host_ = setup->host;
        script.instance_ = setup->instance;
        script.framing_ = setup->framing;
        ++script.creates;
        if (script.alive_.exchange(true)) {
            script.violated("create of an instance that lives");
        }
        portico_status status = script.on_setup ? script.on_setup(*setup) : PORTICO_OK;
        if (status >= 0 && script.on_create) {
            status = script.on_create(script);
        }
        if (status < 0) {
            script.alive_ = false;
        }
        return status;
    }

    static portico_status PORTICO_CALL on_stop(void* self, const portico_draining* draining) {
        Script& script = of(self);
        script.check_draining(*draining);
        if (draining->reason == PORTICO_DRAIN_ADMIN) {
            script.violated("on_stop for a drain by an operator");
        }
        if (script.stops++ != 0 || script.drains != 0 || !script.alive_) {
            script.violated("on_stop twice, after an on_drain, or outside of the instance's life");
        }
        return script.on_stop ? script.on_stop(*draining) : PORTICO_OK;
    }

    static void PORTICO_CALL destroy(void* self) {
        Script& script = of(self);
        ++script.destroys;
        if (script.inside != 0) {
            script.violated("destroy while callbacks run");
        }
        if (script.opened != script.closed) {
            script.violated("destroy before every on_close");
        }
        if (script.on_destroy) {
            script.on_destroy();
        }
        if (!script.alive_.exchange(false)) {
            script.violated("destroy twice");
        }
    }

    static portico_status PORTICO_CALL on_open(void* self, portico_connection connection,
                                               const portico_opened* opened, void** state) {
        Script& script = of(self);
        Line* line = nullptr;
        {
            const std::scoped_lock lock(script.mutex_);
            line = &script.lines_.emplace_back();
            line->number = script.lines_.size() - 1;
            line->handle = connection;
            line->opened = *opened;
        }
        if (*state != nullptr || connection == 0 || opened->struct_size != sizeof *opened ||
            opened->origin != PORTICO_ORIGIN_ACCEPTED || opened->reserved != 0) {
            script.violated("on_open with a state, without a handle, or wrongly described");
        }
        *state = line;
        const Guard guard(script, *line, "on_open");
        const portico_status status = script.on_open ? script.on_open(*line) : PORTICO_OK;
        if (status >= 0) {
            ++script.opened;
        } else {
            line->refused = true;
        }
        return status;
    }

    static portico_status PORTICO_CALL on_data(void* self, portico_connection connection,
                                               void* state, const std::uint8_t* data,
                                               std::uint64_t size, const portico_frame* frame,
                                               std::uint64_t* consumed) {
        Script& script = of(self);
        Line& line = line_of(state);
        const Guard guard(script, line, "on_data");
        if (connection != line.handle || size == 0 || *consumed != 0) {
            script.violated("on_data with wrong arguments");
        }
        ++line.offers;
        script.check_frame(line, size, *frame);
        portico_status status = PORTICO_OK;
        if (script.on_data) {
            status = script.on_data(line, {reinterpret_cast<const char*>(data), size}, *frame,
                                    *consumed);
        } else {
            *consumed = size;
        }
        script.count_consumed(line, size, *consumed, status);
        return status;
    }

    static portico_status PORTICO_CALL on_writable(void* self, portico_connection, void* state) {
        Script& script = of(self);
        Line& line = line_of(state);
        const Guard guard(script, line, "on_writable");
        ++line.writables;
        return script.on_writable ? script.on_writable(line) : PORTICO_OK;
    }

    static portico_status PORTICO_CALL on_end(void* self, portico_connection, void* state,
                                              const portico_ended* ended) {
        Script& script = of(self);
        Line& line = line_of(state);
        const Guard guard(script, line, "on_end");
        if (line.ends++ != 0) {
            script.violated("on_end twice");
        }
        const bool is_truncated = script.is_framed() && ended->remaining != 0;
        if (ended->struct_size != sizeof *ended ||
            ended->flags != (is_truncated ? PORTICO_ENDED_TRUNCATED : 0U) ||
            (!script.is_framed() && ended->remaining != line.left)) {
            script.violated("on_end with wrong members");
        }
        line.ended = *ended;
        line.remaining = ended->remaining;
        if (script.on_end) {
            return script.on_end(line, *ended);
        }
        return script.close(line);
    }

    static portico_status PORTICO_CALL on_drain(void* self, portico_connection, void* state,
                                                const portico_draining* draining) {
        Script& script = of(self);
        Line& line = line_of(state);
        const Guard guard(script, line, "on_drain");
        script.check_draining(*draining);
        ++(draining->reason == PORTICO_DRAIN_ADMIN ? script.operator_drains : script.drains);
        if (script.on_drain) {
            return script.on_drain(line, *draining);
        }
        return script.close(line);
    }

    static void PORTICO_CALL on_close(void* self, portico_connection connection, void* state,
                                      const portico_closed* closed) {
        Script& script = of(self);
        Line& line = line_of(state);
        const Guard guard(script, line, "on_close", true);
        line.closed = *closed;
        line.reason = closed->reason;
        ++script.reasons[std::min<std::size_t>(closed->reason, script.reasons.size() - 1)];
        script.check_closed(line, *closed);
        if (script.host_->send(script.instance_, connection, "x", 1) != PORTICO_GONE) {
            script.violated("send inside on_close does not answer GONE");
        }
        if (script.on_close) {
            script.on_close(line, *closed);
        }
        ++script.closed;
    }

    static const portico_plugin& table() {
        static const portico_callbacks callbacks = [] {
            portico_callbacks made{};
            made.struct_size = sizeof made;
            made.on_open = on_open;
            made.on_data = on_data;
            made.on_writable = on_writable;
            made.on_end = on_end;
            made.on_drain = on_drain;
            made.on_close = on_close;
            return made;
        }();
        static const portico_plugin calls = [] {
            portico_plugin made{};
            made.struct_size = sizeof made;
            made.create = create;
            made.on_stop = on_stop;
            made.destroy = destroy;
            made.callbacks = &callbacks;
            return made;
        }();
        return calls;
    }
};

Script::Script() : script_{&Calls::table(), this, Calls::validate} {}

// ---- the guard's knowledge of event structures

void Script::check_setup(const portico_setup& setup, std::uint32_t mode) {
    const bool is_well = setup.struct_size == sizeof setup && setup.mode == mode &&
                         setup.host != nullptr && setup.host->struct_size == sizeof *setup.host &&
                         setup.instance != nullptr && setup.plugin != nullptr &&
                         setup.listener_name_size != 0 && setup.error_capacity >= 256 &&
                         setup.worker_count != 0 && setup.max_send_bytes != 0 &&
                         setup.send_high_bytes != 0 &&
                         setup.send_low_bytes < setup.send_high_bytes &&
                         setup.max_message_bytes != 0;
    const bool has_framing = setup.framing == PORTICO_FRAMING_NONE ||
                             setup.framing == PORTICO_FRAMING_DELIMITER ||
                             setup.framing == PORTICO_FRAMING_LENGTH_PREFIX;
    if (!is_well || !has_framing) {
        violated("a setup with wrong members");
    }
}

void Script::check_draining(const portico_draining& draining) {
    const bool is_by_operator = draining.reason == PORTICO_DRAIN_ADMIN;
    if (draining.struct_size != sizeof draining ||
        (draining.reason != PORTICO_DRAIN_STOP && !is_by_operator) || draining.deadline_ns == 0 ||
        (is_by_operator && draining.deadline_ns != UINT64_MAX)) {
        violated("on_stop or on_drain with wrong members");
    }
}

void Script::check_frame(Line& line, std::uint64_t size, const portico_frame& frame) {
    const bool is_again = (frame.flags & PORTICO_FRAME_AGAIN) != 0;
    const bool is_last = (frame.flags & PORTICO_FRAME_LAST) != 0;
    if (frame.struct_size != sizeof frame ||
        (frame.flags & ~(PORTICO_FRAME_AGAIN | PORTICO_FRAME_LAST)) != 0 ||
        frame.payload_offset + frame.payload_size > size) {
        violated("on_data with a wrong frame");
    }
    if (frame.offered_before != line.left || is_again != (line.left != 0)) {
        violated("offered_before is " + std::to_string(frame.offered_before) + ", flags " +
                 std::to_string(frame.flags) + ", and " + std::to_string(line.left) +
                 " bytes were left");
    }
    if ((is_last && is_framed()) || (line.has_come_last && !is_last)) {
        violated("an offer is marked as the last with framing, or another one follows it");
    }
    line.has_come_last = is_last;
}

// By the rules of on_data: with framing a message counts as a whole, and WOULD_BLOCK leaves all.
void Script::count_consumed(Line& line, std::uint64_t size, std::uint64_t consumed,
                            portico_status status) const {
    std::uint64_t taken = std::min(consumed, size);
    if (is_framed()) {
        const bool is_held = status == PORTICO_HOLD || status == PORTICO_WAIT;
        taken = consumed != 0 || !is_held ? size : 0;
    }
    if (status == PORTICO_WOULD_BLOCK) {
        taken = 0;
    }
    line.left = size - taken;
    line.consumed += taken;
}

void Script::check_closed(const Line& line, const portico_closed& told) {
    const bool is_broken = told.reason == PORTICO_REASON_RESET ||
                           told.reason == PORTICO_REASON_ERROR;
    const bool is_plugins = told.reason == PORTICO_REASON_PLUGIN_ERROR;
    portico_connection_info found{};
    const bool has_info = info(line.handle, found) == PORTICO_OK && found.peer.text_size != 0;
    if (told.struct_size != sizeof told || told.reason == 0 ||
        (told.native_error != 0 && !is_broken) || (is_broken && told.status != PORTICO_ERROR) ||
        (is_plugins && told.status >= 0) ||
        (!is_broken && !is_plugins && told.status != PORTICO_OK)) {
        violated("on_close with reason " + std::to_string(told.reason) + ", status " +
                 std::to_string(told.status) + " and native error " +
                 std::to_string(told.native_error));
    }
    if (told.opened_ns == 0 || told.opened_ns > host_->now(instance_) ||
        told.received_bytes < line.consumed + line.left) {
        violated("on_close with wrong figures");
    }
    if (!has_info) {
        violated("info does not work in on_close");
    }
}

// ---- the host's functions

portico_status Script::send(Line& line, std::string_view bytes) {
    const portico_status status = send_to(line.handle, bytes);
    if (status == PORTICO_OK) {
        line.accepted += bytes.size();
    } else if (status == PORTICO_WOULD_BLOCK) {
        ++line.blocked;
    }
    return status;
}

portico_status Script::send_to(portico_connection connection, std::string_view bytes) const {
    return host_->send(instance_, connection, bytes.data(), bytes.size());
}

portico_status Script::send_parts(Line& line, const std::vector<std::string_view>& parts) {
    std::vector<portico_part> given;
    std::uint64_t bytes = 0;
    for (const std::string_view part : parts) {
        given.push_back({part.data(), part.size()});
        bytes += part.size();
    }
    const portico_status status = host_->send_parts(instance_, line.handle, given.data(),
                                                    static_cast<std::uint32_t>(given.size()),
                                                    sizeof(portico_part));
    line.accepted += status == PORTICO_OK ? bytes : 0;
    line.blocked += status == PORTICO_WOULD_BLOCK ? 1 : 0;
    return status;
}

portico_status Script::close(Line& line, std::uint32_t how) const {
    return host_->close(instance_, line.handle, how);
}
portico_status Script::finish_sending(Line& line) const {
    return host_->finish_sending(instance_, line.handle);
}
portico_status Script::pause(Line& line) const {
    return host_->pause_reading(instance_, line.handle);
}
portico_status Script::resume(Line& line) const {
    return host_->resume_reading(instance_, line.handle);
}
portico_status Script::post(Line& line, portico_post_function function, void* argument) const {
    return host_->post(instance_, line.handle, function, argument);
}
portico_status Script::post_instance(portico_post_function function, void* argument) const {
    return host_->post_instance(instance_, function, argument);
}
portico_status Script::info(portico_connection connection, portico_connection_info& info) const {
    info.struct_size = sizeof info;
    return host_->info(instance_, connection, &info);
}

std::uint64_t Script::queued_bytes(Line& line) const {
    portico_connection_info found{};
    return info(line.handle, found) == PORTICO_OK ? found.queued_bytes : UINT64_MAX;
}

Line* Script::line(std::size_t number) {
    const std::scoped_lock lock(mutex_);
    return number < lines_.size() ? &lines_[number] : nullptr;
}

std::vector<Line*> Script::lines() {
    const std::scoped_lock lock(mutex_);
    std::vector<Line*> all;
    for (Line& line : lines_) {
        all.push_back(&line);
    }
    return all;
}

std::string Script::violations() {
    const std::scoped_lock lock(mutex_);
    std::string text;
    for (const std::string& what : broken_) {
        text += what + "\n";
    }
    return text;
}

void Script::violated(const std::string& what) {
    const std::scoped_lock lock(mutex_);
    if (broken_.size() < 20) {
        broken_.push_back(what);
    }
}

std::string Script::settings() const {
    return "{\"script\": " + std::to_string(reinterpret_cast<std::uintptr_t>(&script_)) + "}";
}

}  // namespace portico::test
