// The choice of the backend, in one place.
#include "base/assert.hpp"
#include "io/completion_port.hpp"

#ifdef _WIN32
#include "io/iocp/port.hpp"
#else
#include "io/epoll/port.hpp"
#endif
#ifdef PORTICO_IO_URING
#include "io/uring/port.hpp"
#endif

namespace portico::io {

std::optional<Backend> backend_from_name(std::string_view name) noexcept {
    if (name == "auto") {
        return Backend::automatic;
    }
    if (name == "epoll") {
        return Backend::epoll;
    }
    if (name == "io_uring") {
        return Backend::io_uring;
    }
    if (name == "iocp") {
        return Backend::iocp;
    }
    return std::nullopt;
}

base::Result<std::string> probe_io_uring() {
#ifdef PORTICO_IO_URING
    base::Result<UringFeatures> features = probe_uring();
    if (!features) {
        return base::Failure{features.error()};
    }
    return degradations(*features);
#else
    return base::Failure{"this program was built without liburing"};
#endif
}

BackendChoice choose_backend(Backend wanted, bool shares_port) {
    const bool is_automatic = wanted == Backend::automatic;
    if (standard_backend == Backend::iocp || (is_automatic && shares_port)) {
        return {is_automatic ? standard_backend : wanted, "", false};
    }
    if (!is_automatic && wanted != Backend::io_uring) {
        return {wanted, "", false};
    }
    base::Result<std::string> lacks = probe_io_uring();
    if (!lacks) {
        return {Backend::epoll,
                "running on epoll, because io_uring is not available: " + lacks.error(),
                !is_automatic};
    }
    if (lacks->empty()) {
        return {Backend::io_uring, "", false};
    }
    return is_automatic
               ? BackendChoice{Backend::epoll,
                               "running on epoll, because io_uring here has " + *lacks, false}
               : BackendChoice{Backend::io_uring, "io_uring here has " + *lacks, false};
}

base::Result<std::unique_ptr<CompletionPort>> make_port(Backend backend, BufferPool& buffers,
                                                        const PortOptions& options) {
    PORTICO_ASSERT(backend != Backend::automatic);
#ifdef _WIN32
    if (backend == Backend::epoll || backend == Backend::io_uring) {
        return base::Failure{std::string("the ") +
                             (backend == Backend::epoll ? "epoll" : "io_uring") +
                             " backend exists on Linux only; here it is \"iocp\" or \"auto\""};
    }
    return IocpPort::make(buffers, options);
#else
    switch (backend) {
        case Backend::iocp:
            return base::Failure{
                "the iocp backend exists on Windows only; here it is \"epoll\", \"io_uring\" or "
                "\"auto\""};
        case Backend::io_uring:
#ifdef PORTICO_IO_URING
            return UringPort::make(buffers, options);
#else
            return base::Failure{probe_io_uring().error()};
#endif
        case Backend::automatic:
        case Backend::epoll: break;
    }
    return EpollPort::make(buffers, options);
#endif
}

}  // namespace portico::io
