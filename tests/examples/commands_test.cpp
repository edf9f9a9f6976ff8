// The commands and the store of examples/redis_like.
#include <string>
#include <string_view>
#include <vector>

#include "redis_like/commands.hpp"
#include "redis_like/store.hpp"
#include "support/catch.hpp"

using namespace redis_like;

namespace {

struct Session {
    Store store;
    std::uint64_t now = 1'000'000;
    After after = After::nothing;

    std::string operator()(std::vector<std::string_view> words) {
        std::string reply;
        Now clock(now);
        after = execute(store, words, clock, reply);
        return reply;
    }
};

}  // namespace

TEST_CASE("values are set, read and erased") {
    Session call;
    CHECK(call({"get", "a"}) == "$-1\r\n");
    CHECK(call({"SET", "a", "1"}) == "+OK\r\n");
    CHECK(call({"GeT", "a"}) == "$1\r\n1\r\n");
    CHECK(call({"MGET", "a", "b", "a"}) == "*3\r\n$1\r\n1\r\n$-1\r\n$1\r\n1\r\n");
    CHECK(call({"EXISTS", "a", "a", "b"}) == ":2\r\n");
    CHECK(call({"incr", "a"}) == ":2\r\n");
    CHECK(call({"INCR", "n"}) == ":1\r\n");
    CHECK(call({"DEL", "a", "b", "n"}) == ":2\r\n");
    CHECK(call({"ping"}) == "+PONG\r\n");
    CHECK(call({"ping", "x"}) == "$1\r\nx\r\n");
    CHECK(call({"ECHO", ""}) == "$0\r\n\r\n");
    CHECK(call({"COMMAND", "DOCS"}) == "*0\r\n");
    CHECK(call({"CONFIG", "GET", "save"}) == "*0\r\n");
    CHECK(call({"QUIT"}) == "+OK\r\n");
    CHECK(call.after == After::close);
}

TEST_CASE("SET has conditions and times") {
    Session call;
    CHECK(call({"set", "a", "1", "xx"}) == "$-1\r\n");
    CHECK(call({"set", "a", "1", "NX"}) == "+OK\r\n");
    CHECK(call({"set", "a", "2", "nx"}) == "$-1\r\n");
    CHECK(call({"set", "a", "2", "EX", "10", "XX"}) == "+OK\r\n");
    CHECK(call.after == After::sweep);
    CHECK(call({"TTL", "a"}) == ":10\r\n");
    CHECK(call({"set", "a", "3", "PX", "600"}) == "+OK\r\n");
    CHECK(call({"ttl", "a"}) == ":1\r\n");
    CHECK(call({"set", "a", "3"}) == "+OK\r\n");  // takes the deadline away
    CHECK(call({"ttl", "a"}) == ":-1\r\n");
    for (const std::vector<std::string_view>& wrong :
         std::vector<std::vector<std::string_view>>{{"set", "a", "1", "nx", "xx"},
                                                    {"set", "a", "1", "ex"},
                                                    {"set", "a", "1", "ex", "1", "px", "1"},
                                                    {"set", "a", "1", "sideways"}}) {
        CHECK(call(wrong) == "-ERR syntax error\r\n");
    }
    CHECK(call({"set", "a", "1", "ex", "x"}) == "-ERR value is not an integer or out of range\r\n");
    CHECK(call({"set", "a", "1", "ex", "0"}) == "-ERR invalid expire time in 'set' command\r\n");
    CHECK(call({"set", "a", "1", "ex", "9223372036854775"}) ==
          "-ERR invalid expire time in 'set' command\r\n");
}

TEST_CASE("a key is gone when its deadline has passed") {
    Session call;
    (void)call({"set", "a", "1"});
    CHECK(call({"expire", "a", "2"}) == ":1\r\n");
    CHECK(call({"EXPIRE", "b", "2"}) == ":0\r\n");
    call.now += 1'999;
    CHECK(call({"get", "a"}) == "$1\r\n1\r\n");
    call.now += 1;
    CHECK(call({"get", "a"}) == "$-1\r\n");
    CHECK(call({"ttl", "a"}) == ":-2\r\n");
    (void)call({"set", "a", "1"});
    CHECK(call({"expire", "a", "-1"}) == ":1\r\n");
    CHECK(call({"exists", "a"}) == ":0\r\n");
    CHECK(call({"expire", "a", "x"}) == "-ERR value is not an integer or out of range\r\n");
}

TEST_CASE("a sweep erases what has ended, a part at a time") {
    Session call;
    for (int i = 0; i < 1'000; ++i) {
        const std::string key = "key" + std::to_string(i);
        (void)call({"set", key, "1", "px", i % 2 == 0 ? "100" : "200"});
    }
    CHECK(call.store.sweep(call.now + 99, 1));
    CHECK(call.store.sweep(call.now + 100, 1'000));
    CHECK(call({"exists", "key1"}) == ":1\r\n");
    CHECK(call.store.sweep(call.now + 200, 1));
    CHECK_FALSE(call.store.sweep(call.now + 200, 1'000));
    CHECK(call({"exists", "key0", "key1"}) == ":0\r\n");
}

TEST_CASE("errors have Redis's words") {
    Session call;
    CHECK(call({"nope", "a", "b"}) ==
          "-ERR unknown command 'nope', with args beginning with: 'a' 'b' \r\n");
    CHECK(call({"GET"}) == "-ERR wrong number of arguments for 'get' command\r\n");
    CHECK(call({"get", "a", "b"}) == "-ERR wrong number of arguments for 'get' command\r\n");
    (void)call({"set", "a", "x"});
    CHECK(call({"incr", "a"}) == "-ERR value is not an integer or out of range\r\n");
    (void)call({"set", "a", "9223372036854775807"});
    CHECK(call({"incr", "a"}) == "-ERR increment or decrement would overflow\r\n");
}
