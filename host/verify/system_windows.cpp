#include <windows.h>

#include <csignal>
#include <cstring>
#include <vector>

#include "verify/system.hpp"

namespace portico::verify {

namespace {

void (*last_words_of_process)(const void* address) noexcept = nullptr;

std::size_t page_bytes() noexcept {
    static const std::size_t bytes = [] {
        SYSTEM_INFO info{};
        ::GetSystemInfo(&info);
        return static_cast<std::size_t>(info.dwPageSize);
    }();
    return bytes;
}

LONG WINAPI crashed(EXCEPTION_POINTERS* exception) {
    const EXCEPTION_RECORD& record = *exception->ExceptionRecord;
    const bool has_address = record.ExceptionCode == EXCEPTION_ACCESS_VIOLATION &&
                             record.NumberParameters >= 2;
    last_words_of_process(
        has_address ? reinterpret_cast<const void*>(record.ExceptionInformation[1]) : nullptr);
    ::TerminateProcess(::GetCurrentProcess(), record.ExceptionCode);
    return EXCEPTION_EXECUTE_HANDLER;
}

void aborted(int) {
    last_words_of_process(nullptr);
    ::TerminateProcess(::GetCurrentProcess(), 3);
}

}  // namespace

GuardedBytes::~GuardedBytes() {
    if (begin_ != nullptr) {
        ::VirtualFree(begin_, 0, MEM_RELEASE);
    }
}

const std::uint8_t* GuardedBytes::show(const std::uint8_t* bytes, std::size_t count) noexcept {
    DWORD before = 0;
    if (count > usable_) {
        if (begin_ != nullptr) {
            ::VirtualFree(begin_, 0, MEM_RELEASE);
        }
        const std::size_t page = page_bytes();
        usable_ = (count + page - 1) / page * page;
        all_ = usable_ + page;
        begin_ = static_cast<std::uint8_t*>(
            ::VirtualAlloc(nullptr, all_, MEM_RESERVE | MEM_COMMIT, PAGE_NOACCESS));
        if (begin_ == nullptr) {
            usable_ = 0;
            return nullptr;
        }
    }
    ::VirtualProtect(begin_, usable_, PAGE_READWRITE, &before);
    std::uint8_t* shown = begin_ + usable_ - count;
    std::memcpy(shown, bytes, count);
    return shown;
}

void GuardedBytes::hide() noexcept {
    if (begin_ != nullptr) {
        DWORD before = 0;
        ::VirtualProtect(begin_, usable_, PAGE_NOACCESS, &before);
    }
}

bool GuardedBytes::contains(const void* address) const noexcept {
    const auto* at = static_cast<const std::uint8_t*>(address);
    return begin_ != nullptr && at >= begin_ && at < begin_ + all_;
}

std::uint64_t bytes_in_use() noexcept {
    // Each C library of the process may have a heap of its own.
    HANDLE heaps[64];
    const DWORD count = ::GetProcessHeaps(64, heaps);
    std::uint64_t bytes = 0;
    for (DWORD i = 0; i < count && i < 64; ++i) {
        if (!::HeapLock(heaps[i])) {
            continue;
        }
        PROCESS_HEAP_ENTRY entry{};
        while (::HeapWalk(heaps[i], &entry)) {
            bytes += (entry.wFlags & PROCESS_HEAP_ENTRY_BUSY) != 0 ? entry.cbData : 0;
        }
        ::HeapUnlock(heaps[i]);
    }
    return bytes;
}

void on_crash(void (*last_words)(const void* address) noexcept) noexcept {
    last_words_of_process = last_words;
    ::SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
    ::SetUnhandledExceptionFilter(crashed);
    std::signal(SIGABRT, aborted);
}

}  // namespace portico::verify
