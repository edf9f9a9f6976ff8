// Posted functions and timers as lambdas: one allocation each, freed after the last call, whatever
// its status.
//
// A function takes what it needs:
//     ()                        runs only with PORTICO_OK
//     (connection)              the same; not for an instance's
//     (portico_status)          runs in any case: PORTICO_CLOSING or PORTICO_CANCELLED for a last
//     (connection, portico_status)   call that brings nothing
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
struct task {
    const portico_host *host;
    portico_instance *instance;
    bool is_periodic;
    F function;

    void run(portico_connection id, void *state, portico_status status,
             const char *where) noexcept {
        try {
            run_function(function, connection({host, instance, id}, static_cast<cell *>(state)),
                         status);
        } catch (...) {
            failed_alone(host, instance, id, where);
        }
    }
    static void PORTICO_CALL posted(void *, portico_connection id, void *state, void *argument,
                                    portico_status status) noexcept {
        const std::unique_ptr<task> own(static_cast<task *>(argument));
        own->run(id, state, status, "a posted function");
    }
    static void PORTICO_CALL due(void *, portico_connection id, void *state, void *argument,
                                 portico_timer, portico_status status) noexcept {
        auto *const own = static_cast<task *>(argument);
        own->run(id, state, status, "a timer's function");
        if (status != PORTICO_OK || !own->is_periodic) {
            delete own;
        }
    }
};

template <class F>
std::unique_ptr<task<std::decay_t<F>>> make_task(const portico_host *host,
                                                 portico_instance *instance, bool is_periodic,
                                                 F &&function) {
    return std::unique_ptr<task<std::decay_t<F>>>(
        new task<std::decay_t<F>>{host, instance, is_periodic, std::forward<F>(function)});
}

template <class F>
timer start_timer(const core &owner, portico_connection id, std::uint32_t milliseconds,
                  bool is_periodic, F &&function) {
    if (owner.timers == nullptr) {
        return timer(PORTICO_UNSUPPORTED, nullptr, owner.instance, 0, is_periodic);
    }
    auto made = make_task(owner.host, owner.instance, is_periodic, std::forward<F>(function));
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
    auto made = detail::make_task(host_, instance_, false, std::forward<F>(function));
    const portico_status status = host_->post(instance_, id_,
                                              &std::decay_t<decltype(*made)>::posted, made.get());
    if (status == PORTICO_OK) {
        (void)made.release();
    }
    return status;
}

template <class F>
portico_status instance_handle::post(F &&function) const {
    auto made = detail::make_task(host_, instance_, false, std::forward<F>(function));
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
