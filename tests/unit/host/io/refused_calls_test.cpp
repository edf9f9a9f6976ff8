// Calls that the system refuses (Linux): each is reported in words or is not needed, and nothing
// stays open.
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "io/completion_port.hpp"
#include "io/process_limits.hpp"
#include "io/processors.hpp"
#include "support/catch.hpp"
#include "support/loopback.hpp"
#include "support/next_descriptor.hpp"
#include "support/refused_calls.hpp"

#ifdef PORTICO_IO_URING
#include "io/uring/features.hpp"
#endif

using namespace portico;
using namespace portico::test;

namespace {

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a port that the system refuses says why, and leaves nothing open", "[io][refused]") {
    const int before = next_descriptor();
    io::BufferPool buffers(64, 4);
    for (const RefusedCall& call :
         {RefusedCall{SYS_epoll_create1, EMFILE}, RefusedCall{SYS_eventfd2, ENFILE},
          RefusedCall{SYS_epoll_ctl, ENOSPC}}) {
        CAPTURE(call.number);
        without_calls({call}, [&] {
            const auto port = io::make_port(io::Backend::epoll, buffers, {});
            REQUIRE_FALSE(port);
            CHECK(has(port.error(), io::native_error_text(call.error)));
        });
        CHECK(next_descriptor() == before);
    }
}

TEST_CASE("a kernel without a family has no address of it", "[io][refused]") {
    without_calls({{SYS_socket, EAFNOSUPPORT, RefusedCall::Argument{0, AF_INET6}}}, [] {
        io::Socket listener;
        const auto refused = listener.listen(loopback(io::Address::Family::v6), 1);
        CHECK(refused.kind() == static_cast<int>(io::Error::address_unavailable));
        CHECK(has(refused.error(), "[::1]:0"));
        CHECK(listener.listen(loopback(), 1));
    });
}

TEST_CASE("without a view of its processors a process may use at least one", "[io][refused]") {
    without_calls({{SYS_sched_getaffinity, EPERM}, {SYS_openat, EACCES}},
                  [] { CHECK(io::usable_processors() >= 1); });
}

TEST_CASE("a socket that may not join its port is the caller's still", "[io][refused]") {
    io::BufferPool buffers(64, 4);
    auto port = io::make_port(io::Backend::epoll, buffers, {});
    REQUIRE(port);
    io::Socket listener;
    REQUIRE(listener.listen(loopback(), 1));
    without_calls({{SYS_epoll_ctl, ENOSPC}}, [&] {  // epoll cannot watch it
        const auto attached = (*port)->attach(listener);
        REQUIRE_FALSE(attached);
        CHECK(has(attached.error(), io::native_error_text(ENOSPC)));
    });
    CHECK(listener.is_open());
    CHECK((*port)->attach(listener));
    (*port)->close(listener);
}

TEST_CASE("a descriptor limit that may not be raised stays what it is",
          "[io][refused][descriptors]") {
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    rlimit lower = before;
    lower.rlim_cur = before.rlim_cur / 2;
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &lower) == 0);
    // Both are prlimit(2): its fourth argument receives the old limit, and its third has the new
    // one.
    without_calls({{SYS_prlimit64, EPERM, RefusedCall::Argument{3, 0}}},
                  [&] { CHECK(io::raise_descriptor_limit() == lower.rlim_cur); });
    // An unknown limit counts as none: it is only compared with what the configuration needs.
    without_calls({{SYS_prlimit64, EPERM, RefusedCall::Argument{2, 0}}},
                  [&] { CHECK(io::raise_descriptor_limit() == UINT64_MAX); });
    CHECK(io::raise_descriptor_limit() == before.rlim_max);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
}

TEST_CASE("without /proc the program's directory is not known", "[io][refused]") {
    CHECK_FALSE(io::program_directory().empty());
    without_calls({{SYS_readlink, ENOENT}, {SYS_readlinkat, ENOENT}},
                  [] { CHECK(io::program_directory().empty()); });
}

#ifdef PORTICO_IO_URING

TEST_CASE("where io_uring cannot be had, the reason helps", "[io][uring][refused]") {
    struct Case {
        RefusedCall call;
        const char* why;
    };
    // 8 is IORING_REGISTER_PROBE: a kernel that cannot list its operations is older than any that
    // will do.
    for (const Case& each :
         {Case{{SYS_io_uring_setup, EPERM}, "forbids"},
          Case{{SYS_io_uring_setup, ENOSYS}, "kernel has none"},
          Case{{SYS_io_uring_setup, ENOMEM}, "ulimit -l"},
          Case{{SYS_io_uring_setup, ENFILE}, "no ring can be made"},
          Case{{SYS_io_uring_register, EINVAL, RefusedCall::Argument{1, 8}}, "too old"}}) {
        CAPTURE(each.why);
        const bool has_one = static_cast<bool>(io::probe_uring());
        without_calls({each.call}, [&] {
            const auto features = io::probe_uring();
            REQUIRE_FALSE(features);
            if (has_one || each.call.number == SYS_io_uring_setup) {
                CHECK(has(features.error(), each.why));
            }
            io::BufferPool buffers(64, 4);
            const auto port = io::make_port(io::Backend::io_uring, buffers, {});
            REQUIRE_FALSE(port);
            CHECK(has(port.error(), features.error()));
        });
    }
}

TEST_CASE("a port on io_uring that can have no eventfd says so, and leaves nothing open",
          "[io][uring][refused]") {
    if (!io::probe_uring()) {
        WARN("SKIPPED: no io_uring here");
        return;
    }
    const int before = next_descriptor();
    without_calls({{SYS_eventfd2, ENFILE}}, [] {
        io::BufferPool buffers(64, 4);
        const auto port = io::make_port(io::Backend::io_uring, buffers, {});
        REQUIRE_FALSE(port);
        CHECK(has(port.error(), io::native_error_text(ENFILE)));
    });
    CHECK(next_descriptor() == before);
}

TEST_CASE("what of io_uring cannot be tried is not used, and the rest is", "[io][uring][refused]") {
    auto all = io::probe_uring();
    if (!all) {
        WARN("SKIPPED: " << all.error());
        return;
    }
    io::UringFeatures no_receives = *all;
    no_receives.limited_multishot = false;
    io::UringFeatures no_trials = no_receives;
    no_trials.quiet_sends = false;
    io::UringFeatures no_rings = no_receives;
    no_rings.buffer_ring = false;
    io::UringFeatures no_accepts = *all;
    no_accepts.waiting_accepts = false;
    io::UringFeatures nothing_tried = no_trials;
    nothing_tried.waiting_accepts = false;
    struct Case {
        RefusedCall call;
        const io::UringFeatures& left;
    };
    const int before = next_descriptor();
    for (const Case& each :
         {Case{{SYS_socketpair, EMFILE}, no_trials}, Case{{SYS_sendto, ENOBUFS}, no_receives},
          Case{{SYS_recvfrom, ENOBUFS}, no_trials},
          Case{{SYS_io_uring_register, EINVAL,
                RefusedCall::Argument{1, 22 /* IORING_REGISTER_PBUF_RING */}},
               no_rings},
          Case{{SYS_listen, EADDRINUSE}, no_accepts}, Case{{SYS_connect, ECONNREFUSED}, no_accepts},
          Case{{SYS_io_uring_enter, EINVAL}, nothing_tried}}) {
        CAPTURE(each.call.number);
        without_calls({each.call}, [&] {
            auto features = io::probe_uring();
            REQUIRE(features);
            CHECK(*features == each.left);
        });
        CHECK(next_descriptor() == before);
    }
}

#endif
