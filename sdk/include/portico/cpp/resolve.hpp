// Names looked up as a lambda (ext/resolve.h): one allocation, freed after its only call.
//
//     connection.resolve("db.internal:5432", 2'000, [this](const portico::resolved &found) {
//         if (found.status == PORTICO_OK) use(found.text(0));
//     });
//
// The function takes the answer, or the connection and the answer, and is called whatever the
// status is. With PORTICO_CLOSING or PORTICO_CANCELLED it must not use its connection's session: if
// on_open refused the connection, there is none. A function that throws closes its connection.
#ifndef PORTICO_CPP_RESOLVE_HPP
#define PORTICO_CPP_RESOLVE_HPP

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

#include "../ext/resolve.h"
#include "connection.hpp"
#include "error.hpp"

namespace portico {

// An answer. The addresses are valid until the function returns.
struct resolved {
    portico_status status = PORTICO_OK;
    const portico_address *first = nullptr;
    std::size_t count = 0;
    std::size_t stride = 0;

    explicit operator bool() const noexcept { return status == PORTICO_OK; }
    const portico_address &operator[](std::size_t index) const noexcept {
        return *reinterpret_cast<const portico_address *>(reinterpret_cast<const char *>(first) +
                                                          index * stride);
    }
    // As target::address() takes it.
    std::string_view text(std::size_t index) const noexcept {
        return {(*this)[index].text, (*this)[index].text_size};
    }
};

// A request: a handle, so letting it go does not end it.
class request {
public:
    request() = default;
    request(portico_status status, const portico_resolve *table, portico_instance *instance,
            portico_request id) noexcept
        : table_(table), instance_(instance), id_(id), status_(status) {}

    // Was it accepted? Otherwise status() says why not, and the function is not called.
    explicit operator bool() const noexcept { return id_ != 0; }
    portico_status status() const noexcept { return status_; }
    portico_status cancel() const noexcept {
        return id_ == 0 ? PORTICO_GONE : table_->cancel(instance_, id_);
    }

private:
    const portico_resolve *table_ = nullptr;
    portico_instance *instance_ = nullptr;
    portico_request id_ = 0;
    portico_status status_ = PORTICO_GONE;
};

namespace detail {

template <class F>
struct question {
    const portico_host *host;
    portico_instance *instance;
    F function;

    static void PORTICO_CALL answered(void *, portico_connection id, void *state, void *argument,
                                      const portico_resolved *raw) noexcept {
        const std::unique_ptr<question> own(static_cast<question *>(argument));
        const resolved answer{raw->status, raw->addresses, raw->count, raw->stride};
        try {
            if constexpr (std::is_invocable_v<F &, connection, const resolved &>) {
                own->function(
                    connection({own->host, own->instance, id}, static_cast<cell *>(state)), answer);
            } else {
                static_assert(std::is_invocable_v<F &, const resolved &>,
                              "the function takes (const resolved &), or the connection and that");
                own->function(answer);
            }
        } catch (...) {
            failed_alone(own->host, own->instance, id, "the function of a lookup");
        }
    }
};

template <class F>
request resolve(const portico_host *host, portico_instance *instance, portico_connection id,
                std::string_view name, std::uint32_t timeout_ms, F &&function) {
    using made_question = question<std::decay_t<F>>;
    const auto *const table = static_cast<const portico_resolve *>(
        host->get_extension(instance, PORTICO_EXT_RESOLVE, sizeof PORTICO_EXT_RESOLVE - 1));
    if (table == nullptr) {
        return {PORTICO_UNSUPPORTED, nullptr, instance, 0};
    }
    std::unique_ptr<made_question> made(
        new made_question{host, instance, std::forward<F>(function)});
    portico_request asked = 0;
    const portico_status status = table->resolve(instance, id, name.data(), name.size(), timeout_ms,
                                                 &made_question::answered, made.get(), &asked);
    if (status != PORTICO_OK) {
        return {status, table, instance, 0};
    }
    (void)made.release();
    return {status, table, instance, asked};
}

}  // namespace detail

template <class F>
request connection_handle::resolve(std::string_view name, std::uint32_t timeout_ms,
                                   F &&function) const {
    return id_ == 0 ? request()
                    : detail::resolve(host_, instance_, id_, name, timeout_ms,
                                      std::forward<F>(function));
}

template <class F>
request instance_handle::resolve(std::string_view name, std::uint32_t timeout_ms,
                                 F &&function) const {
    return detail::resolve(host_, instance_, 0, name, timeout_ms, std::forward<F>(function));
}

}  // namespace portico

#endif
