// Plugin dispatch for valgrind's callgrind, which counts instructions exactly: messages of 64
// bytes, one in each read, each dispatched by one call of dispatch_counted(). See
// count_dispatch.sh.
//
//     dispatch_once [MESSAGES]
#include <cstdio>
#include <cstdlib>

#include "micro/dispatch_world.hpp"

// Does what a worker does with a completed operation. Not inlined, and with a plain C name, so that
// callgrind finds it.
extern "C" __attribute__((noinline)) void dispatch_counted(portico::io::Operation* operation) {
    operation->completed(*operation);
}

int main(int argc, char** argv) {
    const long messages = argc > 1 ? std::strtol(argv[1], nullptr, 10) : 1'000;
    const std::string message(64, 'x');
    portico::bench::DispatchWorld world;
    portico::bench::StillPort& port = world.port();
    long left = messages;
    port.on_worker([&] {
        for (; left > 0; --left)
            dispatch_counted(&port.complete_receive(std::as_bytes(std::span(message))));
        return false;
    });
    const bool all = port.sent_bytes() == static_cast<std::uint64_t>(messages) * message.size();
    std::printf("%ld messages%s\n", messages, all ? "" : ", not all answered");
    return all ? 0 : 1;
}
