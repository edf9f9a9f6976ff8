// The choice of the backend, in one place.
#include "io/completion_port.hpp"

#ifdef _WIN32
#include "io/iocp_port.hpp"
#else
#include "io/epoll_port.hpp"
#endif

namespace portico::io {

std::optional<Backend> backend_from_name(std::string_view name) noexcept {
    if (name == "auto") {
        return Backend::automatic;
    }
    if (name == "epoll") {
        return Backend::epoll;
    }
    if (name == "iocp") {
        return Backend::iocp;
    }
    return std::nullopt;
}

base::Result<std::unique_ptr<CompletionPort>> make_port(Backend backend, BufferPool& buffers, const PortOptions& options) {
#ifdef _WIN32
    if (backend == Backend::epoll) {
        return base::Failure{"the epoll backend exists on Linux only; here it is \"iocp\" or \"auto\""};
    }
    return IocpPort::make(buffers, options);
#else
    if (backend == Backend::iocp) {
        return base::Failure{"the iocp backend exists on Windows only; here it is \"epoll\" or \"auto\""};
    }
    return EpollPort::make(buffers, options);
#endif
}

}  // namespace portico::io
