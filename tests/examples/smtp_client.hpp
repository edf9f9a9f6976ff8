// A client of examples/smtp_sink on a scripted host.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "support/catch.hpp"
#include "support/scripted_host.hpp"

extern "C" const portico_module* PORTICO_CALL smtp_sink_query(std::uint32_t host_abi_major);

namespace portico::test {

inline const std::string announcement =
    "250-localhost\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n"
    "250 ENHANCEDSTATUSCODES\r\n";

// The timeouts of its sink say which state is meant.
struct SmtpClient {
    ScriptedHost host;
    Driver sink{smtp_sink_query(PORTICO_ABI_MAJOR), host};
    std::string pending;  // bytes that the plugin has not consumed

    SmtpClient() {
        host.settings["limits/message_bytes"] = std::int64_t{1000};
        host.settings["limits/recipients"] = std::int64_t{3};
        host.settings["limits/mistakes"] = std::int64_t{5};
        const char* const states[] = {"hello", "mail", "rcpt", "data", "text"};
        for (std::int64_t i = 0; i < 5; ++i) {
            host.settings[std::string("timeouts/") + states[i] + "_ms"] = (i + 1) * 1000;
        }
    }
    void start() {
        REQUIRE(sink.start() == PORTICO_OK);
        CHECK(answers() == "220 localhost ESMTP smtp_sink\r\n");
    }
    // What the plugin has sent since the last call.
    std::string answers() { return std::exchange(host.sent, {}); }
    portico_status offer(std::string_view bytes) {
        pending += bytes;
        const portico_status status = sink.data(pending);
        pending.erase(0, sink.consumed);
        return status;
    }
    std::string say(std::string_view bytes) {
        CHECK(offer(bytes) == PORTICO_OK);
        return answers();
    }
    // Into the text of a message, by EHLO or by HELO.
    void begin_message(const std::string& hello = "EHLO me") {
        say(hello + "\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n");
    }
    std::uint32_t last_restart() const { return host.restarts.back(); }
};

}  // namespace portico::test
