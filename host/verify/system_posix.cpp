#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>

#include "verify/system.hpp"

namespace portico::verify {

namespace {

void (*last_words_of_process)(const void* address) noexcept = nullptr;

std::size_t page_bytes() noexcept {
    static const auto bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    return bytes;
}

void crashed(int number, siginfo_t* info, void*) {
    const bool has_address = number == SIGSEGV || number == SIGBUS;
    last_words_of_process(has_address ? info->si_addr : nullptr);
    std::signal(number, SIG_DFL);
    std::raise(number);
}

}  // namespace

GuardedBytes::~GuardedBytes() {
    if (begin_ != nullptr) {
        ::munmap(begin_, all_);
    }
}

const std::uint8_t* GuardedBytes::show(const std::uint8_t* bytes, std::size_t count) noexcept {
    if (count > usable_) {
        if (begin_ != nullptr) {
            ::munmap(begin_, all_);
            begin_ = nullptr;
        }
        const std::size_t page = page_bytes();
        usable_ = (count + page - 1) / page * page;
        all_ = usable_ + page;
        void* memory = ::mmap(nullptr, all_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) {
            usable_ = 0;
            return nullptr;
        }
        begin_ = static_cast<std::uint8_t*>(memory);
    }
    ::mprotect(begin_, usable_, PROT_READ | PROT_WRITE);
    std::uint8_t* shown = begin_ + usable_ - count;
    std::memcpy(shown, bytes, count);
    return shown;
}

void GuardedBytes::hide() noexcept {
    if (begin_ != nullptr) {
        ::mprotect(begin_, usable_, PROT_NONE);
    }
}

bool GuardedBytes::contains(const void* address) const noexcept {
    const auto* at = static_cast<const std::uint8_t*>(address);
    return begin_ != nullptr && at >= begin_ && at < begin_ + all_;
}

std::uint64_t bytes_in_use() noexcept {
#if defined(__GLIBC__) && (__GLIBC__ > 2 || (__GLIBC__ == 2 && __GLIBC_MINOR__ >= 33))
    const struct mallinfo2 info = ::mallinfo2();
    return info.uordblks + info.hblkhd;
#else
    return 0;
#endif
}

void on_crash(void (*last_words)(const void* address) noexcept) noexcept {
    last_words_of_process = last_words;
    struct sigaction action {};
    action.sa_sigaction = crashed;
    action.sa_flags = SA_SIGINFO | static_cast<int>(SA_RESETHAND);
    for (const int number : std::array{SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL}) {
        ::sigaction(number, &action, nullptr);
    }
}

}  // namespace portico::verify
