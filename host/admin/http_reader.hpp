// Reads requests from the bytes of one connection, with Boost.Beast's parser and bounds on what a
// client may send.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "admin/http.hpp"

namespace portico::admin {

class HttpReader {
public:
    static constexpr std::uint32_t header_bytes_max = 16'384;
    static constexpr std::uint32_t body_bytes_max = 65'536;

    enum class Event : std::uint8_t {
        more,              // nothing is complete yet
        expects_continue,  // request() has a header, and its client waits for "100 Continue"
        request,           // request() is complete
        failed,            // error() says what is wrong; nothing more can be read
    };

    HttpReader();
    ~HttpReader();
    HttpReader(const HttpReader&) = delete;
    HttpReader& operator=(const HttpReader&) = delete;

    // Reads on, up to the next event. `used`: how many of the bytes are done with. The others must
    // be offered again, with what follows them. After Event::request the next call begins another
    // request.
    [[nodiscard]] Event read(std::string_view bytes, std::size_t& used);

    // A request has begun and is not complete.
    [[nodiscard]] bool is_inside() const noexcept { return is_inside_; }

    [[nodiscard]] const Request& request() const noexcept { return request_; }
    [[nodiscard]] const Response& error() const noexcept { return error_; }

private:
    struct Parser;

    void begin();
    [[nodiscard]] Event take_header();
    [[nodiscard]] Event fail(std::uint32_t status, std::string_view sentence);

    std::unique_ptr<Parser> parser_;
    Request request_;
    Response error_;
    bool is_inside_ = false;
    bool has_header_ = false;  // and it was taken
};

}  // namespace portico::admin
