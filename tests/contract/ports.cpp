#include "contract/ports.hpp"

#include <algorithm>
#include <cstdio>
#include <vector>

#ifdef PORTICO_IO_URING
#include "io/uring/port.hpp"
#endif
#ifdef _WIN32
#include <windows.h>

#include "support/replaced_import.hpp"
#endif

namespace portico::test {

namespace {

using Cases = std::vector<PortCase>;

void add(Cases& cases, const PortFactory& factory, bool has_shared) {
    cases.push_back({factory, false, factory.name + ", single"});
    if (has_shared) {
        cases.push_back({factory, true, factory.name + ", shared"});
    }
}

#ifdef PORTICO_IO_URING
// io_uring with all features of this system, then with one of them missing in turn, then with all
// of them missing.
void add_io_uring(Cases& cases) {
    const base::Result<std::string> probed = io::probe_io_uring();
    if (!probed) {
        std::fprintf(stderr, "contract_tests: SKIPPED: io_uring: %s\n", probed.error().c_str());
        return;
    }
    struct Variant {
        const char* name;
        io::UringFeatures allowed;
    };
    const Variant variants[] = {
        {"io_uring", {}},
        {"io_uring without deferred work", {.deferred_work = false}},
        {"io_uring without deferred and cooperative work",
         {.deferred_work = false, .cooperative_work = false}},
        {"io_uring without multishot receives", {.limited_multishot = false}},
        {"io_uring without buffer rings", {.buffer_ring = false}},
        {"io_uring without quiet sends", {.quiet_sends = false}},
        {"io_uring without accepts that wait", {.waiting_accepts = false}},
        {"io_uring without everything",
         {.deferred_work = false,
          .cooperative_work = false,
          .buffer_ring = false,
          .limited_multishot = false,
          .quiet_sends = false,
          .waiting_accepts = false}},
    };
    std::vector<io::UringFeatures> seen;
    for (const Variant& variant : variants) {
        auto features = io::probe_uring(variant.allowed);
        if (!features || std::find(seen.begin(), seen.end(), *features) != seen.end()) {
            std::fprintf(stderr, "contract_tests: SKIPPED: %s: no different from another here\n",
                         variant.name);
            continue;
        }
        seen.push_back(*features);
        const auto make = [allowed = variant.allowed](io::BufferPool& buffers,
                                                      const io::PortOptions& options) {
            return io::UringPort::make(buffers, options, allowed);
        };
        add(cases, {variant.name, make}, false);
    }
}
#endif

#ifdef _WIN32
// IOCP as usual, and as it is if a socket's provider is a layered one: a call that succeeds at once
// brings a packet all the same. With such a provider the port does not ask the system to leave the
// packet out; here it asks, and the system answers that it cannot. (One World at a time: its
// factory's choice holds until the next.)
bool brings_all_packets = false;

const auto system_modes = imported(::SetFileCompletionNotificationModes);

BOOL WINAPI modes_if_wanted(HANDLE file, UCHAR flags) {
    return brings_all_packets ? FALSE : system_modes(file, flags);
}

void add_iocp(Cases& cases) {
    static const ReplacedImport replaced(::SetFileCompletionNotificationModes, modes_if_wanted);
    for (const bool all : {false, true}) {
        const auto make = [all](io::BufferPool& buffers, const io::PortOptions& options) {
            brings_all_packets = all;
            return io::make_port(io::Backend::iocp, buffers, options);
        };
        add(cases, {all ? "iocp with a packet for every call" : "iocp", make}, true);
    }
}
#endif

const Cases& cases() {
    static const Cases all = [] {
        Cases made;
#ifdef _WIN32
        add_iocp(made);
#else
        const auto make = [](io::BufferPool& buffers, const io::PortOptions& options) {
            return io::make_port(io::Backend::epoll, buffers, options);
        };
        add(made, {"epoll", make}, true);
#endif
#ifdef PORTICO_IO_URING
        add_io_uring(made);
#endif
        return made;
    }();
    return all;
}

Cases of_use(bool shared) {
    Cases some;
    for (const PortCase& one : cases()) {
        if (one.shared == shared) {
            some.push_back(one);
        }
    }
    return some;
}

const Cases& single_ports() {
    static const Cases some = of_use(false);
    return some;
}

const Cases& shared_ports() {
    static const Cases some = of_use(true);
    return some;
}

}  // namespace

int port_case_count() {
    return static_cast<int>(cases().size());
}

const PortCase& port_case(int index) {
    return cases().at(static_cast<std::size_t>(index));
}

int single_port_count() {
    return static_cast<int>(single_ports().size());
}

const PortCase& single_port(int index) {
    return single_ports().at(static_cast<std::size_t>(index));
}

int shared_port_count() {
    return static_cast<int>(shared_ports().size());
}

const PortCase& shared_port(int index) {
    return shared_ports().at(static_cast<std::size_t>(index));
}

}  // namespace portico::test
