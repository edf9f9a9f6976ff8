// The paths of MAIL and RCPT (examples/smtp_sink).
#include <string>
#include <string_view>

extern "C" {
#include "smtp_sink/address.h"
}
#include "support/catch.hpp"

namespace {

// What read_path finds in the brackets and leaves behind them; "no" if there is no path.
std::string read(std::string_view bytes) {
    slice text{bytes.data(), bytes.size()};
    slice mailbox{nullptr, 0};
    if (read_path(&text, &mailbox) == 0) {
        CHECK(text.data == bytes.data());
        CHECK(text.size == bytes.size());
        return "no";
    }
    return std::string(mailbox.data, mailbox.size) + '|' + std::string(text.data, text.size);
}

bool is_domain(std::string_view text) {
    return ::is_domain({text.data(), text.size()}) != 0;
}

}  // namespace

TEST_CASE("a path is a mailbox in angle brackets") {
    CHECK(read("<a@b>") == "a@b|");
    CHECK(read("<ann.lee+x@mx-1.example.org> SIZE=1") == "ann.lee+x@mx-1.example.org| SIZE=1");
    CHECK(read("<>") == "|");
    CHECK(read("<a@[192.0.2.1]>") == "a@[192.0.2.1]|");
    CHECK(read("<a@[IPv6:2001:db8::1]>x") == "a@[IPv6:2001:db8::1]|x");
    CHECK(read("<\"a b\"@c>") == "\"a b\"@c|");
    CHECK(read("<\"a@b>\\\"\\\\\"@c>") == "\"a@b>\\\"\\\\\"@c|");
    CHECK(read("<\"\"@c>") == "\"\"@c|");
    CHECK(read("<Postmaster>") == "Postmaster|");
    CHECK(read("<POSTMASTER>") == "POSTMASTER|");
    CHECK(read("<!#$%&'*+-/=?^_`{|}~@b>") == "!#$%&'*+-/=?^_`{|}~@b|");
}

TEST_CASE("a route is read and ignored") {
    CHECK(read("<@a:b@c>") == "b@c|");
    CHECK(read("<@a.x,@[192.0.2.1],@b:c@d>") == "c@d|");
    CHECK(read("<@a:Postmaster>") == "Postmaster|");
    for (const char* const wrong :
         {"<@a:>", "<@a>", "<@a,b:c@d>", "<@:b@c>", "<@a,:b@c>", "<:b@c>"}) {
        CAPTURE(wrong);
        CHECK(read(wrong) == "no");
    }
}

TEST_CASE("what is no path is refused") {
    for (const char* const wrong : {"",
                                    "<",
                                    ">",
                                    "a@b",
                                    "<a@b",
                                    "a@b>",
                                    " <a@b>",
                                    "< a@b>",
                                    "<a@b >",
                                    "<a>",
                                    "<a@>",
                                    "<@b>",
                                    "<a@b@c>",
                                    "<.a@b>",
                                    "<a.@b>",
                                    "<a..b@c>",
                                    "<a b@c>",
                                    "<a@.b>",
                                    "<a@b.>",
                                    "<a@b..c>",
                                    "<a@-b>",
                                    "<a@b->",
                                    "<a@b-.c>",
                                    "<a@b_c>",
                                    "<a@[]>",
                                    "<a@[b>",
                                    "<a@[b]c>",
                                    "<a@[b c]>",
                                    "<a@[b\\]>",
                                    "<\"a@b>",
                                    "<\"a\"b@c>",
                                    "<\"a\\\"@b>",
                                    "<\"a@b\">",
                                    "<\"a\nb\"@c>",
                                    "<postmaste>",
                                    "<postmasterx>",
                                    "<<a@b>>",
                                    "<\xc3\xa9@b>",
                                    "<a@\xc3\xa9>",
                                    "<\x7f@b>"}) {
        CAPTURE(wrong);
        CHECK(read(wrong) == "no");
    }
    using namespace std::string_view_literals;
    CHECK(read("<a\0@b>"sv) == "no");
    CHECK(read("<a@b\0>"sv) == "no");
    CHECK(read("<a@[\0]>"sv) == "no");
}

TEST_CASE("its parts are limited") {
    const auto letters = [](std::size_t size) { return std::string(size, 'x'); };
    CHECK(read("<" + letters(64) + "@b>") != "no");
    CHECK(read("<" + letters(65) + "@b>") == "no");
    CHECK(read("<\"" + letters(62) + "\"@b>") != "no");
    CHECK(read("<\"" + letters(63) + "\"@b>") == "no");
    CHECK(read("<a@" + letters(252) + ">") != "no");  // 256 with the brackets
    CHECK(read("<a@" + letters(253) + ">") == "no");
    CHECK(read("<a@[" + letters(250) + "]>") != "no");
    CHECK(read("<a@[" + letters(251) + "]>") == "no");
    CHECK(is_domain(letters(255)));
    CHECK_FALSE(is_domain(letters(256)));
}

TEST_CASE("a domain has labels, or is an address") {
    for (const char* const right : {"a", "1", "a-b.c", "[192.0.2.1]", "localhost"}) {
        CAPTURE(right);
        CHECK(is_domain(right));
    }
    for (const char* const wrong : {"", ".", "a.", "-a", "a-", "a b", "[", "[]", "[a", "a]"}) {
        CAPTURE(wrong);
        CHECK_FALSE(is_domain(wrong));
    }
}
