// The effect of on_data's answers: consuming, holding, pausing, and the limits that end a
// connection.
#include "integration/service.hpp"

using namespace portico;
using namespace portico::test;

TEST_CASE("unconsumed bytes are offered again with what follows", "[reading]") {
    const std::string ports = ANY_PORTS();
    Script script;
    // Words of four bytes, each answered when it is whole.
    script.on_data = [&](Line& line, std::string_view data, const portico_frame& frame,
                         std::uint64_t& consumed) {
        if (frame.payload_offset != 0 || frame.payload_size != data.size()) {
            script.violated("unframed: the payload is all the bytes");
        }
        while (data.size() - consumed >= 4) {
            static_cast<void>(script.send(line, data.substr(consumed, 4)));
            consumed += 4;
        }
        return PORTICO_OK;
    };
    script.on_end = [&](Line& line, const portico_ended&) { return script.close(line); };
    TestServer server(io_of(ports), {{"words", "relay#full", "", &script}});
    Peer peer = server.connect("words");
    REQUIRE(peer.send_all("abc"));
    CHECK(peer.is_quiet_for(50));
    REQUIRE(peer.send_all("def"));
    CHECK(peer.receive_exactly(4) == "abcd");
    REQUIRE(peer.send_all("ghijklmno"));
    CHECK(peer.receive_exactly(8) == "efghijkl");
    peer.finish_sending();
    Peer::Outcome outcome{};
    CHECK(peer.receive_to_end(outcome).empty());
    CHECK(outcome == Peer::Outcome::end);
    REQUIRE(eventually([&] { return script.closed == 1; }));
    CHECK(script.line(0)->remaining == 3);
    CHECK(script.line(0)->ends == 1);
}

TEST_CASE(
    "unconsumed bytes at the end of the stream are offered once more, then on_end counts them",
    "[reading]") {
    Script script;
    std::atomic<int> full_offers{0};
    script.on_data = [&](Line&, std::string_view data, const portico_frame&, std::uint64_t&) {
        full_offers += data == "left" ? 1 : 0;
        return PORTICO_OK;
    };
    TestServer server(io_of("per_core"), {{"x", "relay#full", "", &script}});
    Peer peer = server.connect("x");
    REQUIRE(peer.send_all("left"));
    REQUIRE(eventually([&] { return full_offers == 1; }));
    peer.finish_sending();
    REQUIRE(eventually([&] { return script.closed == 1; }));
    CHECK(full_offers == 2);
    CHECK(script.line(0)->remaining == 4);
}

TEST_CASE("after a hold the same bytes come again on resume, even if nothing new came",
          "[reading]") {
    const std::string ports = ANY_PORTS();
    const bool framed = GENERATE(false, true);
    Script script;
    std::atomic<int> offers{0};
    std::atomic<bool> ready{false};
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        ++offers;
        if (!ready) {
            return PORTICO_HOLD;
        }
        consumed = data.size();
        return script.send(line, data);
    };
    TestServer server(
        io_of(ports),
        {{"x", "relay#full", framed ? R"("framing": {"type": "delimiter"})" : "", &script}});
    Peer peer = server.connect("x");
    REQUIRE(peer.send_all("same\n"));
    REQUIRE(eventually([&] { return offers == 1; }));
    // More bytes do not lift the hold.
    REQUIRE(peer.send_all("more\n"));
    CHECK(peer.is_quiet_for(50));
    CHECK(offers == 1);
    // A resume before the plugin is ready: the bytes are offered, and held again.
    CHECK(script.resume(*script.line(0)) == PORTICO_OK);
    REQUIRE(eventually([&] { return offers == 2; }));
    CHECK(peer.is_quiet_for(50));
    CHECK(offers == 2);
    ready = true;
    CHECK(script.resume(*script.line(0)) == PORTICO_OK);
    CHECK(peer.receive_exactly(10) == "same\nmore\n");
    peer.close();
    CHECK(server.comes_to_rest());
}

TEST_CASE("after a hold with bytes consumed only the rest is offered again", "[reading]") {
    Script script;
    std::atomic<int> offers{0};
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        if (offers++ == 0) {
            consumed = 3;
            static_cast<void>(script.send(line, data.substr(0, 3)));
            return PORTICO_HOLD;
        }
        consumed = data.size();
        return script.send(line, data);
    };
    TestServer server(io_of("shared"), {{"x", "relay#full", "", &script}});
    Peer peer = server.connect("x");
    REQUIRE(peer.send_all("abcdef"));
    CHECK(peer.receive_exactly(3) == "abc");
    CHECK(peer.is_quiet_for(20));
    CHECK(script.resume(*script.line(0)) == PORTICO_OK);
    CHECK(peer.receive_exactly(3) == "def");
}

TEST_CASE("a hold ends with on_writable", "[reading]") {
    const std::string ports = ANY_PORTS();
    Script script;
    const std::string block = pattern(0, 4'096);
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        // Each byte is a request for a block.
        while (consumed < data.size()) {
            const portico_status status = script.send(line, block);
            if (status == PORTICO_WOULD_BLOCK) {
                return PORTICO_HOLD;
            }
            if (status < 0) {
                return status;
            }
            ++consumed;
        }
        return PORTICO_OK;
    };
    TestServer server(io_of(ports),
                      {{"x", "relay#full", R"("limits": {"send_queue_bytes": 16384})", &script}});
    constexpr std::size_t blocks = 2'000;
    Peer peer = server.connect("x", 8'192);
    REQUIRE(peer.send_all(std::string(blocks, 'g')));
    peer.finish_sending();
    Peer::Outcome outcome{};
    const std::string all = peer.receive_to_end(outcome);
    CHECK(outcome == Peer::Outcome::end);
    CHECK(all.size() == blocks * block.size());
    std::size_t wrong = 0;
    for (std::size_t at = 0; at + block.size() <= all.size(); at += block.size()) {
        wrong += all.compare(at, block.size(), block) != 0 ? 1 : 0;
    }
    CHECK(wrong == 0);
    REQUIRE(eventually([&] { return script.closed == 1; }));
    CHECK(script.line(0)->blocked > 0);
    CHECK(script.line(0)->writables > 0);
}

TEST_CASE("a pause inside a callback stops on_data until resume", "[reading]") {
    const std::string ports = ANY_PORTS();
    Script script;
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        line.received += data.size();
        consumed = data.size();
        return script.pause(line);
    };
    TestServer server(io_of(ports), {{"x", "relay#full", "", &script}});
    Peer peer = server.connect("x");
    REQUIRE(peer.send_all("1"));
    REQUIRE(eventually([&] { return script.opened == 1 && script.line(0)->offers == 1; }));
    Line& line = *script.line(0);
    for (std::uint64_t turn = 1; turn <= 20; ++turn) {
        REQUIRE(peer.send_all("22"));
        if (turn % 5 == 0) {
            CHECK(peer.is_quiet_for(20));
        }
        REQUIRE(line.offers == turn);
        // Pauses do not count: one resume ends any number.
        CHECK(script.pause(line) == PORTICO_OK);
        CHECK(script.resume(line) == PORTICO_OK);
        REQUIRE(eventually([&] { return line.offers == turn + 1; }));
    }
}

TEST_CASE("framed: a pause in the middle of a batch stops at that message", "[reading]") {
    Script script;
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        consumed = data.size();
        const portico_status status = script.send(line, data);
        return status < 0 ? status : script.pause(line);
    };
    TestServer server(io_of("per_core"),
                      {{"x", "relay#full", R"("framing": {"type": "delimiter"})", &script}});
    Peer peer = server.connect("x");
    REQUIRE(peer.send_all("a\nb\nc\n"));
    CHECK(peer.receive_exactly(2) == "a\n");
    CHECK(peer.is_quiet_for(30));
    CHECK(script.resume(*script.line(0)) == PORTICO_OK);
    CHECK(peer.receive_exactly(2) == "b\n");
    CHECK(peer.is_quiet_for(30));
    CHECK(script.resume(*script.line(0)) == PORTICO_OK);
    CHECK(peer.receive_exactly(2) == "c\n");
}

TEST_CASE("after a pause from another thread at most one on_data follows", "[reading]") {
    const std::string ports = ANY_PORTS();
    Script script;
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) {
        line.received += data.size();
        consumed = data.size();
        return PORTICO_OK;
    };
    TestServer server(io_of(ports), {{"x", "relay#full", "", &script}});
    Peer peer = server.connect("x");
    std::atomic<bool> enough{false};
    std::atomic<std::uint64_t> sent{0};
    std::thread flood([&] {
        const std::string block(2'000, 'f');
        while (!enough && peer.send_all(block)) {
            sent += block.size();
        }
    });
    CHECK(eventually([&] { return script.opened == 1; }));
    Line& line = *script.line(0);
    for (int turn = 0; turn < 200; ++turn) {
        const std::uint64_t before = line.offers;
        CHECK(eventually([&] { return line.offers > before; }));
        // After pause has returned, at most one more may begin.
        CHECK(script.pause(line) == PORTICO_OK);
        const std::uint64_t paused_at = line.offers;
        std::this_thread::sleep_for(std::chrono::milliseconds(turn % 20 == 0 ? 20 : 1));
        CHECK(line.offers <= paused_at + 1);
        CHECK(script.resume(line) == PORTICO_OK);
    }
    enough = true;
    flood.join();
    CHECK(eventually([&] { return line.received == sent; }));
}

TEST_CASE("a callback that fails aborts the connection, and only it", "[reading]") {
    const std::string ports = ANY_PORTS();
    Script script;
    script.on_data = [&](Line& line, std::string_view data, const portico_frame&,
                         std::uint64_t& consumed) -> portico_status {
        if (data == "error") {
            return PORTICO_PROTOCOL_ERROR;
        }
        if (data == "unknown") {
            return -12'345;
        }
        if (data == "too much") {
            consumed = data.size() + 1;
            return PORTICO_OK;
        }
        if (data == "end") {
            line.flag = 1;
        }
        consumed = data.size();
        return script.send(line, data);
    };
    script.on_end = [&](Line& line, const portico_ended&) {
        return line.flag != 0 ? PORTICO_ERROR : script.close(line);
    };
    TestServer server(io_of(ports), {{"x", "relay#full", "", &script}});
    Peer bystander = server.connect("x");
    CHECK(echoes(bystander, "hi"));
    for (const std::string how : {"error", "unknown", "too much"}) {
        INFO(how);
        Peer peer = server.connect("x");
        CHECK(echoes(peer, "hello"));
        REQUIRE(peer.send_all(how));
        CHECK(is_aborted(peer));
    }
    Peer peer = server.connect("x");
    CHECK(echoes(peer, "end"));
    peer.finish_sending();
    CHECK(is_aborted(peer));
    CHECK(eventually([&] { return script.reasons[PORTICO_REASON_PLUGIN_ERROR] == 4; }));
    CHECK(echoes(bystander, "still here"));
}

TEST_CASE("a plugin that consumes nothing is cut at the limit of unconsumed bytes", "[reading]") {
    const std::string ports = ANY_PORTS();
    Script script;
    std::atomic<std::uint64_t> most{0};
    script.on_data = [&](Line&, std::string_view data, const portico_frame&, std::uint64_t&) {
        most = std::max<std::uint64_t>(most, data.size());
        return PORTICO_OK;
    };
    TestServer server(io_of(ports),
                      {{"x", "relay#full", R"("limits": {"unconsumed_bytes": 40000})", &script}});
    Peer peer = server.connect("x");
    REQUIRE(peer.send_all(std::string(39'999, 'u')));
    REQUIRE(eventually([&] { return most == 39'999; }));
    CHECK(peer.is_quiet_for(30));
    REQUIRE(peer.send_all("u"));
    CHECK(is_aborted(peer));
    REQUIRE(eventually([&] { return script.closed == 1; }));
    CHECK(script.line(0)->reason == PORTICO_REASON_UNCONSUMED);
    peer.close();
    CHECK(server.comes_to_rest());
}

TEST_CASE("a frame that is too long ends its connection", "[reading]") {
    const std::string ports = ANY_PORTS();
    Script delimited;
    Script prefixed;
    for (Script* script : {&delimited, &prefixed}) {
        script->on_data = [script](Line& line, std::string_view data, const portico_frame&,
                                   std::uint64_t& consumed) {
            consumed = data.size();
            return script->send(line, data);
        };
    }
    TestServer server(
        io_of(ports),
        {{"delimited", "relay#full", R"("framing": {"type": "delimiter", "max_bytes": 1000})",
          &delimited},
         {"prefixed", "relay#full",
          R"("framing": {"type": "length_prefix", "bytes": 4, "max_bytes": 1000})", &prefixed}});
    {
        Peer peer = server.connect("delimited");
        CHECK(echoes(peer, std::string(1'000, 'a') + "\n"));
        REQUIRE(peer.send_all(std::string(1'001, 'a')));
        CHECK(is_aborted(peer));
    }
    {
        Peer peer = server.connect("prefixed");
        CHECK(echoes(peer, std::string("\0\0\x03\xe8", 4) + std::string(1'000, 'a')));
        // the header alone shows it
        REQUIRE(peer.send_all(std::string_view("\0\0\x03\xe9", 4)));
        CHECK(is_aborted(peer));
    }
    CHECK(eventually([&] {
        return delimited.reasons[PORTICO_REASON_FRAME] == 1 &&
               prefixed.reasons[PORTICO_REASON_FRAME] == 1;
    }));
    CHECK(server.comes_to_rest());
}

TEST_CASE("framed messages come one by one with the place of their payload", "[reading]") {
    Script script;
    script.on_data = [&](Line& line, std::string_view data, const portico_frame& frame,
                         std::uint64_t&) -> portico_status {
        // Not consumed, but handled: with framing, OK shows that.
        line.text += std::string(data.substr(frame.payload_offset, frame.payload_size)) + "|";
        if (frame.struct_size != sizeof(portico_frame) || frame.payload_offset != 2 ||
            frame.payload_size + 2 != data.size()) {
            script.violated("frame");
        }
        return PORTICO_OK;
    };
    TestServer server(
        io_of("per_core"),
        {{"x", "relay#full",
          R"("framing": {"type": "length_prefix", "bytes": 2, "order": "little"})", &script}});
    Peer peer = server.connect("x");
    REQUIRE(peer.send_all(std::string("\3\0one\0\0\5\0three\7\0half", 20)));
    peer.finish_sending();
    REQUIRE(eventually([&] { return script.closed == 1; }));
    CHECK(script.line(0)->text == "one||three|");
    CHECK(script.line(0)->remaining == 6);
}
