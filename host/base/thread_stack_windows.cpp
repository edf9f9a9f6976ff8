#include "base/thread_stack.hpp"

// clang-format off
#include <windows.h>
#include <psapi.h>
// clang-format on

#include <algorithm>
#include <cstring>
#include <mutex>

namespace portico::base {

namespace {

// Where a stack lies, or a copy of it.
struct Range {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    [[nodiscard]] bool contains(std::uintptr_t address) const noexcept {
        return address >= begin && address < end && end - address >= sizeof(void*);
    }
};

// Goes up one call. False: the stack ends here, or makes no sense.
bool step_up(CONTEXT& context, const Range& stack) noexcept {
    if (!stack.contains(context.Rsp)) {
        return false;
    }
    DWORD64 base = 0;
    if (PRUNTIME_FUNCTION function = ::RtlLookupFunctionEntry(context.Rip, &base, nullptr)) {
        void* handler_data = nullptr;
        DWORD64 frame = 0;
        ::RtlVirtualUnwind(UNW_FLAG_NHANDLER, base, context.Rip, function, &context, &handler_data,
                           &frame, nullptr);
    } else {
        // A function that calls no other one, or a call of what is no code: only the return address
        // is there.
        context.Rip = *reinterpret_cast<const DWORD64*>(context.Rsp);
        context.Rsp += sizeof(DWORD64);
    }
    return context.Rip != 0;
}

void walk(CONTEXT context, const Range& bounds, Stack& stack) noexcept {
    stack.count = 0;
    stack.add(context.Rip);
    while (stack.count < Stack::frames_max && step_up(context, bounds)) {
        stack.add(context.Rip - 1);
    }
}

// The stack of a suspended thread, copied, so that it is walked after the thread has gone on: while
// it is suspended it may have a lock that the walk needs.
struct Copy {
    static constexpr std::size_t bytes_max = 262'144;
    // Nothing is copied there. A large function at the end of the copy has its registers there, and
    // finds zeros, which end the walk.
    static constexpr std::size_t zeros = 1'048'576;

    std::mutex mutex;  // guards the rest
    CONTEXT context{};
    std::uintptr_t from = 0;
    std::size_t bytes = 0;
    alignas(16) std::array<std::byte, bytes_max + zeros> memory{};
};
Copy copy;

// While the thread is suspended: takes no lock of the process.
bool copy_stack_of(HANDLE thread) noexcept {
    copy.context = {};
    copy.context.ContextFlags = CONTEXT_CONTROL | CONTEXT_INTEGER;
    MEMORY_BASIC_INFORMATION region{};
    if (::GetThreadContext(thread, &copy.context) == 0 ||
        ::VirtualQuery(reinterpret_cast<const void*>(copy.context.Rsp), &region, sizeof region) ==
            0) {
        return false;
    }
    copy.from = copy.context.Rsp;
    const std::uintptr_t end = reinterpret_cast<std::uintptr_t>(region.BaseAddress) +
                               region.RegionSize;
    copy.bytes = std::min<std::size_t>(end - copy.from, Copy::bytes_max);
    SIZE_T read = 0;  // it fails where a plain copy would fault
    return ::ReadProcessMemory(::GetCurrentProcess(), reinterpret_cast<const void*>(copy.from),
                               copy.memory.data(), copy.bytes, &read) != 0;
}

// What points into the stack points into the copy then.
void move_pointer(DWORD64& value, std::uintptr_t to) noexcept {
    if (value >= copy.from && value < copy.from + copy.bytes) {
        value += to - copy.from;
    }
}

void walk_copy(Stack& stack) noexcept {
    const auto begin = reinterpret_cast<std::uintptr_t>(copy.memory.data());
    for (std::size_t at = 0; at + sizeof(DWORD64) <= copy.bytes; at += sizeof(DWORD64)) {
        DWORD64 word = 0;
        std::memcpy(&word, copy.memory.data() + at, sizeof word);
        move_pointer(word, begin);
        std::memcpy(copy.memory.data() + at, &word, sizeof word);
    }
    CONTEXT& context = copy.context;
    for (DWORD64* value : {&context.Rsp, &context.Rbp, &context.Rbx, &context.Rsi, &context.Rdi,
                           &context.R12, &context.R13, &context.R14, &context.R15}) {
        move_pointer(*value, begin);
    }
    walk(context, {begin, begin + copy.bytes}, stack);
}

}  // namespace

void add_place(FixedText& text, std::uintptr_t address) noexcept {
    // Not GetModuleHandleEx, because it takes the loader's lock, which the thread that crashed may
    // have.
    MEMORY_BASIC_INFORMATION region{};
    std::array<wchar_t, MAX_PATH> name;
    const DWORD size = ::VirtualQuery(reinterpret_cast<const void*>(address), &region,
                                      sizeof region) != 0 &&
                               region.Type == MEM_IMAGE
                           ? ::K32GetMappedFileNameW(::GetCurrentProcess(),
                                                     reinterpret_cast<void*>(address), name.data(),
                                                     static_cast<DWORD>(name.size()))
                           : 0;
    if (size == 0) {
        text.add("0x").add_hexadecimal(address);
        return;
    }
    std::wstring_view file(name.data(), size);
    file.remove_prefix(file.find_last_of(L"\\/") + 1);  // without one, npos + 1 is 0
    std::array<char, MAX_PATH> utf8;
    const int bytes = ::WideCharToMultiByte(CP_UTF8, 0, file.data(), static_cast<int>(file.size()),
                                            utf8.data(), static_cast<int>(utf8.size()), nullptr,
                                            nullptr);
    text.add(bytes > 0 ? std::string_view(utf8.data(), static_cast<std::size_t>(bytes)) : "module")
        .add("+0x")
        .add_hexadecimal(address - reinterpret_cast<std::uintptr_t>(region.AllocationBase));
}

void walk_stack(const void* context, Stack& stack) noexcept {
    ULONG_PTR begin = 0;
    ULONG_PTR end = 0;
    ::GetCurrentThreadStackLimits(&begin, &end);
    walk(*static_cast<const CONTEXT*>(context), {begin, end}, stack);
}

std::uintptr_t stack_pointer_of(const void* context) noexcept {
    return static_cast<const CONTEXT*>(context)->Rsp;
}

std::uint32_t this_thread_id() noexcept {
    return ::GetCurrentThreadId();
}

bool stack_of(std::uint32_t thread_id, std::chrono::milliseconds, Stack& stack) noexcept {
    const HANDLE thread = ::OpenThread(
        THREAD_SUSPEND_RESUME | THREAD_GET_CONTEXT | THREAD_QUERY_INFORMATION, FALSE, thread_id);
    if (thread == nullptr) {
        return false;
    }
    const std::scoped_lock lock(copy.mutex);
    bool is_copied = false;
    if (::SuspendThread(thread) != static_cast<DWORD>(-1)) {
        is_copied = copy_stack_of(thread);
        ::ResumeThread(thread);
    }
    ::CloseHandle(thread);
    if (is_copied) {
        walk_copy(stack);
    }
    return is_copied;
}

bool use_stack_signal(int) noexcept {
    return true;
}

void end_broken_walk() noexcept {}

}  // namespace portico::base
