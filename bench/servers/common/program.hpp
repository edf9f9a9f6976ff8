// The common part of all servers that Portico is compared with: their command line, and the line
// that prints their address.
//
//     NAME [--port N] [--mode MODE] [--print-reply]
//
// A server listens on 127.0.0.1, prints "listening on 127.0.0.1:PORT" and serves until it is ended.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <string_view>

namespace bench {

enum class Mode : std::uint8_t {
    echo,   // every byte goes back
    lines,  // every line is handed whole to a handler, which sends it back
    http,   // every request is answered with the one reply
    ack,    // every read is answered with the acknowledgement of the article's server
    // every byte goes back, after 5 ms of work if the read asks for it (servers/common/work.h)
    work,
};

// Bits of Mode, for what a program offers.
constexpr unsigned bit_of(Mode mode) noexcept {
    return 1U << static_cast<unsigned>(mode);
}
constexpr unsigned modes_of_peers = bit_of(Mode::echo) | bit_of(Mode::lines) | bit_of(Mode::work);

struct Options {
    std::uint16_t port = 0;  // 0: any free one
    Mode mode = Mode::echo;
    bool print_reply = false;  // http: print the reply and end
};

[[noreturn]] inline void fail(const char* what, const char* why) {
    std::fprintf(stderr, "%s: %s\n", what, why);
    std::exit(1);
}

inline Options read_options(int argc, char** argv, unsigned offered) {
    static constexpr std::string_view names[] = {"echo", "lines", "http", "ack", "work"};
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string_view name = argv[i];
        const bool has_value = i + 1 < argc;
        bool understood = false;
        if (name == "--port" && has_value) {
            char* end = nullptr;
            const unsigned long port = std::strtoul(argv[++i], &end, 10);
            understood = *argv[i] != '\0' && *end == '\0' && port <= 65'535;
            options.port = static_cast<std::uint16_t>(port);
        } else if (name == "--mode" && has_value) {
            const std::string_view wanted = argv[++i];
            for (unsigned mode = 0; mode < std::size(names); ++mode) {
                if ((offered & 1U << mode) != 0 && wanted == names[mode]) {
                    options.mode = static_cast<Mode>(mode);
                    understood = true;
                }
            }
        } else if (name == "--print-reply" && (offered & bit_of(Mode::http)) != 0) {
            options.print_reply = understood = true;
        }
        if (!understood) {
            std::fprintf(stderr, "not understood: %s\nusage: %s [--port N] [--mode", argv[i],
                         argv[0]);
            char before = ' ';
            for (unsigned mode = 0; mode < std::size(names); ++mode) {
                if ((offered & 1U << mode) != 0) {
                    std::fprintf(stderr, "%c%s", before, names[mode].data());
                    before = '|';
                }
            }
            std::fprintf(stderr, "]%s\n",
                         (offered & bit_of(Mode::http)) != 0 ? " [--print-reply]" : "");
            std::exit(2);
        }
    }
    return options;
}

inline void announce(std::uint16_t port) {
    std::printf("listening on 127.0.0.1:%u\n", static_cast<unsigned>(port));
    std::fflush(stdout);
}

}  // namespace bench
