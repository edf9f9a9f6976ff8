// A request and a response of HTTP as plain data, as far as the admin endpoint uses them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace portico::admin {

struct Request {
    std::string method;  // "GET"; HTTP's are in capitals
    std::string path;    // "/api/status", percent-encoded as it came
    std::string query;   // without "?"
    std::string host;    // as the client sent it
    bool has_host = false;
    std::string origin;
    bool has_origin = false;
    std::string authorization;
    std::string content_type;
    std::string accept;
    std::string body;
    bool is_http_1_1 = true;
    bool keeps_alive = true;  // the client will send another request on this connection
};

struct Response {
    std::uint32_t status = 200;
    std::string content_type;
    std::string body;
    std::vector<std::pair<std::string_view, std::string>> headers;  // further ones

    // A JSON object with the member "error".
    [[nodiscard]] static Response error(std::uint32_t status, std::string_view sentence);
    [[nodiscard]] static Response json(std::uint32_t status, std::string body);
};

// The bytes of a response. `with_body`: false for HEAD. `closes`: no other one follows on its
// connection. It always has the headers that protect a browser's user.
[[nodiscard]] std::string to_bytes(const Response& response, bool with_body, bool closes);

// What "100 Continue" looks like.
inline constexpr std::string_view continue_bytes = "HTTP/1.1 100 Continue\r\n\r\n";

// The values of "a=1&b=%20": decoded names and values, in their order. Nothing if an escape is
// broken.
using Query = std::vector<std::pair<std::string, std::string>>;
[[nodiscard]] bool parse_query(std::string_view text, Query& query);

}  // namespace portico::admin
