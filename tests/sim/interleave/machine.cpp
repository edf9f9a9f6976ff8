#include "sim/interleave/machine.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/assert.hpp"

namespace portico::interleave {

namespace {

constexpr unsigned bit(unsigned thread) noexcept {
    return 1U << thread;
}

bool acquires(std::memory_order order) noexcept {
    return order != std::memory_order_relaxed && order != std::memory_order_release;
}

bool releases(std::memory_order order) noexcept {
    return order == std::memory_order_release || order == std::memory_order_acq_rel ||
           order == std::memory_order_seq_cst;
}

const char* to_string(std::memory_order order) noexcept {
    switch (order) {
        case std::memory_order_relaxed: return "relaxed";
        case std::memory_order_consume: return "consume";
        case std::memory_order_acquire: return "acquire";
        case std::memory_order_release: return "release";
        case std::memory_order_acq_rel: return "acq_rel";
        case std::memory_order_seq_cst: return "seq_cst";
    }
    return "?";
}

const char* to_string(Kind kind) noexcept {
    switch (kind) {
        case Kind::start: return "start";
        case Kind::load: return "load";
        case Kind::store: return "store";
        case Kind::exchange: return "exchange";
        case Kind::compare_exchange: return "compare_exchange";
        case Kind::fetch_add: return "fetch_add";
        case Kind::fetch_sub: return "fetch_sub";
        case Kind::fetch_or: return "fetch_or";
        case Kind::fetch_and: return "fetch_and";
        case Kind::put: return "put";
        case Kind::take: return "take";
        case Kind::await: return "await";
        case Kind::plain_read: return "read";
        case Kind::plain_write: return "write";
    }
    return "?";
}

std::uint64_t modified(Kind kind, std::uint64_t found, std::uint64_t operand) noexcept {
    switch (kind) {
        case Kind::exchange: return operand;
        case Kind::fetch_add: return found + operand;
        case Kind::fetch_sub: return found - operand;
        case Kind::fetch_or: return found | operand;
        case Kind::fetch_and: return found & operand;
        default: std::abort();
    }
}

// "push" of "bool portico::net::BasicMailbox<Atomic>::push(portico::net::Mail&) [with Atomic =
// ...]".
std::string_view function_of(const std::source_location& where) noexcept {
    std::string_view text = where.function_name();
    if (const std::size_t lambda = text.find("::<lambda("); lambda != std::string_view::npos) {
        text = text.substr(0, lambda);
    }
    text = text.substr(0, text.find('('));
    const std::size_t before = text.find_last_of(": ");
    return before == std::string_view::npos ? text : text.substr(before + 1);
}

std::string file_of(const std::source_location& where) {
    const std::string_view path = where.file_name();
    return std::string(path.substr(path.find_last_of('/') + 1)) + ":" +
           std::to_string(where.line());
}

void pad(std::string& line, std::size_t column) {
    line.resize(std::max(column, line.size() + 1), ' ');
}

}  // namespace

void View::join(const View& other) noexcept {
    for (std::size_t i = 0; i < clock.size(); ++i) {
        clock[i] = std::max(clock[i], other.clock[i]);
    }
    for (std::size_t i = 0; i < oldest.size(); ++i) {
        oldest[i] = std::max(oldest[i], other.oldest[i]);
    }
}

bool are_independent(const Step& one, const Step& other) noexcept {
    if (one.kind == Kind::await || other.kind == Kind::await) {
        return false;
    }
    if (one.order == std::memory_order_seq_cst && other.order == std::memory_order_seq_cst) {
        return false;
    }
    return one.location != other.location || (one.kind == Kind::load && other.kind == Kind::load);
}

// ---- the making

Machine* Machine::current_ = nullptr;

Machine::~Machine() {
    quitting_ = true;
    for (const std::unique_ptr<Fiber>& fiber : fibers_) {
        if (fiber != nullptr && !failed_) {
            home_.switch_to(*fiber);
        }
    }
}

void Machine::name(std::string_view name, Describe describe) {
    name_ = name;
    describe_ = describe;
}

void Machine::label(const void* address, std::string_view text) {
    labels_.emplace_back(address, text);
}

void Machine::thread(std::string_view name, std::function<void()> body) {
    PORTICO_ASSERT(phase_ == Phase::making && thread_count_ < threads_max);
    Thread& made = threads_[thread_count_++];
    made.name = name;
    made.body = std::move(body);
}

void Machine::finally(std::function<void()> check) {
    PORTICO_ASSERT(phase_ == Phase::making);
    threads_[0].name = "at the end";
    threads_[0].body = std::move(check);
}

std::uint8_t Machine::make_location(std::uint64_t value, std::size_t bytes, bool is_pointer) {
    PORTICO_ASSERT(location_count_ < locations_max);
    const auto number = static_cast<std::uint8_t>(location_count_++);
    Location& made = locations_[number];
    made.name = name_;
    made.describe = describe_;
    made.is_pointer = is_pointer;
    made.mask = UINT64_MAX >> (64 - 8 * bytes);
    made.values.clear();
    made.queue.clear();
    made.taken = 0;
    made.released = {};
    made.values.push_back({value, {}});
    return number;
}

// ---- a run

Fiber& Machine::fiber(unsigned thread) {
    std::unique_ptr<Fiber>& made = fibers_[thread];
    if (made == nullptr) {
        // One fiber serves all runs: between two it waits until somebody switches to it.
        made = std::make_unique<Fiber>([this, thread] {
            while (!quitting_) {
                threads_[thread].body();
                threads_[thread].finished = true;
                pass_on();
            }
            fibers_[thread]->switch_to(home_, true);
        });
    }
    return *made;
}

bool Machine::run(const World& make, Driver& driver, std::uint32_t steps_max) {
    PORTICO_ASSERT(!failed_);
    current_ = this;
    driver_ = &driver;
    steps_max_ = steps_max;
    phase_ = Phase::making;
    running_ = 0;
    thread_count_ = 1;
    location_count_ = 0;
    seq_cst_ = {};
    labels_.clear();
    events_.clear();
    threads_[0].view = {};
    threads_[0].view.clock[0] = 1;
    make(*this);
    PORTICO_ASSERT(threads_[0].body != nullptr);
    // Brings each thread to its first step: nobody can see what it does before that.
    phase_ = Phase::starting;
    for (unsigned i = 1; i < thread_count_ && !failed_; ++i) {
        threads_[i].view = threads_[0].view;
        threads_[i].view.clock[i] = 1;
        threads_[i].finished = false;
        running_ = i;
        home_.switch_to(fiber(i));
    }
    if (!failed_) {
        phase_ = Phase::running;
        running_ = 0;
        pass_on();
    }
    if (!failed_) {
        close();
    }
    if (!failed_) {
        phase_ = Phase::checking;
        for (unsigned i = 1; i < thread_count_; ++i) {
            threads_[0].view.join(threads_[i].view);
        }
        running_ = 0;
        home_.switch_to(fiber(0));
    }
    for (Thread& thread : threads_) {
        thread.body = nullptr;  // and with it the world
        thread.finished = true;
    }
    current_ = nullptr;
    return !failed_;
}

// Nothing is left to do: threads that wait for a Handover learn that nothing will come, and return.
void Machine::close() {
    phase_ = Phase::closing;
    for (unsigned i = 1; i < thread_count_; ++i) {
        if (!threads_[i].finished && !failed_) {
            running_ = i;
            home_.switch_to(fiber(i));
        }
    }
}

void Machine::fail(std::string why) {
    failed_ = true;
    failure_ = std::move(why);
    failure_ += "\n" + trace();
    if (phase_ == Phase::making) {
        std::fprintf(stderr, "the making of a world failed: %s\n", failure_.c_str());
        std::abort();
    }
    // The fibers' stacks are abandoned, because production code cannot be unwound; the test's own
    // objects on them own no memory.
    fibers_[running_]->switch_to(home_, true);
    std::abort();
}

bool Machine::has_unseen(const View& view) const noexcept {
    for (std::size_t i = 0; i < location_count_; ++i) {
        if (locations_[i].values.size() > view.oldest[i] + 1U) {
            return true;
        }
    }
    return false;
}

unsigned Machine::enabled() const noexcept {
    unsigned result = 0;
    for (unsigned i = 1; i < thread_count_; ++i) {
        const Thread& thread = threads_[i];
        bool can = !thread.finished;
        if (thread.next.kind == Kind::take) {
            const Location& location = locations_[thread.next.location];
            can = can && location.taken != location.queue.size();
        } else if (thread.next.kind == Kind::await) {
            can = can && has_unseen(thread.view);
        }
        result |= can ? bit(i) : 0;
    }
    return result;
}

// The running thread cannot go on without the driver's decision, or at all.
void Machine::pass_on() {
    Fiber& from = running_ == 0 ? (phase_ == Phase::checking ? fiber(0) : home_) : fiber(running_);
    const unsigned can = phase_ == Phase::running ? enabled() : 0;
    if (can == 0) {
        if (&from != &home_) {
            from.switch_to(home_);
        }
        return;
    }
    const unsigned chosen = driver_->choose_thread(can, next_steps_, running_);
    if (chosen != running_) {
        running_ = chosen;
        from.switch_to(fiber(chosen));
    }
}

void Machine::announce(const Step& step) {
    if (phase_ != Phase::starting && phase_ != Phase::running) {
        return;  // no other thread runs
    }
    if (events_.size() >= steps_max_) {
        fail("no end after " + std::to_string(steps_max_) + " steps");
    }
    threads_[running_].next = step;
    next_steps_[running_] = step;
    pass_on();
    ++steps_;
}

// ---- the memory

void Machine::enter_seq_cst(std::memory_order order) noexcept {
    if (order == std::memory_order_seq_cst) {
        threads_[running_].view.join(seq_cst_);
    }
}

void Machine::leave_seq_cst(std::memory_order order) noexcept {
    if (order == std::memory_order_seq_cst) {
        seq_cst_.join(threads_[running_].view);
    }
}

// The value that a load reads: any that the view allows, but `not_this`.
std::size_t Machine::read_from(std::uint8_t location, const std::uint64_t* not_this) {
    const std::vector<Value>& values = locations_[location].values;
    const std::size_t oldest = threads_[running_].view.oldest[location];
    std::array<std::size_t, 64> choices{};
    unsigned count = 0;
    for (std::size_t i = values.size(); i-- > oldest && count < choices.size();) {
        if (not_this == nullptr || values[i].bits != *not_this) {
            choices[count++] = i;
        }
    }
    PORTICO_ASSERT(count != 0);
    return choices[count == 1 ? 0 : driver_->choose_value(count)];
}

void Machine::learn(std::uint8_t location, std::size_t index, std::memory_order order) {
    View& view = threads_[running_].view;
    view.oldest[location] = static_cast<std::uint16_t>(index);
    if (acquires(order)) {
        view.join(locations_[location].values[index].released);
    }
}

// `continues`: for a read-modify-write, what the value before it released.
void Machine::put_value(std::uint8_t location, std::uint64_t bits, std::memory_order order,
                        const View* continues, const std::source_location& where) {
    if (is_planted(Plant::Change::left_out, where)) {
        return;
    }
    if (is_planted(Plant::Change::rewritten, where)) {
        bits = plant_.rewrite(bits);
    }
    Location& at = locations_[location];
    View& view = threads_[running_].view;
    view.oldest[location] = static_cast<std::uint16_t>(at.values.size());
    Value added{bits & at.mask, continues != nullptr ? *continues : View{}};
    if (releases(order)) {
        added.released.join(view);
    }
    at.values.push_back(added);
}

std::uint64_t Machine::load(std::uint8_t location, std::memory_order order,
                            std::source_location where) {
    order = planted(order, where);
    const Step step{Kind::load, location, order, where};
    announce(step);
    enter_seq_cst(order);
    const std::size_t index = read_from(location, nullptr);
    learn(location, index, order);
    leave_seq_cst(order);
    Event& event = record(step);
    event.found = locations_[location].values[index].bits;
    event.behind = static_cast<std::uint16_t>(locations_[location].values.size() - 1 - index);
    return event.found;
}

void Machine::store(std::uint8_t location, std::uint64_t value, std::memory_order order,
                    std::source_location where) {
    order = planted(order, where);
    const Step step{Kind::store, location, order, where};
    announce(step);
    enter_seq_cst(order);
    put_value(location, value, order, nullptr, where);
    leave_seq_cst(order);
    Event& event = record(step);
    event.stored = true;
    event.wrote = value;
}

std::uint64_t Machine::modify(std::uint8_t location, Kind kind, std::uint64_t operand,
                              std::memory_order order, std::source_location where) {
    order = planted(order, where);
    if (is_planted(Plant::Change::torn, where)) {
        const std::uint64_t found = load(location, order, where);
        store(location, modified(kind, found, operand), order, where);
        return found;
    }
    const Step step{kind, location, order, where};
    announce(step);
    enter_seq_cst(order);
    const std::size_t newest = locations_[location].values.size() - 1;
    const Value found = locations_[location].values[newest];
    learn(location, newest, order);
    put_value(location, modified(kind, found.bits, operand), order, &found.released, where);
    leave_seq_cst(order);
    Event& event = record(step);
    event.found = found.bits;
    event.stored = true;
    event.wrote = locations_[location].values.back().bits;
    return found.bits;
}

bool Machine::compare_exchange(std::uint8_t location, std::uint64_t& expected,
                               std::uint64_t desired, std::memory_order order,
                               std::memory_order failure, bool weak, std::source_location where) {
    order = planted(order, where);
    failure = planted(failure, where);
    if (is_planted(Plant::Change::torn, where)) {
        const std::uint64_t found = load(location, order, where);
        if (found != expected) {
            expected = found;
            return false;
        }
        store(location, desired, order, where);
        return true;
    }
    const Step step{Kind::compare_exchange, location, order, where};
    announce(step);
    const std::vector<Value>& values = locations_[location].values;
    const bool could = values.back().bits == expected ||
                       is_planted(Plant::Change::unconditional, where);
    const bool fails_spuriously = could && weak && driver_->choose_failure();
    if (could && !fails_spuriously) {
        enter_seq_cst(order);
        const Value found = values.back();
        learn(location, values.size() - 1, order);
        put_value(location, desired, order, &found.released, where);
        leave_seq_cst(order);
        Event& event = record(step);
        event.found = found.bits;
        event.stored = true;
        event.wrote = desired;
        return true;
    }
    // The failed exchange is a load.
    enter_seq_cst(failure);
    const std::size_t index = fails_spuriously ? values.size() - 1 : read_from(location, &expected);
    learn(location, index, failure);
    leave_seq_cst(failure);
    Event& event = record(step);
    event.step.order = failure;
    event.found = values[index].bits;
    event.behind = static_cast<std::uint16_t>(values.size() - 1 - index);
    event.failed_spuriously = fails_spuriously;
    expected = event.found;
    return false;
}

void Machine::put(std::uint8_t location, std::uint64_t value, std::source_location where) {
    const Step step{Kind::put, location, std::memory_order_acq_rel, where};
    announce(step);
    Location& at = locations_[location];
    View& view = threads_[running_].view;
    view.join(at.released);
    at.released.join(view);
    at.queue.push_back(value);
    record(step).wrote = value;
}

bool Machine::take(std::uint8_t location, std::uint64_t& value, std::source_location where) {
    const Step step{Kind::take, location, std::memory_order_acq_rel, where};
    announce(step);
    Location& at = locations_[location];
    if (at.taken == at.queue.size()) {
        PORTICO_ASSERT(phase_ == Phase::closing);
        return false;
    }
    View& view = threads_[running_].view;
    view.join(at.released);
    at.released.join(view);
    value = at.queue[at.taken++];
    record(step).found = value;
    return true;
}

void Machine::await(std::source_location where) {
    const Step step{Kind::await, 0, std::memory_order_relaxed, where};
    announce(step);
    View& view = threads_[running_].view;
    if (!has_unseen(view)) {
        fail(threads_[running_].name + " waits for a change that does not come");
    }
    for (std::size_t i = 0; i < location_count_; ++i) {
        view.oldest[i] = static_cast<std::uint16_t>(locations_[i].values.size() - 1);
    }
    record(step);
}

void Machine::plain_read(Accesses& accesses, const char* name, std::source_location where) {
    const View& view = threads_[running_].view;
    record_plain(Kind::plain_read, name, where);
    if (accesses.written > view.clock[accesses.writer]) {
        fail("race: " + threads_[running_].name + " reads " + name + ", and what " +
             threads_[accesses.writer].name + " wrote need not be visible");
    }
    accesses.read[running_] = view.clock[running_];
}

void Machine::plain_write(Accesses& accesses, const char* name, std::source_location where) {
    const View& view = threads_[running_].view;
    record_plain(Kind::plain_write, name, where);
    if (accesses.written > view.clock[accesses.writer]) {
        fail("race: " + threads_[running_].name + " writes " + name + ", and so does " +
             threads_[accesses.writer].name);
    }
    for (unsigned i = 0; i < thread_count_; ++i) {
        if (accesses.read[i] > view.clock[i]) {
            fail("race: " + threads_[running_].name + " writes " + name + ", and " +
                 threads_[i].name + " reads it");
        }
    }
    accesses.written = view.clock[running_];
    accesses.writer = static_cast<std::uint8_t>(running_);
}

// ---- planted defects

bool Machine::is_planted(Plant::Change change, const std::source_location& where) const noexcept {
    return plant_.change == change && change != Plant::Change::nothing &&
           plant_.function == function_of(where);
}

std::memory_order Machine::planted(std::memory_order order,
                                   const std::source_location& where) const noexcept {
    if (is_planted(Plant::Change::relaxed, where)) {
        return std::memory_order_relaxed;
    }
    if (is_planted(Plant::Change::no_acquire, where)) {
        return releases(order) ? std::memory_order_release : std::memory_order_relaxed;
    }
    if (is_planted(Plant::Change::no_release, where)) {
        return acquires(order) ? std::memory_order_acquire : std::memory_order_relaxed;
    }
    return order;
}

// ---- what happened

Machine::Event& Machine::record(const Step& step) {
    // A thread's actions from here on are not part of its last release.
    ++threads_[running_].view.clock[running_];
    Event event;
    event.step = step;
    event.thread = static_cast<std::uint8_t>(running_);
    return events_.emplace_back(event);
}

void Machine::record_plain(Kind kind, const char* name, const std::source_location& where) {
    if (phase_ != Phase::making) {
        Event event;
        event.step = {kind, 0, std::memory_order_relaxed, where};
        event.thread = static_cast<std::uint8_t>(running_);
        event.plain = name;
        events_.push_back(event);
    }
}

std::string Machine::printed(std::uint8_t location, std::uint64_t bits) const {
    const Location& at = locations_[location];
    if (at.describe != nullptr) {
        return at.describe(bits);
    }
    if (!at.is_pointer) {
        return std::to_string(bits);
    }
    if (bits == 0) {
        return "null";
    }
    const auto found = std::find_if(labels_.begin(), labels_.end(), [&](const auto& label) {
        return reinterpret_cast<std::uintptr_t>(label.first) == bits;
    });
    char text[24];
    std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(bits));
    return found == labels_.end() ? text : found->second;
}

std::string Machine::trace() const {
    std::string text;
    std::size_t number = 0;
    for (const Event& event : events_) {
        const Step& step = event.step;
        std::string line = std::to_string(++number);
        pad(line, 5);
        line += threads_[event.thread].name;
        pad(line, 20);
        line += function_of(step.where);
        pad(line, 36);
        line += to_string(step.kind);
        line += ' ';
        if (event.plain != nullptr) {
            line += event.plain;
        } else if (step.kind != Kind::await) {
            line += locations_[step.location].name + " (" + to_string(step.order) + "): ";
            switch (step.kind) {
                case Kind::store: line += printed(step.location, event.wrote); break;
                case Kind::put: line += printed(step.location, event.wrote); break;
                case Kind::take: line += printed(step.location, event.found); break;
                default:
                    line += printed(step.location, event.found);
                    line += event.stored ? " -> " + printed(step.location, event.wrote) : "";
            }
            line += event.failed_spuriously                                ? ", fails for no reason"
                    : step.kind == Kind::compare_exchange && !event.stored ? ", fails"
                                                                           : "";
            line += event.behind != 0 ? ", old by " + std::to_string(event.behind) : "";
        }
        pad(line, 110);
        line += file_of(step.where);
        text += line + "\n";
    }
    return text;
}

}  // namespace portico::interleave

// A failed assertion of production code ends the run, and is reported like every other failure.
// This replaces host/base/assert.cpp.
void portico::base::assertion_failed(const char* condition, const char* file, int line) noexcept {
    const std::string_view path = file;
    std::string text = "assertion failed: " + std::string(condition) + " (" +
                       std::string(path.substr(path.find_last_of('/') + 1)) + ":" +
                       std::to_string(line) + ")";
    using portico::interleave::Machine;
    if (Machine::is_running()) {
        Machine::current().fail(std::move(text));
    }
    std::fprintf(stderr, "%s\n", text.c_str());
    std::abort();
}
