// The C functions behind a plugin's class. Which callbacks the class has is found at compile time,
// and one that it does not have is NULL in the table (except on_writable, which sends the rest of
// send_all). Nothing here is virtual.
#ifndef PORTICO_CPP_CALLBACKS_HPP
#define PORTICO_CPP_CALLBACKS_HPP

#include <algorithm>
#include <cstring>
#include <memory>
#include <type_traits>
#include <utility>

#include "connection.hpp"
#include "error.hpp"
#include "setup.hpp"

namespace portico {
namespace detail {

// on_data_of{}(object, arguments...) calls object.on_data(arguments...), if there is one.
// names_on_data says whether there is a member of that name at all.
#define PORTICO_DETAIL_CALLBACK(name)                                            \
    struct name##_of {                                                           \
        template <class T, class... Arguments>                                   \
        auto operator()(T &object, Arguments &&...arguments) const               \
            -> decltype(object.name(std::forward<Arguments>(arguments)...)) {    \
            return object.name(std::forward<Arguments>(arguments)...);           \
        }                                                                        \
        template <class T, class = void>                                         \
        struct is_named : std::false_type {};                                    \
        template <class T>                                                       \
        struct is_named<T, std::void_t<decltype(&T::name)>> : std::true_type {}; \
    };

PORTICO_DETAIL_CALLBACK(on_open)
PORTICO_DETAIL_CALLBACK(on_data)
PORTICO_DETAIL_CALLBACK(on_writable)
PORTICO_DETAIL_CALLBACK(on_end)
PORTICO_DETAIL_CALLBACK(on_drain)
PORTICO_DETAIL_CALLBACK(on_close)
PORTICO_DETAIL_CALLBACK(on_stop)
#undef PORTICO_DETAIL_CALLBACK

template <class P, class = void>
struct has_validate : std::false_type {};
template <class P>
struct has_validate<P, std::void_t<decltype(P::validate(std::declval<const setup &>()))>>
    : std::true_type {};

template <class P, class = void>
struct session_type {
    using type = void;
};
template <class P>
struct session_type<P, std::void_t<typename P::session>> {
    using type = typename P::session;
};
template <class P>
using session_of = typename session_type<P>::type;

// A plugin's object, after what the wrapper knows of its instance: the `self` of the C callbacks.
// plugin<P> finds the core before its object, so both are members (a base's padding could hold the
// object), in this order.
// `object` is made in place, not by a function that returns it: GCC gives such a function another
// address than the member's if the class is empty, and then the object does not find the core.
template <class P>
struct holder {
    explicit holder(const portico_setup &raw)
        : holder(raw, std::is_constructible<P, const setup &>()) {}
    holder(const portico_setup &raw, std::true_type) : owner(raw), object(setup(raw)) {}
    holder(const portico_setup &raw, std::false_type) : owner(raw), object() {}

    core owner;
    P object;
};

template <class S>
struct session_cell : cell {
    // How many of (plugin, connection, opened) its constructor takes; 1 is the connection alone.
    template <int Count>
    using takes = std::integral_constant<int, Count>;
    template <class P>
    using taken = takes<std::is_constructible_v<S, P &, connection, const opened &> ? 3
                        : std::is_constructible_v<S, P &, connection>               ? 2
                        : std::is_constructible_v<S, connection>                    ? 1
                                                                                    : 0>;

    template <class P>
    session_cell(core &owner, P &plugin, portico_connection id, const opened &how)
        : session_cell(owner, plugin, connection({owner.host, owner.instance, id}, this), how,
                       taken<P>()) {}
    // In place, as the plugin's object.
    template <class P>
    session_cell(core &owner, P &plugin, const connection &where, const opened &how, takes<3>)
        : cell(owner), session(plugin, where, how) {}
    template <class P>
    session_cell(core &owner, P &plugin, const connection &where, const opened &, takes<2>)
        : cell(owner), session(plugin, where) {}
    template <class P>
    session_cell(core &owner, P &, const connection &where, const opened &, takes<1>)
        : cell(owner), session(where) {}
    template <class P>
    session_cell(core &owner, P &, const connection &, const opened &, takes<0>)
        : cell(owner), session() {}
    S session;
};

template <class S>
struct made_cell {
    using type = session_cell<S>;
};
struct plain_cell {
    using type = cell;
};

// A callback may return nothing.
template <class Call>
portico_status status_of(Call &&call) {
    if constexpr (std::is_void_v<decltype(call())>) {
        call();
        return PORTICO_OK;
    } else {
        return call();
    }
}
template <class Call>
flow flow_of(Call &&call) {
    if constexpr (std::is_void_v<decltype(call())>) {
        call();
        return flow::all();
    } else {
        return call();
    }
}

template <class Call>
portico_status guarded(const core &owner, portico_connection id, const char *where,
                       Call &&call) noexcept {
    try {
        return call();
    } catch (...) {
        return failed(owner.host, owner.instance, id, where);
    }
}

// For create and validate: the exception's text becomes the reason.
template <class Call>
portico_status guarded_setup(const portico_setup &raw, Call &&call) noexcept {
    const auto explain = [&raw](const char *text) {
        const std::size_t size = std::min<std::size_t>(
            std::strlen(text), static_cast<std::size_t>(raw.error_capacity));
        if (size != 0) {
            std::memcpy(raw.error, text, size);
        }
    };
    try {
        return call();
    } catch (const error &thrown) {
        explain(thrown.what());
        return thrown.status();
    } catch (const std::bad_alloc &) {
        return PORTICO_NO_MEMORY;
    } catch (const std::exception &thrown) {
        explain(thrown.what());
    } catch (...) {
        explain("something was thrown that is no std::exception");
    }
    return PORTICO_ERROR;
}

// What is rare: the parts of the callbacks that deal with a rest of send_all.

// After on_data, if it left a rest: what it consumed is kept until the rest has gone.
PORTICO_DETAIL_RARE inline portico_status owe(cell &c, portico_status status, std::uint64_t taken,
                                              std::uint64_t size,
                                              std::uint64_t &consumed) noexcept {
    if (status < 0 && status != PORTICO_GONE && status != PORTICO_CLOSING &&
        status != PORTICO_WOULD_BLOCK) {
        return status;
    }
    const bool is_whole = c.core_->is_framed && (status == PORTICO_OK || taken != 0);
    c.rest_->owed = is_whole ? size : taken;
    consumed = 0;
    return status == PORTICO_WAIT ? PORTICO_WAIT : PORTICO_HOLD;
}

// In on_writable. True: there is no rest (any more).
PORTICO_DETAIL_RARE inline bool send_rest(const core &owner, portico_connection id, cell &c,
                                          portico_status &answer) noexcept {
    rest &left = *c.rest_;
    std::uint64_t begin = left.begin;
    answer = send_pieces(owner.host, owner.instance, id, left.bytes, owner.max_send_bytes, begin);
    left.begin = static_cast<std::size_t>(begin);
    if (answer != PORTICO_OK) {
        answer = answer == PORTICO_WOULD_BLOCK ? PORTICO_OK : answer;
        return false;
    }
    left.bytes = std::string();
    left.begin = 0;
    if (left.closes) {
        (void)owner.host->close(owner.instance, id, PORTICO_CLOSE_GRACEFUL);
    } else if (left.finishes) {
        (void)owner.host->finish_sending(owner.instance, id);
    }
    return true;
}

template <class S>
using cell_of = typename std::conditional_t<std::is_void_v<S>, plain_cell, made_cell<S>>::type;

// `Session`: the type of the sessions, or void. `Cell`: what is kept for each connection.
template <class P, class Session = session_of<P>, class Cell = cell_of<Session>>
struct entry {
    using session = Session;
    static constexpr bool has_session = !std::is_void_v<session>;
    // What has the connection's callbacks: the session, or the plugin itself.
    using target = std::conditional_t<has_session, session, P>;
    using own_cell = Cell;

    template <class Callback, class... Arguments>
    static constexpr bool has() {
        constexpr bool found =
            has_session ? std::is_invocable_v<Callback, target &, Arguments...>
                        : std::is_invocable_v<Callback, target &, connection, Arguments...>;
        static_assert(found || !Callback::template is_named<target>::value,
                      "a callback of this class has other parameters than plugin.hpp says");
        return found;
    }

    static core &core_of(void *self) noexcept { return static_cast<holder<P> *>(self)->owner; }
    static P &plugin_of(void *self) noexcept { return static_cast<holder<P> *>(self)->object; }
    static connection connection_of(void *self, portico_connection id, void *state) noexcept {
        const core &owner = core_of(self);
        return connection({owner.host, owner.instance, id}, static_cast<cell *>(state));
    }
    template <class Callback, class... Arguments>
    static decltype(auto) call(void *self, portico_connection id, void *state,
                               Arguments &&...arguments) {
        if constexpr (has_session) {
            (void)self, (void)id;
            return Callback{}(static_cast<own_cell *>(static_cast<cell *>(state))->session,
                              std::forward<Arguments>(arguments)...);
        } else {
            return Callback{}(plugin_of(self), connection_of(self, id, state),
                              std::forward<Arguments>(arguments)...);
        }
    }

    static portico_status PORTICO_CALL on_open(void *self, portico_connection id,
                                               const portico_opened *how, void **state) noexcept {
        return guarded(core_of(self), id, "on_open", [&]() -> portico_status {
            std::unique_ptr<own_cell> made;
            if constexpr (has_session) {
                made.reset(new own_cell(core_of(self), plugin_of(self), id, *how));
            } else {
                made.reset(new own_cell(core_of(self)));
                if constexpr (has<on_open_of, const opened &>()) {
                    const portico_status status = status_of([&] {
                        return call<on_open_of>(self, id, static_cast<cell *>(made.get()), *how);
                    });
                    if (status < 0) return status;
                }
            }
            *state = static_cast<cell *>(made.release());
            return PORTICO_OK;
        });
    }

    // Written out, unlike the others, because it runs for each message.
    static portico_status PORTICO_CALL on_data(void *self, portico_connection id, void *state,
                                               const std::uint8_t *data, std::uint64_t size,
                                               const portico_frame *frame,
                                               std::uint64_t *consumed) noexcept {
        cell &c = *static_cast<cell *>(state);
        if (c.rest_ != nullptr) {
            return on_data_after_rest(self, id, state, data, size, frame, consumed);
        }
        try {
            const flow said = flow_of(
                [&] { return call<on_data_of>(self, id, state, message(data, size, *frame)); });
            const std::uint64_t taken = said.consumed_bytes() == flow::everything
                                            ? size
                                            : said.consumed_bytes();
            portico_status status = said.status();
            if (status == flow::closes) {
                (void)connection_of(self, id, state).close();
                status = PORTICO_OK;
            }
            if (c.rest_ != nullptr) {
                return owe(c, status, taken, size, *consumed);
            }
            *consumed = taken;
            return status;
        } catch (...) {
            return failed(core_of(self).host, core_of(self).instance, id, "on_data");
        }
    }

    // The same if send_all had a rest when the last on_data ended.
    PORTICO_DETAIL_RARE static portico_status on_data_after_rest(
        void *self, portico_connection id, void *state, const std::uint8_t *data,
        std::uint64_t size, const portico_frame *frame, std::uint64_t *consumed) noexcept {
        cell &c = *static_cast<cell *>(state);
        c.rest_->seen = std::min(c.rest_->seen, frame->offered_before);
        if (c.rest_->is_pending()) {
            return PORTICO_HOLD;
        }
        // What the plugin has consumed already is not shown to it again.
        const std::uint64_t owed = std::min(c.rest_->owed, size);
        const std::uint64_t seen = std::max(c.rest_->seen, owed) - owed;
        c.rest_.reset();
        *consumed = owed;
        if (owed == size) {
            return PORTICO_OK;
        }
        portico_frame shown{};
        shown.struct_size = sizeof shown;
        shown.flags = frame->flags;
        shown.payload_offset = owed == 0 ? frame->payload_offset : 0;
        shown.payload_size = owed == 0 ? frame->payload_size : size - owed;
        shown.offered_before = seen;
        std::uint64_t taken = 0;
        const portico_status status = on_data(self, id, state, data + owed, size - owed, &shown,
                                              &taken);
        if (c.rest_ != nullptr) {
            c.rest_->owed += owed;
            *consumed = 0;
            return status;
        }
        *consumed = owed + taken;
        // PORTICO_WOULD_BLOCK would mean that nothing is consumed.
        return status == PORTICO_WOULD_BLOCK && owed != 0 ? PORTICO_HOLD : status;
    }

    static portico_status PORTICO_CALL on_writable(void *self, portico_connection id,
                                                   void *state) noexcept {
        cell &c = *static_cast<cell *>(state);
        if (c.rest_ != nullptr && c.rest_->is_pending()) {
            portico_status answer = PORTICO_OK;
            if (!send_rest(*c.core_, id, c, answer)) {
                return answer;
            }
        }
        if constexpr (has<on_writable_of>()) {
            return guarded(core_of(self), id, "on_writable", [&] {
                return status_of([&] { return call<on_writable_of>(self, id, state); });
            });
        } else {
            return PORTICO_OK;
        }
    }

    static portico_status PORTICO_CALL on_end(void *self, portico_connection id, void *state,
                                              const portico_ended *how) noexcept {
        return guarded(core_of(self), id, "on_end", [&] {
            return status_of([&] { return call<on_end_of>(self, id, state, *how); });
        });
    }

    static portico_status PORTICO_CALL on_drain(void *self, portico_connection id, void *state,
                                                const portico_draining *how) noexcept {
        return guarded(core_of(self), id, "on_drain", [&] {
            return status_of([&] { return call<on_drain_of>(self, id, state, *how); });
        });
    }

    static void PORTICO_CALL on_close(void *self, portico_connection id, void *state,
                                      const portico_closed *how) noexcept {
        const std::unique_ptr<own_cell> own(static_cast<own_cell *>(static_cast<cell *>(state)));
        if constexpr (has<on_close_of, const closed &>()) {
            (void)guarded(core_of(self), id, "on_close", [&] {
                return status_of([&] { return call<on_close_of>(self, id, state, *how); });
            });
        } else {
            (void)self, (void)id, (void)how;
        }
    }

    static portico_status PORTICO_CALL validate(const portico_setup *raw) noexcept {
        return guarded_setup(*raw,
                             [&] { return status_of([&] { return P::validate(setup(*raw)); }); });
    }

    static portico_status PORTICO_CALL create(const portico_setup *raw, void **self) noexcept {
        return guarded_setup(*raw, [&]() -> portico_status {
            *self = new holder<P>(*raw);
            return PORTICO_OK;
        });
    }

    static portico_status PORTICO_CALL on_stop(void *self, const portico_draining *how) noexcept {
        return guarded(core_of(self), 0, "on_stop", [&] {
            return status_of([&] { return on_stop_of{}(plugin_of(self), *how); });
        });
    }

    static void PORTICO_CALL destroy(void *self) noexcept { delete static_cast<holder<P> *>(self); }

    // All but on_open and on_drain.
    static constexpr portico_callbacks make_common_callbacks() {
        static_assert(has<on_data_of, message>(), "on_data is missing, or takes no message");
        portico_callbacks made{};
        made.struct_size = sizeof(portico_callbacks);
        made.on_data = &on_data;
        made.on_writable = &on_writable;
        if constexpr (has<on_end_of, const ended &>()) made.on_end = &on_end;
        made.on_close = &on_close;
        return made;
    }
    static constexpr portico_callbacks make_callbacks() {
        portico_callbacks made = make_common_callbacks();
        made.on_open = &on_open;
        if constexpr (has<on_drain_of, const draining &>()) made.on_drain = &on_drain;
        return made;
    }
    static constexpr portico_callbacks callbacks = make_callbacks();

    // ---- A connection that the plugin makes: its session is there before it (cpp/connect.hpp).
    static portico_status PORTICO_CALL on_connected(void *self, portico_connection id,
                                                    const portico_opened *, void **state) noexcept {
        return guarded(core_of(self), id, "on_open", [&] {
            const connection own = connection_of(self, id, *state);
            return status_of([&] { return call<on_open_of>(self, id, *state, own); });
        });
    }

    static constexpr portico_callbacks make_outbound_callbacks() {
        portico_callbacks made = make_common_callbacks();
        if constexpr (has<on_open_of, connection>()) made.on_open = &on_connected;
        return made;
    }

    template <std::size_t NameSize, std::size_t VersionSize>
    static constexpr portico_plugin table(const char (&name)[NameSize],
                                          const char (&version)[VersionSize]) {
        static_assert(NameSize >= 2 && NameSize <= 65, "a name has 1 to 64 bytes");
        static_assert(VersionSize <= 65, "a version has at most 64 bytes");
        portico_plugin made{};
        made.struct_size = sizeof(portico_plugin);
        made.abi_major = PORTICO_ABI_MAJOR;
        made.abi_minor = PORTICO_ABI_MINOR;
        made.abi_required = PORTICO_ABI_MINOR;
        made.flags = (P::serial ? PORTICO_PLUGIN_SERIAL : 0u) |
                     (P::blocking ? PORTICO_PLUGIN_BLOCKING : 0u) |
                     (P::unloadable ? PORTICO_PLUGIN_UNLOADABLE : 0u);
        made.framing = P::framing;
        made.name = name;
        made.name_size = NameSize - 1;
        made.version = version;
        made.version_size = VersionSize - 1;
        if constexpr (has_validate<P>::value) made.validate = &validate;
        made.create = &create;
        if constexpr (std::is_invocable_v<on_stop_of, P &, const draining &>)
            made.on_stop = &on_stop;
        made.destroy = &destroy;
        made.callbacks = &callbacks;
        return made;
    }
};

}  // namespace detail
}  // namespace portico

#endif
