// RESP2, the protocol of Redis: commands as they come from a client, replies as they go back.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <vector>

namespace redis_like {

// Finds one command at the beginning of some bytes. It keeps nothing from one call to the next: an
// incomplete command is looked at again when more has come, and its arguments are skipped by their
// lengths.
class Parser {
public:
    enum class Result : std::uint8_t {
        complete,    // words() has the command; it may be empty, which asks for nothing
        incomplete,  // more bytes are needed
        wrong,       // error() says why; the connection cannot go on
    };

    Result parse(std::string_view bytes);

    // Of a complete command: the name and its arguments. They point into the bytes, except for
    // words of an inline command that had quotes. Valid until the next parse().
    const std::vector<std::string_view> &words() const { return words_; }
    // How many bytes it has.
    std::size_t size() const { return size_; }
    // As Redis words it, without the prefix "ERR Protocol error: ".
    const std::string &error() const { return error_; }

private:
    Result parse_array(std::string_view bytes);
    Result parse_inline(std::string_view bytes);
    Result wrong(std::string_view why);
    bool split(std::string_view line);
    bool unquote(std::string_view line, std::size_t &at);

    std::vector<std::string_view> words_;
    std::list<std::string> unquoted_;
    std::size_t size_ = 0;
    std::string error_;
};

// Strict, as Redis is: no space, no plus sign, no leading zero.
bool parse_integer(std::string_view text, std::int64_t &value);

void append_simple(std::string &out, std::string_view text);  // +text
void append_error(std::string &out, std::string_view text);   // -text
void append_integer(std::string &out, std::int64_t value);
void append_bulk(std::string &out, std::string_view bytes);
void append_null(std::string &out);
void append_array(std::string &out, std::size_t count);  // the elements follow

}  // namespace redis_like
