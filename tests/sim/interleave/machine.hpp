// The machine runs small concurrent code in every order of its steps: its threads are fibers, and
// each access to an atomic in its memory is a step. Before each step the running thread stops, and
// a Driver decides which thread takes the next one.
//
// The memory is not sequentially consistent; it does what the memory orders of the code allow. Each
// atomic keeps all values it ever had, in the order in which they were stored. Each thread has a
// View: how much of the other threads' work it has seen (a vector clock), and for each atomic the
// oldest value it may still read. A load may read any value from there on, as the Driver chooses,
// so a relaxed load can be late; a read-modify-write takes the newest. A release leaves the
// thread's view with the value; an acquire that reads that value, or one that read-modify-writes
// made from it, takes the view over. Seq_cst operations also take over and leave a view of the
// whole machine (so they order more than the language promises). Values are stored in the order of
// the steps, and no load reads a value that is stored later: anything else that the language allows
// is not modelled.
//
// Data that is not atomic is a Plain (atomic.hpp): each access must come after, in the sense of the
// views, the accesses that it conflicts with. So a memory order that is too weak shows up as a
// race, whatever the processor that runs the test would have done.
//
// Between the steps a world's threads may work on their own locals, on Plains, and on data that
// production code guards in the same way. A plain variable of the test that several threads touch
// is no Plain and would make the reduction of explore() unsound.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/interleave/fiber.hpp"

namespace portico::interleave {

inline constexpr std::size_t threads_max = 6;  // number 0 makes the world, and checks it at the end
inline constexpr std::size_t locations_max = 16;

struct View {
    std::array<std::uint16_t, threads_max> clock{};
    std::array<std::uint16_t, locations_max> oldest{};

    void join(const View& other) noexcept;
};

enum class Kind : std::uint8_t {
    start,
    load,
    store,
    exchange,
    compare_exchange,
    fetch_add,
    fetch_sub,
    fetch_or,
    fetch_and,
    put,
    take,
    await,
    plain_read,
    plain_write,
};

// The next step of a thread.
struct Step {
    Kind kind = Kind::start;
    std::uint8_t location = 0;
    std::memory_order order = std::memory_order_seq_cst;
    std::source_location where;
};

// True if the two steps of different threads have the same effect in either order.
[[nodiscard]] bool are_independent(const Step& one, const Step& other) noexcept;

// A defect planted into production code at run time: changes what the atomic operations in one
// function do.
struct Plant {
    enum class Change : std::uint8_t {
        nothing,
        relaxed,     // the memory order
        no_acquire,  // the memory order; its release half stays
        no_release,
        torn,           // a read-modify-write becomes a load and a store
        unconditional,  // a compare-exchange stores whatever it reads
        left_out,       // a store, or the storing half of a read-modify-write, does not happen
        rewritten,      // another value is stored
    };
    std::string_view function;  // its name
    Change change = Change::nothing;
    std::uint64_t (*rewrite)(std::uint64_t) = nullptr;
};

// Makes the decisions.
class Driver {
public:
    virtual ~Driver() = default;
    // Returns one of the threads of `enabled` (a bit each, at least one); `steps`: the next step of
    // each; `last`: the thread that ran.
    [[nodiscard]] virtual unsigned choose_thread(unsigned enabled,
                                                 const std::array<Step, threads_max>& steps,
                                                 unsigned last) = 0;
    // Returns how far behind the newest value a load is, 0 to count - 1.
    [[nodiscard]] virtual unsigned choose_value(unsigned count) = 0;
    // Returns whether a weak compare-exchange fails that could succeed.
    [[nodiscard]] virtual bool choose_failure() = 0;
};

class Machine {
public:
    explicit Machine(const Plant& plant) : plant_(plant) {}
    ~Machine();
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;

    // The machine whose world is being made or run; production code's atomics live in it.
    [[nodiscard]] static Machine& current() noexcept { return *current_; }
    // True in the threads of a world.
    [[nodiscard]] static bool is_running() noexcept {
        return current_ != nullptr && current_->phase_ != Phase::making;
    }

    // ---- For the making of a world.
    using Describe = std::string (*)(std::uint64_t);
    // Names the atomics (and everything else that has a name) that are made from here on, and sets
    // how their values are printed.
    void name(std::string_view name, Describe describe = nullptr);
    // Sets the text that is printed for a pointer to this.
    void label(const void* address, std::string_view text);
    void thread(std::string_view name, std::function<void()> body);
    // `check` is called when no thread has anything left to do. It may read everything.
    void finally(std::function<void()> check);

    // ---- For its threads.
    // Ends the run.
    [[noreturn]] void fail(std::string why);
    void check(bool holds, const char* what) {
        if (!holds) {
            fail(what);
        }
    }
    // Waits until some atomic has a value that this thread has not seen, and learns no more than
    // that: it stands for a loop that polls.
    void await(std::source_location where = std::source_location::current());
    // The number of the calling thread. (0: the making, and the check at the end.)
    [[nodiscard]] unsigned running() const noexcept { return running_; }

    // ---- One run of a world that `make` makes. False if it failed; the machine can then not be
    // used again.
    using World = std::function<void(Machine&)>;
    [[nodiscard]] bool run(const World& make, Driver& driver, std::uint32_t steps_max);
    [[nodiscard]] const std::string& failure() const noexcept { return failure_; }
    [[nodiscard]] std::uint64_t steps() const noexcept { return steps_; }  // of all runs

    // ---- For atomic.hpp.
    [[nodiscard]] std::uint8_t make_location(std::uint64_t value, std::size_t bytes,
                                             bool is_pointer);
    [[nodiscard]] std::uint64_t load(std::uint8_t location, std::memory_order order,
                                     std::source_location where);
    void store(std::uint8_t location, std::uint64_t value, std::memory_order order,
               std::source_location where);
    // Exchange and fetch_...: the value before.
    std::uint64_t modify(std::uint8_t location, Kind kind, std::uint64_t operand,
                         std::memory_order order, std::source_location where);
    bool compare_exchange(std::uint8_t location, std::uint64_t& expected, std::uint64_t desired,
                          std::memory_order order, std::memory_order failure, bool weak,
                          std::source_location where);
    void put(std::uint8_t location, std::uint64_t value, std::source_location where);
    // False: the world has come to rest and nothing will come any more.
    [[nodiscard]] bool take(std::uint8_t location, std::uint64_t& value,
                            std::source_location where);

    struct Accesses {  // of a Plain: when each thread last read it, and who last wrote it
        std::array<std::uint16_t, threads_max> read{};
        std::uint16_t written = 0;
        std::uint8_t writer = 0;
    };
    [[nodiscard]] const char* name_of_next() const noexcept { return name_.c_str(); }
    void plain_read(Accesses& accesses, const char* name, std::source_location where);
    void plain_write(Accesses& accesses, const char* name, std::source_location where);

private:
    struct Value {
        std::uint64_t bits = 0;
        View released;  // the view of an acquire that reads it
    };
    struct Location {
        std::string name;
        Describe describe = nullptr;
        bool is_pointer = false;
        std::uint64_t mask = 0;            // the bits that its type has
        std::vector<Value> values;         // all it ever had, in order
        std::vector<std::uint64_t> queue;  // of a Handover
        std::size_t taken = 0;             // of those
        View released;                     // of those that put and took
    };
    struct Thread {
        std::string name;
        std::function<void()> body;
        View view;
        Step next;
        bool finished = true;
    };
    struct Event {  // a step that was taken
        Step step;
        std::uint8_t thread = 0;
        bool stored = false;
        bool failed_spuriously = false;
        std::uint16_t behind = 0;
        const char* plain = nullptr;
        std::uint64_t found = 0;
        std::uint64_t wrote = 0;
    };

    void announce(const Step& step);
    void pass_on();
    [[nodiscard]] unsigned enabled() const noexcept;
    [[nodiscard]] bool has_unseen(const View& view) const noexcept;
    void close();
    [[nodiscard]] Fiber& fiber(unsigned thread);
    [[nodiscard]] bool is_planted(Plant::Change change,
                                  const std::source_location& where) const noexcept;
    [[nodiscard]] std::memory_order planted(std::memory_order order,
                                            const std::source_location& where) const noexcept;
    [[nodiscard]] std::size_t read_from(std::uint8_t location, const std::uint64_t* not_this);
    void learn(std::uint8_t location, std::size_t index, std::memory_order order);
    void put_value(std::uint8_t location, std::uint64_t bits, std::memory_order order,
                   const View* continues, const std::source_location& where);
    void enter_seq_cst(std::memory_order order) noexcept;
    void leave_seq_cst(std::memory_order order) noexcept;
    Event& record(const Step& step);
    void record_plain(Kind kind, const char* name, const std::source_location& where);
    [[nodiscard]] std::string trace() const;
    [[nodiscard]] std::string printed(std::uint8_t location, std::uint64_t bits) const;

    static Machine* current_;

    const Plant plant_;
    Fiber home_;
    std::array<std::unique_ptr<Fiber>, threads_max> fibers_;
    bool quitting_ = false;

    // ---- of one run
    enum class Phase : std::uint8_t { making, starting, running, closing, checking };
    Phase phase_ = Phase::making;
    Driver* driver_ = nullptr;
    std::uint32_t steps_max_ = 0;
    unsigned running_ = 0;
    unsigned thread_count_ = 1;
    std::array<Thread, threads_max> threads_;
    std::array<Step, threads_max> next_steps_;
    std::size_t location_count_ = 0;
    std::array<Location, locations_max> locations_;
    View seq_cst_;
    std::string name_;
    Describe describe_ = nullptr;
    std::vector<std::pair<const void*, std::string>> labels_;
    std::vector<Event> events_;
    std::uint64_t steps_ = 0;
    bool failed_ = false;
    std::string failure_;
};

}  // namespace portico::interleave
