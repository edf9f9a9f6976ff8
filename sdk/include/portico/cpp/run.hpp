// Blocking work as two lambdas (ext/executor.h): `work` runs on a helper thread, and `done` gets
// what it returned, on the strand. One allocation holds both, freed after `done`.
//
//     connection.run([key] { return library::look_up(key); },
//                    [this](std::string value) { (void)connection_.send_all(value); });
//
// `work` runs beside all callbacks, and its connection may close meanwhile. So it may use the
// plugin's object, and must not use the session: capture what it needs.
// `done` takes what `work` returned (nothing, if that is void), or the connection and that. It runs
// only if the connection is still open, so it may capture its session's `this`. An instance's runs
// unless the instance is about to end.
// If either throws, that is logged, and the connection is closed. After a `work` that threw, `done`
// does not run.
#ifndef PORTICO_CPP_RUN_HPP
#define PORTICO_CPP_RUN_HPP

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "../ext/executor.h"
#include "connection.hpp"
#include "error.hpp"

namespace portico {
namespace detail {

// What a piece of work has made: nothing if it threw.
template <class R>
struct outcome {
    std::optional<R> value;

    template <class W>
    void fill(W &work) {
        value.emplace(work());
    }
    bool is_there() const noexcept { return value.has_value(); }
    template <class D>
    void pass(D &done, const connection &where) {
        if constexpr (std::is_invocable_v<D &, connection, R &&>) {
            done(where, std::move(*value));
        } else {
            static_assert(std::is_invocable_v<D &, R &&>,
                          "the second function takes what the first one returns");
            done(std::move(*value));
        }
    }
};

template <>
struct outcome<void> {
    bool is_made = false;

    template <class W>
    void fill(W &work) {
        work();
        is_made = true;
    }
    bool is_there() const noexcept { return is_made; }
    template <class D>
    void pass(D &done, const connection &where) {
        if constexpr (std::is_invocable_v<D &, connection>) {
            done(where);
        } else {
            static_assert(std::is_invocable_v<D &>, "the first function returns nothing to take");
            done();
        }
    }
};

// Concurrency: the host hands it from the caller to the helper thread, and from there to the
// strand, and each sees what the one before it wrote.
template <class W, class D>
struct job {
    const portico_host *host;
    portico_instance *instance;
    portico_connection id;
    W work;
    D done;
    outcome<std::decay_t<std::invoke_result_t<W &>>> made = {};

    static void PORTICO_CALL working(void *, void *argument) noexcept {
        auto &own = *static_cast<job *>(argument);
        try {
            own.made.fill(own.work);
        } catch (...) {
            failed_alone(own.host, own.instance, own.id, "blocking work");
        }
    }
    static void PORTICO_CALL finished(void *, portico_connection id, void *state, void *argument,
                                      portico_status status) noexcept {
        const std::unique_ptr<job> own(static_cast<job *>(argument));
        if (status != PORTICO_OK || !own->made.is_there()) {
            return;
        }
        try {
            own->made.pass(own->done,
                           connection({own->host, own->instance, id}, static_cast<cell *>(state)));
        } catch (...) {
            failed_alone(own->host, own->instance, id, "the function after blocking work");
        }
    }
};

template <class W, class D>
portico_status run_job(const portico_host *host, portico_instance *instance, portico_connection id,
                       W &&work, D &&done) {
    using made_job = job<std::decay_t<W>, std::decay_t<D>>;
    const auto *const executor = static_cast<const portico_executor *>(
        host->get_extension(instance, PORTICO_EXT_EXECUTOR, sizeof PORTICO_EXT_EXECUTOR - 1));
    if (executor == nullptr) {
        return PORTICO_UNSUPPORTED;
    }
    std::unique_ptr<made_job> made(
        new made_job{host, instance, id, std::forward<W>(work), std::forward<D>(done)});
    const portico_status status = executor->run(instance, id, &made_job::working,
                                                &made_job::finished, made.get());
    if (status == PORTICO_OK) {
        (void)made.release();
    }
    return status;
}

}  // namespace detail

template <class W, class D>
portico_status connection_handle::run(W &&work, D &&done) const {
    return id_ == 0 ? PORTICO_GONE
                    : detail::run_job(host_, instance_, id_, std::forward<W>(work),
                                      std::forward<D>(done));
}

template <class W, class D>
portico_status instance_handle::run(W &&work, D &&done) const {
    return detail::run_job(host_, instance_, 0, std::forward<W>(work), std::forward<D>(done));
}

}  // namespace portico

#endif
