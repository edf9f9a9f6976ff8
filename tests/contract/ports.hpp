// The backends that the suite runs on. A new backend is one more line in ports.cpp.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "io/completion_port.hpp"

namespace portico::test {

struct PortFactory {
    std::string name;
    std::function<base::Result<std::unique_ptr<io::CompletionPort>>(io::BufferPool&,
                                                                    const io::PortOptions&)>
        make;
};

// A backend in one kind of use: by one thread, or shared by several.
struct PortCase {
    PortFactory factory;
    bool shared = false;
    std::string name;  // "epoll, single"
};

// Every backend of this system, in each kind of use: each test runs on all of them with ANY_PORT().
[[nodiscard]] int port_case_count();
[[nodiscard]] const PortCase& port_case(int index);
// Those of one kind of use: single ports, shared ports. (A backend may have no shared ones.)
[[nodiscard]] int single_port_count();
[[nodiscard]] const PortCase& single_port(int index);
[[nodiscard]] int shared_port_count();
[[nodiscard]] const PortCase& shared_port(int index);

}  // namespace portico::test

// Each runs the rest of the test case once for each such port.
#define ANY_PORT() \
    ::portico::test::port_case(GENERATE(range(0, ::portico::test::port_case_count())))
#define SINGLE_PORT() \
    ::portico::test::single_port(GENERATE(range(0, ::portico::test::single_port_count())))
#define SHARED_PORT() \
    ::portico::test::shared_port(GENERATE(range(0, ::portico::test::shared_port_count())))
