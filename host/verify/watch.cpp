#include "verify/watch.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

#include "verify/watch_internals.hpp"

namespace portico::verify {

const char* to_string(Function function) noexcept {
    switch (function) {
        case Function::send: return "send";
        case Function::send_parts: return "send_parts";
        case Function::finish_sending: return "finish_sending";
        case Function::close: return "close";
        case Function::pause_reading: return "pause_reading";
        case Function::resume_reading: return "resume_reading";
        case Function::post: return "post";
        case Function::post_instance: return "post_instance";
        case Function::info: return "info";
        case Function::start_timer: return "start of timers";
        case Function::restart_timer: return "restart of timers";
        case Function::send_owned: return "send of send_owned";
        case Function::reserve: return "reserve of send_owned";
        case Function::join: return "join of connections";
        case Function::broadcast: return "broadcast of connections";
        case Function::run: return "run of the executor";
        case Function::connect: return "connect";
        case Function::resolve: return "resolve";
        case Function::cancel_timer: return "cancel of timers";
        case Function::commit: return "commit of send_owned";
        case Function::drop: return "drop of send_owned";
        case Function::list: return "list of connections";
        case Function::leave: return "leave of connections";
        case Function::find: return "find of connect";
        case Function::cancel_lookup: return "cancel of resolve";
        case Function::connected: return "outcome of connects";
        case Function::resolved: return "outcome of lookups";
        case Function::none: break;
    }
    return "?";
}

std::string status_name(portico_status status) {
    static constexpr std::pair<portico_status, const char*> names[] = {
        {PORTICO_OK, "PORTICO_OK"},
        {PORTICO_ERROR, "PORTICO_ERROR"},
        {PORTICO_GONE, "PORTICO_GONE"},
        {PORTICO_WOULD_BLOCK, "PORTICO_WOULD_BLOCK"},
        {PORTICO_TOO_LARGE, "PORTICO_TOO_LARGE"},
        {PORTICO_CLOSING, "PORTICO_CLOSING"},
        {PORTICO_INVALID, "PORTICO_INVALID"},
        {PORTICO_NO_MEMORY, "PORTICO_NO_MEMORY"},
        {PORTICO_UNSUPPORTED, "PORTICO_UNSUPPORTED"},
        {PORTICO_LIMIT, "PORTICO_LIMIT"},
        {PORTICO_NOT_FOUND, "PORTICO_NOT_FOUND"},
        {PORTICO_CANCELLED, "PORTICO_CANCELLED"},
        {PORTICO_TIMED_OUT, "PORTICO_TIMED_OUT"}};
    for (const auto& [known, name] : names) {
        if (known == status) {
            return name;
        }
    }
    return std::to_string(status);
}

Watch::~Watch() {
    Gate::driven_here = nullptr;
    Gate::guarded = nullptr;
    Gate::current = nullptr;
}

bool Watch::open_gate(std::uint32_t for_us) {
    const std::uint64_t before = foreign_calls_;
    gate_.unlock();
    if (for_us != 0) {
        std::this_thread::sleep_for(std::chrono::microseconds(for_us));
    }
    gate_.lock();
    return foreign_calls_ != before;
}

// ---- what is noted

Watch::Line& Watch::line_of(portico_connection connection) {
    const auto [found, is_new] = lines_.try_emplace(connection);
    if (is_new) {
        found->second.number = static_cast<std::uint32_t>(lines_.size());
        found->second.handle = connection;
    }
    return found->second;
}

Watch::Line& Watch::enter(const char* callback, portico_connection connection) {
    Line& line = line_of(connection);
    for (const char* letter = callback; *letter != '\0'; ++letter) {
        note(static_cast<unsigned char>(*letter));
    }
    note(line.number);
    if (++callbacks_made_ == options_.closes_before) {
        for (const auto& [instance, its_self] : instances_) {
            static_cast<void>(host_->close(instance, connection, options_.closes_how));
        }
    }
    return line;
}

bool Watch::count_call(Function function, portico_connection connection) {
    const auto line = lines_.find(connection);
    if (line != lines_.end() && line->second.is_in_close) {
        switch (function) {
            case Function::send:
            case Function::send_parts:
            case Function::send_owned:
            case Function::reserve:
            case Function::finish_sending:
            case Function::post:
            case Function::start_timer:
            case Function::join:
            case Function::run:
            case Function::resolve:
                found("work-in-on-close",
                      std::string("on_close calls ") + to_string(function) +
                          " for its own connection, which is closed: the host answers "
                          "PORTICO_GONE, and nothing is done");
                break;
            default: break;
        }
    }
    if (line != lines_.end()) {
        line->second.has_closed = line->second.has_closed || function == Function::close;
        note(line->second.number);
    }
    return ++calls_[static_cast<std::size_t>(function)] == options_.refused_call &&
           function == options_.refused;
}

void Watch::came_to(Function outcome, portico_status status) {
    answers_[static_cast<std::size_t>(outcome)].insert(status);
    note(static_cast<std::uint32_t>(status));
}

void Watch::note_bytes(const void* bytes, std::uint64_t count) noexcept {
    const auto* at = static_cast<const unsigned char*>(bytes);
    note(count);
    for (std::uint64_t i = 0; i < count && at != nullptr; ++i) {
        note(at[i]);
    }
}

void Watch::reading_paused(portico_connection connection, portico_status status) noexcept {
    if (const auto line = lines_.find(connection); line != lines_.end() && status == PORTICO_OK) {
        line->second.is_paused = true;
    }
}

void Watch::reading_resumed(portico_connection connection, portico_status status) noexcept {
    if (const auto line = lines_.find(connection); line != lines_.end() && status == PORTICO_OK) {
        line->second.is_paused = false;
        line->second.hold = Line::Hold::none;
        line->second.was_resumed_inside = line->second.is_in_data;
    }
}

void Watch::found(std::string_view name, const std::string& text) {
    findings_.insert({std::string(name), text});
}

void Watch::start_memory() noexcept {
    if (options_.counts_memory) {
        memory_mark_ = bytes_in_use();
        is_memory_counted_ = true;
    }
}

void Watch::stop_memory() noexcept {
    if (std::exchange(is_memory_counted_, false)) {
        plugin_bytes_ += static_cast<std::int64_t>(bytes_in_use() - memory_mark_);
    }
}

// ---- blocking work

std::uint64_t Watch::next_work_ns() const noexcept {
    return work_.empty() ? UINT64_MAX : work_.front().due_ns;
}

bool Watch::work_off() {
    bool was_due = false;
    while (!work_.empty() && work_.front().due_ns <= scheduler_.now()) {
        const Work work = work_.front();
        work_.pop_front();
        was_due = true;
        {
            const Outside outside(*this, "a piece of work");
            work.work(work.self, work.argument);
        }
        auto job = std::make_unique<Job>();
        job->posted = work.done;
        job->argument = work.argument;
        if (work.connection != 0 && host_->post(work.instance, work.connection, &PostedSide::posted,
                                                job.get()) == PORTICO_OK) {
            static_cast<void>(job.release());
            continue;
        }
        job->overriding = work.connection != 0 ? PORTICO_CLOSING : PORTICO_OK;
        job->connection = work.connection;
        if (host_->post_instance(work.instance, &PostedSide::posted, job.get()) == PORTICO_OK) {
            static_cast<void>(job.release());
        }
    }
    return was_due;
}

// ---- judgements

void Watch::judge_quiet() {
    for (const auto& [handle, line] : lines_) {
        if (line.is_closed || (line.hold == Line::Hold::none && !line.is_paused)) {
            continue;
        }
        const char* what = line.is_paused                  ? "paused"
                           : line.hold == Line::Hold::wait ? "held by PORTICO_WAIT"
                                                           : "held by PORTICO_HOLD";
        found("endless-hold",
              std::string("reading is ") + what +
                  ", and nothing will end it: no on_writable is due, no timer runs out, and "
                  "nobody calls resume_reading");
    }
}

void Watch::judge_ends() {
    for (const auto& [handle, line] : lines_) {
        if (!line.is_closed) {
            continue;
        }
        if (line.reason == PORTICO_REASON_HALF_CLOSE) {
            found("end-never-closes",
                  "the peer has finished sending, and on_end was called, but the plugin does not "
                  "close the connection: the host cuts it off after "
                  "limits.half_close_timeout_ms");
        } else if (line.reason == PORTICO_REASON_DRAIN_DEADLINE && line.was_drained &&
                   !line.has_closed) {
            found("drain-never-closes",
                  "on_drain was called, and the connection was still open at the deadline");
        } else if (line.reason == PORTICO_REASON_PLUGIN_ERROR &&
                   line.status == PORTICO_WOULD_BLOCK) {
            found("wrong-would-block",
                  "a callback returns PORTICO_WOULD_BLOCK though no send of its connection was "
                  "refused: that is an error, and the connection is aborted");
        }
    }
}

const char* Watch::callback_now() noexcept {
    return Gate::callback;
}

bool Watch::is_offered(const void* address) noexcept {
    const GuardedBytes* guarded = Gate::guarded;
    return guarded != nullptr && guarded->contains(address);
}

}  // namespace portico::verify
