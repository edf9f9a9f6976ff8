#include "support/refused_calls.hpp"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include <cerrno>
#include <cstddef>
#include <exception>
#include <system_error>
#include <thread>
#include <vector>

namespace portico::test {

namespace {

// x86-64 and the like: the low half of an argument comes first.
constexpr std::uint32_t place_of_argument(unsigned index) {
    return static_cast<std::uint32_t>(offsetof(seccomp_data, args) + index * sizeof(std::uint64_t));
}

std::vector<sock_filter> filter_of(std::initializer_list<RefusedCall> calls) {
    std::vector<sock_filter> filter;
    for (const RefusedCall& call : calls) {
        const std::uint32_t answer = SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(call.error);
        filter.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
        if (call.only_with) {
            filter.push_back(
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call.number), 0, 3));
            filter.push_back(
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, place_of_argument(call.only_with->index)));
            filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call.only_with->value, 0, 1));
        } else {
            filter.push_back(
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call.number), 0, 1));
        }
        filter.push_back(BPF_STMT(BPF_RET | BPF_K, answer));
    }
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    return filter;
}

}  // namespace

void without_calls(std::initializer_list<RefusedCall> calls, const std::function<void()>& action) {
    std::vector<sock_filter> filter = filter_of(calls);
    std::exception_ptr thrown;
    // A filter stays with its thread until that ends.
    std::thread guarded([&] {
        try {
            const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
            if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
                ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
                throw std::system_error(errno, std::generic_category(), "seccomp");
            }
            action();
        } catch (...) {
            thrown = std::current_exception();
        }
    });
    guarded.join();
    if (thrown) {
        std::rethrow_exception(thrown);
    }
}

}  // namespace portico::test
