#include "sim/world/works.hpp"

#include <algorithm>
#include <string>

#include "sim/world/plugins.hpp"
#include "support/extension.hpp"

namespace portico::sim {

void WorldWorks::violated(const Piece& piece, const std::string& what) {
    ledger_.violated("work " + std::to_string(piece.number) + " of " +
                     (piece.line != nullptr ? "connection " + std::to_string(piece.line->number)
                                            : "service " + std::to_string(piece.service->number)) +
                     ": " + what);
}

std::size_t WorldWorks::left_of(const Service& service) const {
    return static_cast<std::size_t>(std::count_if(all_.begin(), all_.end(), [&](const auto& piece) {
        return piece->service == &service && !piece->is_refused && !piece->has_ended;
    }));
}

// ---- calls

void WorldWorks::meddle(Service& from) {
    if (all_.size() < pieces_max && from.host != nullptr && random_.one_in(6)) {
        give(from);
    }
}

void WorldWorks::give(Service& from) {
    Line* const line = !ledger_.lines().empty() && !random_.one_in(4) ? ledger_.draw_line(random_)
                                                                      : nullptr;
    const std::size_t left_before = left_of(from);
    Piece& piece = *all_.emplace_back(std::make_unique<Piece>());
    piece.works = this;
    piece.number = static_cast<std::uint32_t>(all_.size() - 1);
    piece.service = &from;
    piece.line = line;
    const std::size_t begun_before = all_.size();
    const bool is_gone = from.is_destroyed ||
                         (line != nullptr && (!line->may_be_of(from) || line->is_surely_gone() ||
                                              line->is_close_sure || line->is_abort_sure));
    scheduler_.switch_point();
    Ledger::in_host_call() = true;
    const auto* const functions = test::extension<portico_executor>(*from.host, from.handle,
                                                                    PORTICO_EXT_EXECUTOR);
    const portico_status status = functions == nullptr
                                      ? PORTICO_GONE
                                      : functions->run(from.handle,
                                                       line != nullptr ? line->handle : 0, on_work,
                                                       on_done, &piece);
    Ledger::in_host_call() = false;
    scheduler_.trace("call: run of work {} answers -{} (service {})", piece.number,
                     static_cast<std::uint64_t>(-status), from.number);
    if (functions == nullptr && !from.is_destroyed) {
        violated(piece, "its instance has no executor");
    }
    if (status == PORTICO_OK && is_gone) {
        violated(piece, "it is accepted for something that is gone");
    }
    answered(piece, status, left_before + all_.size() - begun_before);
}

// `most_left`: at some time during the call at most so many pieces were left.
void WorldWorks::answered(Piece& piece, portico_status status, std::size_t most_left) {
    const Service& service = *piece.service;
    const config::Listener& listener = service.listener;
    if (status == PORTICO_OK) {
        piece.is_accepted = true;
        if (!service.is_created) {
            violated(piece, "it is accepted, and create has not returned");
        }
        const auto accepted = std::count_if(all_.begin(), all_.end(), [&](const auto& other) {
            return other->service == &service && other->is_accepted && !other->has_ended;
        });
        if (static_cast<std::size_t>(accepted) >
            listener.executor_threads + listener.executor_queue) {
            violated(piece, "more work is accepted than the queue may hold");
        }
        return;
    }
    if (piece.has_begun || piece.is_done) {
        violated(piece, "it is refused, and was begun");
    }
    piece.is_refused = true;
    switch (status) {
        case PORTICO_GONE:
            if (piece.line == nullptr && !ledger_.is_stopping()) {
                violated(piece, "its instance is said to be gone");
            }
            return;
        case PORTICO_LIMIT:
            // (The host counts work until its thread has come back.)
            if (most_left < listener.executor_queue) {
                violated(piece, "the queue is said to be full, and is not");
            }
            return;
        case PORTICO_UNSUPPORTED:
            if (service.is_created) {
                violated(piece, "there are said to be no threads for it");
            }
            return;
        default: violated(piece, "run answers " + std::to_string(status));
    }
}

// ---- its own calls

void PORTICO_CALL WorldWorks::on_work(void* self, void* argument) {
    auto& piece = *static_cast<Piece*>(argument);
    piece.works->work(piece, self);
}

void WorldWorks::work(Piece& piece, const void* self) {
    Service& service = *piece.service;
    scheduler_.trace("work {} begins (service {})", piece.number, service.number);
    if (piece.is_refused || piece.has_begun || self != &service || service.is_destroyed) {
        violated(piece, "it begins twice, was refused, or is another instance's or late");
    }
    piece.has_begun = true;
    if (service.host->worker_index(service.handle) != UINT32_MAX) {
        violated(piece, "it runs on a worker");
    }
    if (++running_[&service] > service.listener.executor_threads) {
        violated(piece, "more work at once than there are threads");
    }
    scheduler_.sleep_for(random_.skewed(random_.one_in(4) ? 2'000 * ms : 50 * ms));
    if (service.plugin->is_unhurried && random_.one_in(3)) {
        service.plugin->meddle(true);
    }
    if (service.is_destroyed) {
        violated(piece, "its instance is destroyed meanwhile");
    }
    --running_[&service];
    piece.has_ended = true;
    scheduler_.trace("work {} ends (service {})", piece.number, service.number);
}

void PORTICO_CALL WorldWorks::on_done(void* self, portico_connection connection, void* state,
                                      void* argument, portico_status status) {
    auto& piece = *static_cast<Piece*>(argument);
    WorldWorks& works = *piece.works;
    // With PORTICO_CLOSING it runs on the instance's strand.
    Line* const line = status == PORTICO_OK ? piece.line : nullptr;
    const Ledger::Callback callback(
        works.ledger_, *piece.service, line,
        line != nullptr ? "connection {}: work {} is done" : "service {}: work {} is done",
        piece.number);
    if (self != piece.service || connection != (piece.line != nullptr ? piece.line->handle : 0)) {
        works.violated(piece, "its end is told to another instance or connection");
    }
    works.done(piece, state, status);
}

void WorldWorks::done(Piece& piece, const void* state, portico_status status) {
    if (!piece.has_ended || piece.is_done || piece.is_refused) {
        violated(piece, "its end is told twice, early, or although it was refused");
    }
    piece.is_done = true;
    const Line* const line = piece.line;
    if (status == PORTICO_OK) {
        if (state != line || (line != nullptr && !line->is_accepted)) {
            violated(piece, "its end is told with another state than the connection's");
        }
        if (line != nullptr && (line->is_close_sure || line->is_abort_sure)) {
            violated(piece, "its end is told with PORTICO_OK, and the connection closes");
        }
    } else if (status != PORTICO_CLOSING || state != nullptr ||
               (line == nullptr && !ledger_.is_stopping())) {
        violated(piece, "its end is told with status " + std::to_string(status) +
                            ", a state that may be gone, or in mid-life");
    }
    scheduler_.switch_point();
    meddle(*piece.service);
}

// ---- the ends

void WorldWorks::destroyed(const Service& service) {
    for (const std::unique_ptr<Piece>& piece : all_) {
        if (piece->service == &service && piece->is_accepted && !piece->is_done) {
            violated(*piece, "destroy comes before its end");
        }
    }
}

void WorldWorks::finish() {
    for (const std::unique_ptr<Piece>& piece : all_) {
        if (piece->is_accepted && !piece->is_done) {
            violated(*piece, "its end is never told");
        }
    }
}

}  // namespace portico::sim
