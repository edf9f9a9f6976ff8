// crashes: echoes, and commits a fault in one of its functions. In on_data, and in what on_data
// starts, only a message that begins with "crash" makes it do that.
//
// Settings: "in", the function's name; "fault", what it does there (see commit()). The faults
// "waits" and "wrong_tables" end when a message that begins with "go on" comes on another
// connection. It is written against the C ABI, because the C++ wrapper would catch what it throws.
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string_view>

#ifdef _MSC_VER
#include <intrin.h>
#endif

#include <portico/ext/executor.h>
#include <portico/ext/settings.h>
#include <portico/ext/timer.h>
#include <portico/portico.h>

#include "stand_still.h"

namespace {

struct crashes {
    const portico_host* host;
    portico_instance* instance;
    const portico_timers* timers;
    const portico_executor* executor;
    char in[32];
    char fault[32];
    std::atomic<bool> goes_on;
};

// Volatile, so that no compiler sees what comes.
volatile int zero = 0;
volatile int sink = 0;
int* volatile nowhere = nullptr;
void* volatile block = nullptr;

#ifdef _MSC_VER
__declspec(noinline)
#else
[[gnu::noinline]]
#endif
    int overflow(int depth) {
    volatile char room[512];
    room[0] = static_cast<char>(depth);
    return zero == 0 ? overflow(depth + 1) + room[0] : depth;
}

void free_twice() {
    // Too large for the C library's caches, and not the last block, so it may find out with a lock
    // in its hands.
    block = std::malloc(3'000);
    void* const next = std::malloc(3'000);
    std::free(block);
    std::free(block);
    std::free(next);
}

void illegal() {
#ifdef _MSC_VER
    __ud2();
#else
    __builtin_trap();
#endif
}

// A breakpoint: without a handler it ends the process, but the code behind it could go on.
void trap() {
#ifdef _MSC_VER
    __debugbreak();
#elif defined(__x86_64__)
    __asm__ volatile("int3");
#else
    __builtin_trap();
#endif
}

// Waits where the unwind tables say that the caller is at the address 16.
void wait_with_wrong_tables([[maybe_unused]] const std::atomic<bool>& goes_on) {
#if defined(__x86_64__) && defined(__linux__)
    __asm__ volatile(
        "subq $128, %%rsp\n\t"  // what the compiler may use below the stack's pointer
        "pushq $16\n\t"
        ".cfi_remember_state\n\t"
        ".cfi_def_cfa %%rsp, 8\n\t"
        "1: pause\n\t"
        "cmpb $0, (%0)\n\t"
        "je 1b\n\t"
        ".cfi_restore_state\n\t"
        "addq $136, %%rsp"
        :
        : "r"(&goes_on)
        : "memory", "cc");
#endif
}

void commit(crashes& self) {
    const std::string_view fault = self.fault;
    if (fault == "null_write") {
        *const_cast<volatile int*>(nowhere) = 1;
    } else if (fault == "stack_overflow") {
        sink = overflow(0);
    } else if (fault == "abort") {
        std::abort();
    } else if (fault == "throw") {
        throw std::runtime_error("nobody catches this");
    } else if (fault == "division") {
        sink = sink / zero;
    } else if (fault == "double_free") {
        free_twice();
    } else if (fault == "illegal") {
        illegal();
    } else if (fault == "trap") {
        trap();
    } else if (fault == "null_call") {
        reinterpret_cast<void (*)()>(const_cast<int*>(nowhere))();
    } else if (fault == "endless") {
        while (zero == 0) {
        }
    } else if (fault == "wrong_tables") {
        wait_with_wrong_tables(self.goes_on);
    } else if (fault == "waits") {
        while (!self.goes_on) {
            stand_still(1'000);
        }
    }
}

void commit_in(void* instance, const char* here) {
    auto* self = static_cast<crashes*>(instance);
    if (self == nullptr || std::strcmp(self->in, here) != 0) {
        return;
    }
    constexpr std::string_view text = "the last line before the fault";
    self->host->log(self->instance, 0, PORTICO_LOG_INFO, text.data(), text.size());
    commit(*self);
}

template <class Table>
const Table* find(const portico_setup& setup, const char* id, std::size_t size) {
    return static_cast<const Table*>(setup.host->get_extension(setup.instance, id, size));
}

portico_status read(const portico_setup& setup, const portico_settings& reader, const char* key,
                    char (&into)[32]) {
    const char* text = "";
    uint64_t size = 0;
    const portico_status status = reader.get_string(setup.instance, key, std::strlen(key), &text,
                                                    &size);
    if (status >= 0) {
        std::memcpy(into, text, static_cast<std::size_t>(size < 31 ? size : 31));
    }
    return status;
}

portico_status PORTICO_CALL set_up(const portico_setup* setup, crashes& made) {
    const auto* reader = find<portico_settings>(*setup, PORTICO_EXT_SETTINGS,
                                                sizeof PORTICO_EXT_SETTINGS - 1);
    if (reader == nullptr) {
        return PORTICO_UNSUPPORTED;
    }
    made.host = setup->host;
    made.instance = setup->instance;
    portico_status status = read(*setup, *reader, "in", made.in);
    if (status >= 0) {
        status = read(*setup, *reader, "fault", made.fault);
    }
    return status;
}

portico_status PORTICO_CALL validate(const portico_setup* setup) {
    crashes made{};
    const portico_status status = set_up(setup, made);
    if (status >= 0) {
        commit_in(&made, "validate");
    }
    return status;
}

portico_status PORTICO_CALL create(const portico_setup* setup, void** self) {
    auto* made = new (std::nothrow) crashes{};
    if (made == nullptr) {
        return PORTICO_NO_MEMORY;
    }
    const portico_status status = set_up(setup, *made);
    if (status < 0) {
        delete made;
        return status;
    }
    made->timers = find<portico_timers>(*setup, PORTICO_EXT_TIMER, sizeof PORTICO_EXT_TIMER - 1);
    made->executor = find<portico_executor>(*setup, PORTICO_EXT_EXECUTOR,
                                            sizeof PORTICO_EXT_EXECUTOR - 1);
    commit_in(made, "create");
    *self = made;
    return PORTICO_OK;
}

portico_status PORTICO_CALL on_stop(void* self, const portico_draining*) {
    commit_in(self, "on_stop");
    return PORTICO_OK;
}

void PORTICO_CALL destroy(void* self) {
    commit_in(self, "destroy");
    delete static_cast<crashes*>(self);
}

portico_status PORTICO_CALL on_open(void* self, portico_connection, const portico_opened*, void**) {
    commit_in(self, "on_open");
    return PORTICO_OK;
}

void PORTICO_CALL posted(void* self, portico_connection, void*, void* argument, portico_status) {
    commit_in(self, static_cast<const char*>(argument));
}

void PORTICO_CALL on_timer(void* self, portico_connection, void*, void*,
                           const portico_timer_event* event) {
    if (event->status == PORTICO_OK) {
        commit_in(self, "timer");
    }
}

void PORTICO_CALL work(void* self, void*) {
    commit_in(self, "work");
}

char in_post[] = "post";
char in_post_instance[] = "post_instance";
char in_done[] = "done";

portico_status PORTICO_CALL on_data(void* self, portico_connection connection, void*,
                                    const uint8_t* data, uint64_t size, const portico_frame*,
                                    uint64_t* consumed) {
    auto& it = *static_cast<crashes*>(self);
    const std::string_view in = it.in;
    if (size >= 5 && std::memcmp(data, "go on", 5) == 0) {
        it.goes_on = true;
    }
    if (size < 5 || std::memcmp(data, "crash", 5) != 0) {
        *consumed = size;
        return it.host->send(it.instance, connection, data, size);
    }
    commit_in(self, "on_data");
    *consumed = size;
    if (in == "post") {
        return it.host->post(it.instance, connection, posted, in_post);
    }
    if (in == "post_instance") {
        return it.host->post_instance(it.instance, posted, in_post_instance);
    }
    if (in == "timer") {
        return it.timers->start(it.instance, connection, 1, 0, on_timer, nullptr, nullptr);
    }
    if (in == "work" || in == "done") {
        return it.executor->run(it.instance, connection, work, posted, in_done);
    }
    if (in == "on_writable") {
        static const char much[65'536] = {};
        while (it.host->send(it.instance, connection, much, sizeof much) == PORTICO_OK) {
        }
        return PORTICO_HOLD;
    }
    return PORTICO_OK;
}

portico_status PORTICO_CALL on_writable(void* self, portico_connection, void*) {
    commit_in(self, "on_writable");
    return PORTICO_OK;
}

portico_status PORTICO_CALL on_end(void* self, portico_connection connection, void*,
                                   const portico_ended*) {
    const auto& it = *static_cast<crashes*>(self);
    commit_in(self, "on_end");
    return it.host->close(it.instance, connection, PORTICO_CLOSE_GRACEFUL);
}

portico_status PORTICO_CALL on_drain(void* self, portico_connection connection, void*,
                                     const portico_draining*) {
    const auto& it = *static_cast<crashes*>(self);
    commit_in(self, "on_drain");
    return it.host->close(it.instance, connection, PORTICO_CLOSE_GRACEFUL);
}

void PORTICO_CALL on_close(void* self, portico_connection, void*, const portico_closed*) {
    commit_in(self, "on_close");
}

portico_callbacks make_callbacks() {
    portico_callbacks made{};
    made.struct_size = sizeof made;
    made.on_open = on_open;
    made.on_data = on_data;
    made.on_writable = on_writable;
    made.on_end = on_end;
    made.on_drain = on_drain;
    made.on_close = on_close;
    return made;
}
const portico_callbacks callbacks = make_callbacks();

portico_plugin make_plugin(std::string_view name, uint32_t flags) {
    portico_plugin made{};
    made.struct_size = sizeof made;
    made.abi_major = PORTICO_ABI_MAJOR;
    made.abi_minor = PORTICO_ABI_MINOR;
    made.abi_required = PORTICO_ABI_MINOR;
    made.flags = flags;
    made.name = name.data();
    made.name_size = static_cast<uint32_t>(name.size());
    made.version = "";
    made.validate = validate;
    made.create = create;
    made.on_stop = on_stop;
    made.destroy = destroy;
    made.callbacks = &callbacks;
    return made;
}
const portico_plugin plain = make_plugin("crashes", 0);
const portico_plugin blocking = make_plugin("blocking", PORTICO_PLUGIN_BLOCKING);
const portico_plugin* const plugins[] = {&plain, &blocking};
const portico_module module = {sizeof(portico_module), PORTICO_ABI_MAJOR, PORTICO_ABI_MINOR,
                               sizeof plugins / sizeof plugins[0], plugins};

}  // namespace

PORTICO_EXTERN_C PORTICO_EXPORT_SYMBOL const portico_module* PORTICO_CALL
portico_plugin_query(uint32_t host_abi_major) {
    (void)host_abi_major;
    return &module;
}
