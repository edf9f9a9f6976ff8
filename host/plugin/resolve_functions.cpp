#include "plugin/resolve_functions.hpp"

#include <atomic>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "net/connection_inline.hpp"
#include "net/reserved_post.hpp"
#include "net/timers_inline.hpp"
#include "plugin/call_scope.hpp"
#include "plugin/instance_use.hpp"
#include "plugin/put_address.hpp"
#include "plugin/resolver.hpp"
#include "portico/ext/timer.h"

namespace portico::plugin {

namespace {

constexpr std::uint32_t timeout_ms_default = 5'000;

}  // namespace

// A request has two ends, and the one that comes first answers:
//
//     its lookup   resolver -> strand of the connection, or of the instance
//     its timer    the last call: the timeout, a cancel, or the end of the connection or instance
//
// The timer's last call comes in any case, so each request is answered. A lookup answers if it can
// still cancel the timer. It counts as a post of the instance until it has arrived or was dropped.
//
// Concurrency: the resolver's mutex hands it to a thread of the resolver, and a mailbox to the
// strand. Both ends come on the same strand, so is_answered needs no lock.
struct ResolveFunctions {
    struct Asked final : Resolver::Request, net::ReservedPost {
        Instance* instance = nullptr;
        portico_connection whose = 0;  // 0: the instance's
        net::ConnectionTable::Found found;
        portico_resolved_function function = nullptr;
        void* argument = nullptr;
        std::uint32_t timeout_ms = 0;
        portico_request* wants_number = nullptr;  // until begin() has returned
        std::uint64_t timer = 0;
        net::Timers::Result started = net::Timers::Result::ok;
        bool is_answered = false;  // the strand's
        // Each change is acq_rel: whoever frees it sees what the other end did.
        std::atomic<int> ends_left{2};
    };

    static portico_status PORTICO_CALL resolve(portico_instance* handle,
                                               portico_connection connection, const char* name,
                                               std::uint64_t name_size, std::uint32_t timeout_ms,
                                               portico_resolved_function function, void* argument,
                                               portico_request* request) noexcept {
        if (name == nullptr || function == nullptr) {
            return PORTICO_INVALID;
        }
        const InstanceUse instance(handle);
        if (instance.connections() == nullptr) {
            return PORTICO_GONE;
        }
        try {
            base::Result<io::HostPort> where = io::parse_host_port(std::string(name, name_size));
            if (!where || where->port == 0 || where->host == "*" ||
                where->host.find('\0') != std::string::npos) {
                return PORTICO_INVALID;
            }
            auto asked = std::make_unique<Asked>();
            if (connection != 0) {
                asked->found = instance.find(connection);
                if (asked->found.connection == nullptr) {
                    return PORTICO_GONE;
                }
            }
            asked->host = std::move(where->host);
            asked->port = where->port;
            asked->instance = &*instance;
            asked->whose = connection;
            asked->function = function;
            asked->argument = argument;
            asked->timeout_ms = timeout_ms != 0 ? timeout_ms : timeout_ms_default;
            asked->wants_number = request;
            return ask(*instance, std::move(asked));
        } catch (const std::bad_alloc&) {
            return PORTICO_NO_MEMORY;
        }
    }

    static portico_status ask(Instance& instance, std::unique_ptr<Asked> asked) noexcept {
        const portico_status begun = instance.begin_post();
        if (begun != PORTICO_OK) {
            return begun;
        }
        asked->begin = begin;
        asked->Resolver::Request::found = looked_up;
        asked->dropped = dropped;
        const Resolver::Added added = instance.resolver_.add(*asked);
        if (added == Resolver::Added::added) {
            static_cast<void>(asked.release());
            return PORTICO_OK;
        }
        const bool is_ending = instance.is_finishing();
        instance.end_post();
        switch (added) {
            case Resolver::Added::added: break;
            case Resolver::Added::refused: return status_of(asked->started);
            case Resolver::Added::full: return PORTICO_LIMIT;
            case Resolver::Added::unavailable:
                return is_ending ? PORTICO_GONE : PORTICO_UNSUPPORTED;
        }
        return PORTICO_ERROR;
    }

    static portico_status status_of(net::Timers::Result result) noexcept {
        switch (result) {
            case net::Timers::Result::ok: return PORTICO_OK;
            case net::Timers::Result::gone: return PORTICO_GONE;
            case net::Timers::Result::limit: return PORTICO_LIMIT;
            case net::Timers::Result::no_memory: return PORTICO_NO_MEMORY;
        }
        return PORTICO_ERROR;
    }

    static portico_status PORTICO_CALL cancel(portico_instance* handle,
                                              portico_request request) noexcept {
        const InstanceUse instance(handle);
        if (instance.connections() == nullptr) {
            return PORTICO_GONE;
        }
        return status_of(
            net::Timers::cancel(instance->connections_->timers(), instance->timers_, request));
    }

    // ---- the timer

    // In add(), under the resolver's mutex. timer_ended() takes it before it calls the plugin, so
    // the number is stored before.
    static bool begin(Resolver::Request& request) noexcept {
        auto& asked = static_cast<Asked&>(request);
        Instance& instance = *asked.instance;
        asked.started = net::Timers::start(
            instance.connections_->timers(), instance.timers_, asked.found.connection,
            asked.found.generation,
            {asked.timeout_ms, 0,
             reinterpret_cast<net::AnyFunction>(static_cast<portico_timer_function>(timer_ended)),
             &asked},
            asked.timer);
        if (asked.started != net::Timers::Result::ok) {
            return false;
        }
        if (asked.wants_number != nullptr) {
            *asked.wants_number = asked.timer;
        }
        return true;
    }

    static void PORTICO_CALL timer_ended(void* self, portico_connection, void* state,
                                         void* argument,
                                         const portico_timer_event* event) noexcept {
        auto& asked = *static_cast<Asked*>(argument);
        asked.instance->resolver_.unwant(asked);
        if (!std::exchange(asked.is_answered, true)) {
            answer(asked, self, state,
                   event->status == PORTICO_OK ? PORTICO_TIMED_OUT : event->status, {});
        }
        end(asked);
    }

    // ---- the lookup

    static void looked_up(Resolver::Request& request) noexcept {
        auto& asked = static_cast<Asked&>(request);
        if (asked.whose == 0) {
            asked.deliver = [](net::Mail& mail) {
                auto& arrived = static_cast<Asked&>(mail);
                net::Worker::current()->before_callback(*arrived.instance->context_);
                arrive(arrived, nullptr);
            };
            asked.instance->strand_.deliver(asked);
            return;
        }
        asked.arrived = [](net::ReservedPost& post, net::Connection& connection,
                           bool is_closing) noexcept {
            auto& arrived = static_cast<Asked&>(post);
            if (is_closing) {
                dropped(arrived);  // its timer's last call says so
            } else {
                arrive(arrived, &connection);
            }
        };
        if (!asked.found.connection->post_reserved(asked.found.generation, asked)) {
            dropped(asked);
        }
    }

    static void dropped(Resolver::Request& request) noexcept {
        auto& asked = static_cast<Asked&>(request);
        Instance& instance = *asked.instance;
        end(asked);
        instance.end_post();
    }

    static void arrive(Asked& asked, net::Connection* connection) noexcept {
        Instance& instance = *asked.instance;
        // If the timer's last call is certain already, it answers: a cancel may have been promised.
        if (!asked.is_answered &&
            net::Timers::cancel(instance.connections_->timers(), instance.timers_, asked.timer) ==
                net::Timers::Result::ok) {
            asked.is_answered = true;
            const CallScope scope(resolved_name, instance, connection, asked.whose);
            answer(asked, instance.self_, connection != nullptr ? connection->state : nullptr,
                   status_of(asked.outcome), asked.addresses);
        }
        dropped(asked);
    }

    static portico_status status_of(Resolver::Outcome outcome) noexcept {
        switch (outcome) {
            case Resolver::Outcome::found: return PORTICO_OK;
            case Resolver::Outcome::unknown: return PORTICO_NOT_FOUND;
            case Resolver::Outcome::failed: return PORTICO_ERROR;
            case Resolver::Outcome::no_memory: return PORTICO_NO_MEMORY;
        }
        return PORTICO_ERROR;
    }

    // ---- both

    static void answer(const Asked& asked, void* self, void* state, portico_status status,
                       const std::vector<io::Address>& addresses) noexcept {
        std::vector<portico_address> put;
        try {
            put.resize(addresses.size());
            for (std::size_t i = 0; i < addresses.size(); ++i) {
                put_address(put[i], addresses[i]);
            }
        } catch (const std::bad_alloc&) {
            put.clear();
            status = PORTICO_NO_MEMORY;
        }
        const portico_resolved resolved{sizeof(portico_resolved),
                                        status,
                                        asked.timer,
                                        put.empty() ? nullptr : put.data(),
                                        static_cast<std::uint32_t>(put.size()),
                                        static_cast<std::uint32_t>(sizeof(portico_address))};
        asked.function(self, asked.whose, state, asked.argument, &resolved);
    }

    static void end(Asked& asked) noexcept {
        if (asked.ends_left.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            delete &asked;
        }
    }

    [[nodiscard]] static const portico_resolve& table() noexcept {
        static constexpr portico_resolve functions{sizeof(portico_resolve), 0, resolve, cancel};
        return functions;
    }
};

const portico_resolve& resolve_table() noexcept {
    return ResolveFunctions::table();
}

}  // namespace portico::plugin
