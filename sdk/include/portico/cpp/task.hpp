// Posted functions and timers as lambdas: one allocation each, freed after the last call, whatever
// its status.
//
// A function takes what it needs:
//     ()                        runs only with PORTICO_OK
//     (connection)              the same; not for an instance's
//     (portico_status)          runs in any case: PORTICO_CLOSING or PORTICO_CANCELLED for a last
//     (connection, portico_status)   call that brings nothing
//     (const timer_event &), (connection, const timer_event &)   the same; for a timer's
// A function that runs only with PORTICO_OK may use its connection's session. One that takes a
// status may do so only with PORTICO_OK: if on_open refused the connection, there is no session.
// A function that throws closes its connection.
#ifndef PORTICO_CPP_TASK_HPP
#define PORTICO_CPP_TASK_HPP

#include <algorithm>
#include <memory>
#include <type_traits>
#include <utility>

#include "connection.hpp"
#include "error.hpp"

namespace portico {
namespace detail {

template <class F>
void run_function(F &function, const connection &where, portico_status status) {
    if constexpr (std::is_invocable_v<F &, connection, portico_status>) {
        function(where, status);
    } else if constexpr (std::is_invocable_v<F &, connection>) {
        if (status == PORTICO_OK) {
            function(where);
        }
    } else if constexpr (std::is_invocable_v<F &, portico_status>) {
        function(status);
    } else {
        static_assert(std::is_invocable_v<F &>,
                      "the function takes (), (connection), (portico_status), or both");
        if (status == PORTICO_OK) {
            function();
        }
    }
}

template <class F>
void run_timer(F &function, const connection &where, const timer_event &event) {
    if constexpr (std::is_invocable_v<F &, connection, const timer_event &>) {
        function(where, event);
    } else if constexpr (std::is_invocable_v<F &, const timer_event &>) {
        function(event);
    } else {
        run_function(function, where, event.status);
    }
}

template <class F>
struct task {
    const portico_host *host;
    portico_instance *instance;
    F function;

    // `action` gets the connection.
    template <class Action>
    void run(portico_connection id, void *state, const char *where, Action action) noexcept {
        try {
            action(connection({host, instance, id}, static_cast<cell *>(state)));
        } catch (...) {
            failed_alone(host, instance, id, where);
        }
    }
    static void PORTICO_CALL posted(void *, portico_connection id, void *state, void *argument,
                                    portico_status status) noexcept {
        const std::unique_ptr<task> own(static_cast<task *>(argument));
        own->run(id, state, "a posted function",
                 [&](const connection &where) { run_function(own->function, where, status); });
    }
    static void PORTICO_CALL due(void *, portico_connection id, void *state, void *argument,
                                 const portico_timer_event *event) noexcept {
        auto *const own = static_cast<task *>(argument);
        own->run(id, state, "a timer's function",
                 [&](const connection &where) { run_timer(own->function, where, *event); });
        if ((event->flags & PORTICO_TIMER_LAST) != 0) {
            delete own;
        }
    }
};

template <class F>
std::unique_ptr<task<std::decay_t<F>>> make_task(const portico_host *host,
                                                 portico_instance *instance, F &&function) {
    return std::unique_ptr<task<std::decay_t<F>>>(
        new task<std::decay_t<F>>{host, instance, std::forward<F>(function)});
}

template <class F>
timer start_timer(const core &owner, portico_connection id, std::uint32_t milliseconds,
                  bool is_periodic, F &&function) {
    if (owner.timers == nullptr) {
        return timer(PORTICO_UNSUPPORTED, nullptr, owner.instance, 0, is_periodic);
    }
    auto made = make_task(owner.host, owner.instance, std::forward<F>(function));
    portico_timer started = 0;
    const portico_status status = owner.timers->start(
        owner.instance, id, milliseconds, is_periodic ? std::max(milliseconds, 1u) : 0u,
        &std::decay_t<decltype(*made)>::due, made.get(), &started);
    if (status == PORTICO_OK) {
        (void)made.release();
    }
    return timer(status, owner.timers, owner.instance, started, is_periodic);
}

}  // namespace detail

template <class F>
portico_status connection_handle::post(F &&function) const {
    auto made = detail::make_task(host_, instance_, std::forward<F>(function));
    const portico_status status = host_->post(instance_, id_,
                                              &std::decay_t<decltype(*made)>::posted, made.get());
    if (status == PORTICO_OK) {
        (void)made.release();
    }
    return status;
}

template <class F>
portico_status instance_handle::post(F &&function) const {
    auto made = detail::make_task(host_, instance_, std::forward<F>(function));
    const portico_status status = host_->post_instance(
        instance_, &std::decay_t<decltype(*made)>::posted, made.get());
    if (status == PORTICO_OK) {
        (void)made.release();
    }
    return status;
}

template <class F>
timer connection::after(std::uint32_t milliseconds, F &&function) const {
    return cell_ == nullptr ? timer()
                            : detail::start_timer(*cell_->core_, id_, milliseconds, false,
                                                  std::forward<F>(function));
}

template <class F>
timer connection::every(std::uint32_t milliseconds, F &&function) const {
    return cell_ == nullptr ? timer()
                            : detail::start_timer(*cell_->core_, id_, milliseconds, true,
                                                  std::forward<F>(function));
}

}  // namespace portico

#endif
