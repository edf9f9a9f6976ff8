// The article's first server, written afresh: one client after the other, with blocking calls.
// Clients that come meanwhile wait in the backlog.
#include "servers/baselines/blocking.hpp"

int main(int argc, char** argv) {
    const bench::Options options = bench::read_options(
        argc, argv, bench::bit_of(bench::Mode::echo) | bench::bit_of(bench::Mode::ack));
    bench::prepare_process();
    const bench::NativeSocket listener = bench::listen_blocking(options);
    for (;;) {
        const bench::NativeSocket client = bench::accept_client(listener);
        if (client != bench::no_socket) bench::serve_client(client, options.mode);
    }
}
