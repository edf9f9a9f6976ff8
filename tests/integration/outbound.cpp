#include "integration/outbound.hpp"

#include "support/catch.hpp"

namespace portico::test {

struct Outbound::Calls {
    // Counts the running callbacks of the connection.
    struct Guard {
        Line& line;
        Guard(void* state, portico_connection connection, const char* name)
            : line(*static_cast<Line*>(state)) {
            if (line.inside.fetch_add(1) != 0 || line.closes != 0 || line.handle != connection) {
                line.all->script_.violated(std::string("outbound: ") + name +
                                           " beside another callback, after on_close, or for "
                                           "another connection");
            }
        }
        ~Guard() { line.inside.fetch_sub(1); }
        Guard(const Guard&) = delete;
        Guard& operator=(const Guard&) = delete;
    };

    static portico_status PORTICO_CALL on_open(void*, portico_connection connection,
                                               const portico_opened* opened, void** state) {
        const Guard guard(*state, connection, "on_open");
        Line& line = guard.line;
        Script& script = line.all->script_;
        if (line.opens++ != 0 || opened->origin != PORTICO_ORIGIN_CONNECTED ||
            opened->struct_size != sizeof *opened || opened->listen_index != 0) {
            script.violated("outbound: on_open twice, or wrongly described");
        }
        line.worker = script.host()->worker_index(script.instance());
        return line.on_open ? line.on_open(line) : PORTICO_OK;
    }

    static portico_status PORTICO_CALL on_data(void*, portico_connection connection, void* state,
                                               const std::uint8_t* data, std::uint64_t size,
                                               const portico_frame*, std::uint64_t* consumed) {
        const Guard guard(state, connection, "on_data");
        Line& line = guard.line;
        if (line.opens == 0) {
            line.all->script_.violated("outbound: on_data before on_open");
        }
        const std::string_view bytes(reinterpret_cast<const char*>(data), size);
        line.text += bytes;
        line.received += size;
        *consumed = size;
        return line.on_data ? line.on_data(line, bytes) : PORTICO_OK;
    }

    static portico_status PORTICO_CALL on_writable(void*, portico_connection connection,
                                                   void* state) {
        const Guard guard(state, connection, "on_writable");
        ++guard.line.writables;
        return guard.line.on_writable ? guard.line.on_writable(guard.line) : PORTICO_OK;
    }

    static portico_status PORTICO_CALL on_end(void*, portico_connection connection, void* state,
                                              const portico_ended*) {
        const Guard guard(state, connection, "on_end");
        Line& line = guard.line;
        ++line.ends;
        return line.on_end ? line.on_end(line) : line.all->close(line);
    }

    static portico_status PORTICO_CALL on_drain(void*, portico_connection connection, void* state,
                                                const portico_draining*) {
        const Guard guard(state, connection, "on_drain");
        guard.line.all->script_.violated("outbound: on_drain");
        return PORTICO_OK;
    }

    static void PORTICO_CALL on_close(void*, portico_connection connection, void* state,
                                      const portico_closed* closed) {
        Line& line = *static_cast<Line*>(state);
        {
            const Guard guard(state, connection, "on_close");
            line.closed = *closed;
            line.all->check_closed(line, *closed);
            if (line.on_close) {
                line.on_close(line);
            }
            ++line.closes;
        }
        ++line.all->closed;
    }

    static void PORTICO_CALL posted(void*, portico_connection connection, void* state, void*,
                                    portico_status) {
        const Guard guard(state, connection, "a posted function");
        ++guard.line.posts;
    }
};

void Outbound::check_closed(const Line& line, const portico_closed& told) {
    const bool is_unmade = told.reason == PORTICO_REASON_CONNECT_FAILED ||
                           told.reason == PORTICO_REASON_CONNECT_TIMEOUT;
    const bool is_systems = is_unmade || told.reason == PORTICO_REASON_RESET ||
                            told.reason == PORTICO_REASON_ERROR;
    if (told.struct_size != sizeof told || told.reason == 0 ||
        (line.opens != 0) != (told.opened_ns != 0) || (is_unmade && line.opens != 0) ||
        (told.status == PORTICO_ERROR && told.reason != PORTICO_REASON_PLUGIN_ERROR) !=
            is_systems ||
        (told.native_error != 0 && !is_systems) || told.received_bytes < line.received) {
        script_.violated("outbound: on_close with reason " + std::to_string(told.reason) +
                         ", status " + std::to_string(told.status) + ", native error " +
                         std::to_string(told.native_error) + ", and " + std::to_string(line.opens) +
                         " on_open before");
    }
    portico_connection_info info{};
    if (script_.info(line.handle, info) != PORTICO_OK ||
        script_.send_to(line.handle, "x") != PORTICO_GONE) {
        script_.violated("outbound: in on_close info does not work, or send does");
    }
}

const portico_callbacks& Outbound::callbacks() {
    static const portico_callbacks table{sizeof(portico_callbacks),
                                         0,
                                         Calls::on_open,
                                         Calls::on_data,
                                         Calls::on_writable,
                                         Calls::on_end,
                                         Calls::on_drain,
                                         Calls::on_close};
    return table;
}

const portico_connect& Outbound::table() const {
    static constexpr std::string_view id = PORTICO_EXT_CONNECT;
    return *static_cast<const portico_connect*>(
        script_.host()->get_extension(script_.instance(), id.data(), id.size()));
}

Outbound::Line& Outbound::make() {
    const std::scoped_lock lock(mutex_);
    Line& line = lines_.emplace_back();
    line.all = this;
    return line;
}

portico_status Outbound::connect(Line& line, const To& to) {
    portico_target target{};
    target.struct_size = sizeof target;
    target.timeout_ms = to.timeout_ms;
    if (!to.upstream.empty()) {
        target.upstream = to.upstream.data();
        target.upstream_size = to.upstream.size();
    }
    if (!to.address.empty()) {
        target.address = to.address.data();
        target.address_size = to.address.size();
    }
    target.beside = to.beside;
    target.callbacks = &callbacks();
    target.state = &line;
    const portico_status status = table().connect(script_.instance(), &target, &line.handle);
    accepted += status == PORTICO_OK ? 1 : 0;
    return status;
}

Outbound::Line& Outbound::connected(const To& to) {
    Line& line = make();
    const portico_status status = connect(line, to);
    if (status != PORTICO_OK) {
        script_.violated("outbound: connect answers " + std::to_string(status));
    }
    return line;
}

portico_status Outbound::send(Line& line, std::string_view bytes) const {
    return script_.send_to(line.handle, bytes);
}

portico_status Outbound::close(Line& line, std::uint32_t how) const {
    return script_.host()->close(script_.instance(), line.handle, how);
}

portico_status Outbound::post(Line& line) const {
    return script_.host()->post(script_.instance(), line.handle, Calls::posted, nullptr);
}

}  // namespace portico::test
