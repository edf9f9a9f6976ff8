#include "admin/http_reader.hpp"

#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <iterator>

#include "admin/header_value.hpp"

namespace portico::admin {

namespace {

namespace http = boost::beast::http;

std::string text_of(boost::beast::string_view text) {
    return std::string(text.data(), text.size());
}

}  // namespace

struct HttpReader::Parser : http::request_parser<http::string_body> {
    Parser() {
        header_limit(header_bytes_max);
        body_limit(body_bytes_max);
        eager(true);
    }
    [[nodiscard]] std::string value(http::field field) const { return text_of(get()[field]); }
    [[nodiscard]] bool has(http::field field) const { return get().count(field) != 0; }
};

HttpReader::HttpReader() = default;
HttpReader::~HttpReader() = default;

void HttpReader::begin() {
    parser_ = std::make_unique<Parser>();
    has_header_ = false;
    is_inside_ = true;
}

HttpReader::Event HttpReader::read(std::string_view bytes, std::size_t& used) {
    used = 0;
    if (!is_inside_) {
        // Some clients send an empty line after a body (RFC 9112, section 2.2).
        used = std::min(bytes.find_first_not_of("\r\n"), bytes.size());
        bytes.remove_prefix(used);
        if (bytes.empty()) {
            return Event::more;
        }
        begin();
    }
    while (!parser_->is_done()) {
        boost::system::error_code error;
        const std::size_t taken = parser_->put(boost::asio::buffer(bytes.data(), bytes.size()),
                                               error);
        used += taken;
        bytes.remove_prefix(taken);
        if (error && error != http::error::need_more) {
            return error == http::error::header_limit
                       ? fail(431, "the header is larger than 16 KiB")
                   : error == http::error::body_limit ? fail(413, "the body is larger than 64 KiB")
                   : error == http::error::bad_version
                       ? fail(505, "only HTTP/1.0 and HTTP/1.1 are spoken here")
                       : fail(400, "this is not HTTP: " + error.message());
        }
        if (parser_->is_header_done() && !has_header_) {
            has_header_ = true;
            if (const Event event = take_header(); event != Event::more) {
                return event;
            }
        }
        if (!parser_->is_done() && (taken == 0 || bytes.empty())) {
            return Event::more;
        }
    }
    request_.body = std::move(parser_->get().body());
    is_inside_ = false;
    return Event::request;
}

HttpReader::Event HttpReader::take_header() {
    const Parser& parser = *parser_;
    const auto& found = parser.get();
    if (found.count(http::field::host) > 1) {
        return fail(400, "the header \"Host\" comes twice");
    }
    request_ = {};
    request_.method = text_of(found.method_string());
    std::string target = text_of(found.target());
    request_.host = parser.value(http::field::host);
    request_.has_host = parser.has(http::field::host);
    if (constexpr std::string_view scheme = "http://"; target.starts_with(scheme)) {
        // The form for proxies; its authority counts, and not the header (RFC 9112, section 3.2.2).
        const std::size_t path = target.find('/', scheme.size());
        request_.host = target.substr(scheme.size(), path - scheme.size());
        target = path == std::string::npos ? "/" : target.substr(path);
    }
    if (!target.starts_with("/") && target != "*") {
        return fail(400, "the target of the request is no path");
    }
    const std::size_t query = target.find('?');
    request_.path = target.substr(0, query);
    request_.query = query == std::string::npos ? "" : target.substr(query + 1);
    request_.origin = parser.value(http::field::origin);
    request_.has_origin = parser.has(http::field::origin);
    request_.authorization = parser.value(http::field::authorization);
    request_.content_type = parser.value(http::field::content_type);
    const auto accepts = found.equal_range(http::field::accept);
    for (auto accept = accepts.first; accept != accepts.second; ++accept) {
        request_.accept += (request_.accept.empty() ? "" : ", ") + text_of(accept->value());
    }
    request_.is_http_1_1 = found.version() >= 11;
    request_.keeps_alive = parser.keep_alive();
    if (!parser.has(http::field::expect) || !request_.is_http_1_1) {
        return Event::more;
    }
    if (!same_word(parser.value(http::field::expect), "100-continue")) {
        return fail(417, "only \"100-continue\" can be expected");
    }
    return parser.is_done() ? Event::more : Event::expects_continue;
}

HttpReader::Event HttpReader::fail(std::uint32_t status, std::string_view sentence) {
    error_ = Response::error(status, sentence);
    is_inside_ = false;
    return Event::failed;
}

}  // namespace portico::admin
