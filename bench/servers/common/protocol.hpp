// The servers' protocols, the same code in all of them: bytes in, answers out. The comparison is
// about how these bytes come and go.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "servers/common/program.hpp"
#include "servers/common/work.h"

namespace bench {

constexpr std::size_t receive_buffer_bytes = 65'536;  // the host's io.receive_buffer_bytes
// the host's limits.send_queue_bytes: above it, a connection is not read
constexpr std::size_t queued_bytes_max = 1'048'576;
// with its '\n'; a longer one ends the connection
constexpr std::size_t line_bytes_max = 65'536;

constexpr std::string_view http_reply =
    "HTTP/1.1 200 OK\r\n"
    "Content-Type: text/plain\r\n"
    "Content-Length: 13\r\n"
    "Connection: keep-alive\r\n"
    "\r\n"
    "Hello, world\n";

constexpr std::string_view ack_reply = "Message received successfully";  // plugins/ack's default

// The server's protocol for one connection.
class Protocol {
public:
    explicit Protocol(Mode mode) noexcept : mode_(mode) {}

    // Gives the answer to `received`: `received` itself, or bytes in `scratch`, which the
    // connections of a thread share. False: a line was too long, so the connection must be ended.
    [[nodiscard]] bool answer(std::string_view received, std::string& scratch,
                              std::string_view& reply) {
        switch (mode_) {
            case Mode::echo: reply = received; return true;
            case Mode::ack: reply = ack_reply; return true;
            case Mode::lines: return answer_lines(received, scratch, reply);
            case Mode::http: answer_requests(received, scratch, reply); return true;
            case Mode::work:
                if (asks_for_work(received.data(), received.size())) work();
                reply = received;
                return true;
        }
        return false;
    }

private:
    // The application: it gets a whole line, and its answer leaves together with the other answers
    // to this read.
    static void on_line(std::string_view line, std::string& replies) { replies.append(line); }

    bool answer_lines(std::string_view received, std::string& scratch, std::string_view& reply) {
        scratch.clear();
        if (!begun_.empty()) {
            const std::size_t end = received.find('\n');
            const std::size_t size = end == std::string_view::npos ? received.size() : end + 1;
            begun_.append(received.substr(0, size));
            received.remove_prefix(size);
            if (begun_.size() > line_bytes_max) return false;
            if (end != std::string_view::npos) {
                on_line(begun_, scratch);
                begun_.clear();
            }
        }
        // No line is too long here, because no server receives more at once than a line may have.
        while (!received.empty()) {
            const void* end = std::memchr(received.data(), '\n', received.size());
            if (end == nullptr) {
                begun_.assign(received);
                break;
            }
            const auto size = static_cast<std::size_t>(static_cast<const char*>(end) -
                                                       received.data()) +
                              1;
            on_line(received.substr(0, size), scratch);
            received.remove_prefix(size);
        }
        reply = scratch;
        return true;
    }

    // A request without a body ends with an empty line, "\r\n\r\n", which may be split anywhere.
    void answer_requests(std::string_view received, std::string& scratch, std::string_view& reply) {
        static constexpr std::string_view end = "\r\n\r\n";
        scratch.clear();
        while (!received.empty()) {
            if (matched_ == 0) {
                const void* next = std::memchr(received.data(), '\r', received.size());
                if (next == nullptr) break;
                received.remove_prefix(
                    static_cast<std::size_t>(static_cast<const char*>(next) - received.data()));
            }
            if (received.front() == end[matched_]) {
                ++matched_;
                received.remove_prefix(1);
                if (matched_ == end.size()) {
                    scratch.append(http_reply);
                    matched_ = 0;
                }
            } else if (received.front() == '\r') {
                matched_ = 1;
                received.remove_prefix(1);
            } else {
                matched_ = 0;
                received.remove_prefix(1);
            }
        }
        reply = scratch;
    }

    Mode mode_;
    std::size_t matched_ = 0;  // http: bytes of the empty line that have come
    std::string begun_;        // lines: the incomplete line
};

// Bytes that wait to be sent, for servers that hand the oldest of them to the system again and
// again.
class Queue {
public:
    [[nodiscard]] bool empty() const noexcept { return begin_ == bytes_.size(); }
    [[nodiscard]] std::size_t size() const noexcept { return bytes_.size() - begin_; }
    [[nodiscard]] std::string_view front() const noexcept {
        return std::string_view(bytes_).substr(begin_);
    }

    void append(std::string_view bytes) {
        if (begin_ > bytes_.size() / 2) {
            bytes_.erase(0, begin_);
            begin_ = 0;
        }
        bytes_.append(bytes);
    }
    void consume(std::size_t count) noexcept {
        begin_ += count;
        if (empty()) {
            bytes_.clear();
            begin_ = 0;
        }
    }

private:
    std::string bytes_;
    std::size_t begin_ = 0;
};

}  // namespace bench
