// The article's second server, written afresh: a thread for each client, with blocking calls.
#include <chrono>
#include <system_error>
#include <thread>

#include "servers/baselines/blocking.hpp"

int main(int argc, char** argv) {
    const bench::Options options = bench::read_options(
        argc, argv, bench::bit_of(bench::Mode::echo) | bench::bit_of(bench::Mode::ack));
    bench::prepare_process();
    const bench::NativeSocket listener = bench::listen_blocking(options);
    for (;;) {
        const bench::NativeSocket client = bench::accept_client(listener);
        if (client == bench::no_socket) {
            // The usual cause is that there are no descriptors left: until a client goes there is
            // nothing to do, and no call waits for that.
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
            continue;
        }
        try {
            std::thread(bench::serve_client, client, options.mode).detach();
        } catch (const std::system_error&) {
            bench::close_socket(client);  // the system gives no more threads
        }
    }
}
