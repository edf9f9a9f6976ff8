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

    static portico_status PORTICO_CALL create(const portico_host* host, portico_instance* instance,
                                              const char*, std::uint64_t, char*, std::uint64_t,
                                              void** self) {
        Script& script = of(*self);
        script.host_ = host;
        script.instance_ = instance;
        ++script.creates;
        if (script.alive_.exchange(true)) {
            script.violated("create of an instance that lives");
        }
        const portico_status status = script.on_create ? script.on_create(script) : PORTICO_OK;
        if (status < 0) {
            script.alive_ = false;
        }
        return status;
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
                                               void** state) {
        Script& script = of(self);
        Line* line = nullptr;
        {
            const std::scoped_lock lock(script.mutex_);
            line = &script.lines_.emplace_back();
            line->number = script.lines_.size() - 1;
            line->handle = connection;
        }
        if (*state != nullptr || connection == 0) {
            script.violated("on_open with a state, or without a handle");
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
        if (connection != line.handle || size == 0 || frame == nullptr || *consumed != 0) {
            script.violated("on_data with wrong arguments");
        }
        ++line.offers;
        if (!script.on_data) {
            *consumed = size;
            return PORTICO_OK;
        }
        return script.on_data(line, {reinterpret_cast<const char*>(data), size}, *frame, *consumed);
    }

    static portico_status PORTICO_CALL on_writable(void* self, portico_connection, void* state) {
        Script& script = of(self);
        Line& line = line_of(state);
        const Guard guard(script, line, "on_writable");
        ++line.writables;
        return script.on_writable ? script.on_writable(line) : PORTICO_OK;
    }

    static portico_status PORTICO_CALL on_end(void* self, portico_connection, void* state,
                                              std::uint64_t remaining) {
        Script& script = of(self);
        Line& line = line_of(state);
        const Guard guard(script, line, "on_end");
        if (line.ends++ != 0) {
            script.violated("on_end twice");
        }
        line.remaining = remaining;
        if (script.on_end) {
            return script.on_end(line, remaining);
        }
        script.close(line);
        return PORTICO_OK;
    }

    static portico_status PORTICO_CALL on_drain(void* self, portico_connection, void* state,
                                                std::uint32_t deadline_ms) {
        Script& script = of(self);
        Line& line = line_of(state);
        const Guard guard(script, line, "on_drain");
        ++script.drains;
        if (script.on_drain) {
            return script.on_drain(line, deadline_ms);
        }
        script.close(line);
        return PORTICO_OK;
    }

    static void PORTICO_CALL on_close(void* self, portico_connection connection, void* state,
                                      std::uint32_t reason) {
        Script& script = of(self);
        Line& line = line_of(state);
        const Guard guard(script, line, "on_close", true);
        line.reason = reason;
        ++script.reasons[std::min<std::size_t>(reason, script.reasons.size() - 1)];
        if (script.host_->send(script.instance_, connection, "x", 1) != PORTICO_GONE) {
            script.violated("send inside on_close does not answer GONE");
        }
        if (script.on_close) {
            script.on_close(line, reason);
        }
        ++script.closed;
    }

    static const portico_plugin& table() {
        static const portico_plugin calls = [] {
            portico_plugin made{};
            made.struct_size = sizeof made;
            made.create = create;
            made.destroy = destroy;
            made.on_open = on_open;
            made.on_data = on_data;
            made.on_writable = on_writable;
            made.on_end = on_end;
            made.on_drain = on_drain;
            made.on_close = on_close;
            return made;
        }();
        return calls;
    }
};

Script::Script() : script_{&Calls::table(), this} {}

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
