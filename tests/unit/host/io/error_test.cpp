// The port's few errors: their words, and the system's codes that map to them.
#include "io/error.hpp"

#include <cerrno>
#include <set>

#include "io/completion_port.hpp"
#include "io/native.hpp"
#include "support/catch.hpp"

using namespace portico::io;

TEST_CASE("each error has words of its own", "[io][error]") {
    std::set<std::string> words;
    for (int i = 0; i <= static_cast<int>(Error::other); ++i) {
        words.insert(std::string(to_string(static_cast<Error>(i))));
    }
    CHECK(words.size() == static_cast<std::size_t>(Error::other) + 1);
    CHECK(words.count("") == 0);
}

TEST_CASE("advice on an address stands behind the system's sentence, where there is any",
          "[io][error]") {
    for (int i = 0; i <= static_cast<int>(Error::other); ++i) {
        const std::string_view advice = advice_on_listening(static_cast<Error>(i));
        CHECK((advice.empty() || advice.starts_with("; ")));
    }
    CHECK(advice_on_listening(Error::address_in_use).find("another program") !=
          std::string_view::npos);
    CHECK(advice_on_listening(Error::address_unavailable).find("this machine") !=
          std::string_view::npos);
#ifdef _WIN32
    CHECK(advice_on_listening(Error::permission).find("reserved") != std::string_view::npos);
#else
    CHECK(advice_on_listening(Error::permission).find("below 1024") != std::string_view::npos);
#endif
    CHECK(advice_on_listening(Error::other).empty());
}

TEST_CASE("the system's codes become the few errors", "[io][error]") {
    CHECK(error_of(0) == Error::none);
#ifdef _WIN32
    CHECK(error_of(WSAECONNRESET) == Error::reset);
    CHECK(error_of(ERROR_NETNAME_DELETED) == Error::reset);
    CHECK(error_of(WSAECONNABORTED) == Error::reset);
    CHECK(error_of(ERROR_CONNECTION_REFUSED) == Error::refused);
    CHECK(error_of(WSAECONNREFUSED) == Error::refused);
    CHECK(error_of(ERROR_OPERATION_ABORTED) == Error::aborted);
    CHECK(error_of(WSAEADDRINUSE) == Error::address_in_use);
    CHECK(error_of(WSAEADDRNOTAVAIL) == Error::address_unavailable);
    CHECK(error_of(WSAEAFNOSUPPORT) == Error::address_unavailable);
    CHECK(error_of(WSAEACCES) == Error::permission);
    CHECK(error_of(WSAENOBUFS) == Error::no_buffers);
    CHECK(error_of(WSAEMFILE) == Error::no_descriptors);
    CHECK(error_of(WSAETIMEDOUT) == Error::timed_out);
    CHECK(error_of(WSAENETUNREACH) == Error::unreachable);
    CHECK(error_of(WSAENOTSOCK) == Error::other);
#else
    CHECK(error_of(ECONNRESET) == Error::reset);
    CHECK(error_of(EPIPE) == Error::reset);
    CHECK(error_of(ECONNREFUSED) == Error::refused);
    CHECK(error_of(ECANCELED) == Error::aborted);
    CHECK(error_of(EADDRINUSE) == Error::address_in_use);
    CHECK(error_of(EADDRNOTAVAIL) == Error::address_unavailable);
    CHECK(error_of(EAFNOSUPPORT) == Error::address_unavailable);
    CHECK(error_of(EACCES) == Error::permission);
    CHECK(error_of(ENOBUFS) == Error::no_buffers);
    CHECK(error_of(EMFILE) == Error::no_descriptors);
    CHECK(error_of(ETIMEDOUT) == Error::timed_out);
    CHECK(error_of(ENETUNREACH) == Error::unreachable);
    CHECK(error_of(ENOTSOCK) == Error::other);
#endif
    CHECK(native_error_text(5).find("5") != std::string::npos);
}

TEST_CASE("a backend has a name, and only this system's can be made", "[io][choice]") {
    CHECK(backend_from_name("auto") == Backend::automatic);
    CHECK(backend_from_name("epoll") == Backend::epoll);
    CHECK(backend_from_name("io_uring") == Backend::io_uring);
    CHECK(backend_from_name("iocp") == Backend::iocp);
    CHECK_FALSE(backend_from_name("kqueue"));
    CHECK_FALSE(backend_from_name(""));
    CHECK_FALSE(backend_from_name("EPOLL"));

    BufferPool pool(64, 1);
    auto made = make_port(standard_backend, pool, {});
    INFO(made.error());
    REQUIRE(made);
#ifdef _WIN32
    CHECK((*made)->name() == "iocp");
    const auto foreign = make_port(Backend::epoll, pool, {});
#else
    CHECK((*made)->name() == "epoll");
    const auto foreign = make_port(Backend::iocp, pool, {});
#endif
    CHECK_FALSE(foreign);
    CHECK(foreign.error().find("auto") != std::string::npos);

    // io_uring can be made exactly if the probe finds it, and never for several threads.
    auto probed = probe_io_uring();
    const auto ring = make_port(Backend::io_uring, pool, {});
    CHECK(static_cast<bool>(ring) == static_cast<bool>(probed));
    if (!ring) {
        CHECK_FALSE(probed.error().empty());
        CHECK_FALSE(ring.error().empty());
    }
    const BackendChoice asked = choose_backend(Backend::io_uring, false);
#ifdef _WIN32
    CHECK(asked.backend == Backend::io_uring);  // make_port() says that it is not of this system
#else
    CHECK(asked.backend == (probed ? Backend::io_uring : Backend::epoll));
    CHECK(asked.is_second_best == !probed);
    CHECK(asked.reason.empty() == (probed && probed->empty()));
#endif
    PortOptions shared;
    shared.shared = true;
    const auto refused = make_port(Backend::io_uring, pool, shared);
    REQUIRE_FALSE(refused);
    CHECK_FALSE(refused.error().empty());
}

TEST_CASE("of its own accord a server takes io_uring only if nothing is missing", "[io][choice]") {
    const BackendChoice shared = choose_backend(Backend::automatic, true);
    CHECK(shared.backend == standard_backend);
    CHECK(shared.reason.empty());
    const BackendChoice chosen = choose_backend(Backend::automatic, false);
    CHECK(chosen.backend != Backend::automatic);
    CHECK_FALSE(chosen.is_second_best);
#ifndef _WIN32
    auto probed = probe_io_uring();
    const bool has_all = probed && probed->empty();
    CHECK(chosen.backend == (has_all ? Backend::io_uring : Backend::epoll));
    CHECK(chosen.reason.empty() == has_all);
#endif
}
