#include "sim/world/lookups.hpp"

#include <algorithm>
#include <string>
#include <string_view>

namespace portico::sim {

namespace {

constexpr std::string_view known = "known.example:4711";
constexpr std::string_view unknown = "unknown.example:4711";
constexpr std::string_view silent = "silent.example:4711";
constexpr std::uint16_t port_of_all = 4711;

// A run has one. (The lookups get no context.)
WorldLookups* current = nullptr;

}  // namespace

WorldLookups::WorldLookups(Scheduler& scheduler, Ledger& ledger, Random random)
    : scheduler_(scheduler),
      ledger_(ledger),
      random_(random.fork("calls")),
      resolver_(random.fork("resolver")) {
    current = this;
}

WorldLookups::~WorldLookups() {
    current = nullptr;
}

plugin::Resolver::Lookups WorldLookups::resolver() noexcept {
    // The world waits for every thread, so none is left behind.
    return {
        [](const std::string& host, std::uint16_t port) { return current->look_up(host, port); },
        false};
}

// On a thread of an instance's resolver.
base::Result<std::vector<io::Address>> WorldLookups::look_up(const std::string& host,
                                                             std::uint16_t port) {
    scheduler_.sleep_for(resolver_.skewed(resolver_.one_in(4) ? 1'500 * ms : 20 * ms));
    if (known.starts_with(host)) {
        io::Address address;
        address.family = io::Address::Family::v4;
        address.bytes = {192, 0, 2, 1};
        address.port = port;
        return std::vector{address};
    }
    if (unknown.starts_with(host)) {
        return base::Failure{"no such name", io::name_unknown};
    }
    return base::Failure{"no name server answers"};
}

void WorldLookups::violated(const Asked& asked, const std::string& what) {
    ledger_.violated("lookup " + std::to_string(asked.number) + " of " +
                     (asked.line != nullptr ? "connection " + std::to_string(asked.line->number)
                                            : "service " + std::to_string(asked.service->number)) +
                     ": " + what);
}

// ---- calls

void WorldLookups::meddle(Service& from) {
    if (from.host == nullptr || !random_.one_in(5)) {
        return;
    }
    if (all_.empty() || (all_.size() < requests_max && random_.one_in(2))) {
        ask(from);
        return;
    }
    // Prefers newer ones, because they are not answered yet. Some are another service's.
    const std::size_t back = static_cast<std::size_t>(random_.skewed(all_.size() - 1));
    Asked& asked = *all_[all_.size() - 1 - back];
    if (asked.is_accepted && random_.one_in(3)) {
        cancel(from, asked);
    }
}

void WorldLookups::ask(Service& from) {
    const auto& lines = ledger_.lines();
    Line* line = nullptr;
    if (!lines.empty() && !random_.one_in(4)) {
        const std::size_t back = static_cast<std::size_t>(random_.skewed(lines.size() - 1));
        line = lines[lines.size() - 1 - back].get();
    }
    Asked& asked = *all_.emplace_back(std::make_unique<Asked>());
    asked.all = this;
    asked.number = static_cast<std::uint32_t>(all_.size() - 1);
    asked.service = &from;
    asked.line = line;
    asked.begun_ns = scheduler_.now();
    const auto timeout_ms = static_cast<std::uint32_t>(
        random_.between(1, random_.one_in(2) ? 20 : 1'000));
    asked.timeout_ns = timeout_ms * ms;
    const bool is_gone = from.is_destroyed ||
                         (line != nullptr && (!line->may_be_of(from) || line->is_surely_gone() ||
                                              line->is_close_sure || line->is_abort_sure));
    const std::string_view name = random_.one_in(4) ? unknown : random_.one_in(4) ? silent : known;
    scheduler_.switch_point();
    Ledger::in_host_call() = true;
    constexpr std::string_view id = PORTICO_EXT_RESOLVE;
    const auto* const functions = static_cast<const portico_resolve*>(
        from.host->get_extension(from.handle, id.data(), id.size()));
    const portico_status status = functions == nullptr
                                      ? PORTICO_GONE
                                      : functions->resolve(from.handle,
                                                           line != nullptr ? line->handle : 0,
                                                           name.data(), name.size(), timeout_ms,
                                                           on_resolved, &asked, &asked.id);
    Ledger::in_host_call() = false;
    scheduler_.trace("call: lookup {} answers -{} (service {})", asked.number,
                     static_cast<std::uint64_t>(-status), from.number);
    switch (status) {
        case PORTICO_OK:
            asked.is_accepted = true;
            if (is_gone || !from.is_created) {
                violated(asked, "it is accepted for something that is gone, or in create");
            }
            return;
        case PORTICO_GONE:
            if (line == nullptr && !ledger_.is_stopping()) {
                violated(asked, "its instance is said to be gone");
            }
            break;
        case PORTICO_UNSUPPORTED:
            if (from.is_created) {
                violated(asked, "lookups are said to be impossible");
            }
            break;
        default: violated(asked, "resolve answers " + std::to_string(status));
    }
    asked.is_refused = true;
    if (asked.is_answered) {
        violated(asked, "it is refused, and was answered");
    }
}

void WorldLookups::cancel(Service& from, Asked& asked) {
    asked.is_cancel_begun = true;
    const bool is_gone = asked.is_answered || &from != asked.service || from.is_destroyed;
    scheduler_.switch_point();
    Ledger::in_host_call() = true;
    constexpr std::string_view id = PORTICO_EXT_RESOLVE;
    const auto* const functions = static_cast<const portico_resolve*>(
        from.host->get_extension(from.handle, id.data(), id.size()));
    const portico_status status = functions == nullptr ? PORTICO_GONE
                                                       : functions->cancel(from.handle, asked.id);
    Ledger::in_host_call() = false;
    scheduler_.trace("call: cancel of lookup {} answers -{} (service {})", asked.number,
                     static_cast<std::uint64_t>(-status), from.number);
    if (status == PORTICO_OK) {
        if (is_gone) {
            violated(asked, "it was cancelled, and was answered before, or is another's");
        }
        asked.is_cancelled = true;
    } else if (status != PORTICO_GONE) {
        violated(asked, "cancel answers " + std::to_string(status));
    }
}

// ---- its own calls

void PORTICO_CALL WorldLookups::on_resolved(void* self, portico_connection connection, void* state,
                                            void* argument, const portico_resolved* resolved) {
    auto& asked = *static_cast<Asked*>(argument);
    WorldLookups& all = *asked.all;
    const Ledger::Callback callback(
        all.ledger_, *asked.service, asked.line,
        asked.line != nullptr ? "connection {}: lookup {} ends" : "service {}: lookup {} ends",
        asked.number);
    if (self != asked.service || connection != (asked.line != nullptr ? asked.line->handle : 0)) {
        all.violated(asked, "an answer for another instance or connection");
    }
    all.answered(asked, state, *resolved);
}

void WorldLookups::answered(Asked& asked, const void* state, const portico_resolved& resolved) {
    const Line* const line = asked.line;
    scheduler_.trace("lookup {} is answered with -{}", asked.number,
                     static_cast<std::uint64_t>(-resolved.status));
    if (asked.is_answered || asked.is_refused || asked.id != resolved.request || asked.id == 0) {
        violated(asked, "a second answer, or one to a request that was refused, or is unknown");
    }
    asked.is_answered = true;
    if (state != (line != nullptr && line->is_accepted ? line : nullptr)) {
        violated(asked, "an answer with another state than the connection's");
    }
    if ((resolved.status == PORTICO_OK) != (resolved.count != 0) ||
        (resolved.count != 0 && resolved.addresses->port != port_of_all)) {
        violated(asked, "addresses without success, success without any, or another port");
    }
    if (asked.is_cancelled && resolved.status != PORTICO_CANCELLED) {
        violated(asked, "it was cancelled, and is answered as if it was not");
    }
    const std::uint64_t due_ns = asked.begun_ns + asked.timeout_ns;
    switch (resolved.status) {
        case PORTICO_OK:
        case PORTICO_NOT_FOUND:
        case PORTICO_ERROR: break;
        case PORTICO_TIMED_OUT:
            if (scheduler_.now() < due_ns) {
                violated(asked, "it is given up before its timeout");
            }
            break;
        case PORTICO_CANCELLED:
            if (!asked.is_cancel_begun) {
                violated(asked, "PORTICO_CANCELLED, and nobody has cancelled it");
            }
            break;
        case PORTICO_CLOSING: break;
        default: violated(asked, "status " + std::to_string(resolved.status));
    }
    scheduler_.switch_point();
    meddle(*asked.service);
}

// ---- the ends

void WorldLookups::closed(const Line& line) {
    for (const std::unique_ptr<Asked>& asked : all_) {
        if (asked->line == &line && asked->is_accepted && !asked->is_answered) {
            violated(*asked, "on_close comes before its answer");
        }
    }
}

void WorldLookups::destroyed(const Service& service) {
    for (const std::unique_ptr<Asked>& asked : all_) {
        if (asked->service == &service && asked->is_accepted && !asked->is_answered) {
            violated(*asked, "destroy comes before its answer");
        }
    }
}

void WorldLookups::check_overdue() {
    for (const std::unique_ptr<Asked>& asked : all_) {
        if (asked->is_accepted && !asked->is_answered &&
            scheduler_.now() > asked->begun_ns + asked->timeout_ns + overdue_ns) {
            violated(*asked, "its answer is overdue in a quiet world");
        }
    }
}

void WorldLookups::finish() {
    for (const std::unique_ptr<Asked>& asked : all_) {
        if (asked->is_accepted && !asked->is_answered) {
            violated(*asked, "it is never answered");
        }
    }
}

}  // namespace portico::sim
