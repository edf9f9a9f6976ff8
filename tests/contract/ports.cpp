#include "contract/ports.hpp"

#include <vector>

namespace portico::test {

namespace {

const std::vector<PortFactory>& factories() {
    static const std::vector<PortFactory> all = [] {
        const auto of = [](io::Backend backend) {
            return [backend](io::BufferPool& buffers, const io::PortOptions& options) {
                return io::make_port(backend, buffers, options);
            };
        };
        std::vector<PortFactory> made;
#ifdef _WIN32
        made.push_back({"iocp", of(io::Backend::iocp)});
#else
        made.push_back({"epoll", of(io::Backend::epoll)});
#endif
        return made;
    }();
    return all;
}

// Each backend as single, then as shared.
const std::vector<PortCase>& cases() {
    static const std::vector<PortCase> all = [] {
        std::vector<PortCase> made;
        for (const PortFactory& factory : factories()) {
            made.push_back({factory, false, factory.name + ", single"});
            made.push_back({factory, true, factory.name + ", shared"});
        }
        return made;
    }();
    return all;
}

}  // namespace

int port_case_count() {
    return static_cast<int>(cases().size());
}

const PortCase& port_case(int index) {
    return cases().at(static_cast<std::size_t>(index));
}

int backend_count() {
    return static_cast<int>(factories().size());
}

const PortCase& single_port(int index) {
    return cases().at(static_cast<std::size_t>(index) * 2);
}

const PortCase& shared_port(int index) {
    return cases().at(static_cast<std::size_t>(index) * 2 + 1);
}

}  // namespace portico::test
