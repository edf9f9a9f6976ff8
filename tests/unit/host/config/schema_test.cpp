// config/host.schema.json gives editors the same keys, ranges, words and defaults that the loader
// gives operators. And the files that come with the host load.
#include <cstdint>
#include <fstream>
#include <functional>
#include <string>

#include <nlohmann/json.hpp>

#include "base/path_text.hpp"
#include "config/load.hpp"
#include "support/catch.hpp"

using namespace portico::config;
using Json = nlohmann::json;

namespace {

std::string config_file(const std::string& name) {
    return std::string(PORTICO_SOURCE_DIRECTORY) + "/config/" + name;
}

Json schema() {
    std::ifstream stream(portico::base::path_from_utf8(config_file("host.schema.json")));
    REQUIRE(stream);
    return Json::parse(stream);
}

std::vector<std::string> mistakes_in(const Json& document) {
    return load_text(document.dump(), "host.json").mistakes;
}

Json smallest() {
    return Json::parse(R"({"listeners": [{"listen": "5000", "plugin": "echo"}]})");
}

Json with_log(const std::string& log) {
    Json document = smallest();
    document["log"] = Json::parse(log);
    return document;
}

// One object of the schema and its place in a document: `put` returns the smallest valid document
// with `object` there.
struct Place {
    std::string name;
    Json properties;
    Json object;  // what must be in it
    std::function<Json(const Json& object)> put;
};

std::vector<Place> places() {
    const Json root = schema();
    const Json& definitions = root.at("definitions");
    const auto at_top = [](const std::string& key) {
        return [key](const Json& object) {
            Json document = smallest();
            document[key] = object;
            return document;
        };
    };
    const auto in_listener = [](const std::string& key) {
        return [key](const Json& object) {
            Json document = smallest();
            document["listeners"][0][key] = object;
            return document;
        };
    };
    std::vector<Place> all;
    all.push_back(
        {"top", root.at("properties"), smallest(), [](const Json& object) { return object; }});
    for (const std::string key : {"io", "log", "shutdown"}) {
        all.push_back(
            {key, root.at("properties").at(key).at("properties"), Json::object(), at_top(key)});
    }
    all.push_back({"rotate",
                   root.at("properties").at("log").at("properties").at("rotate").at("properties"),
                   Json::object(), [at_top](const Json& object) {
                       return at_top("log")(Json{{"rotate", object}});
                   }});
    all.push_back({"admin", root.at("properties").at("admin").at("properties"),
                   Json{{"listen", "9900"}}, at_top("admin")});
    all.push_back({"listener", definitions.at("listener").at("properties"),
                   smallest()["listeners"][0], [](const Json& object) {
                       Json document = smallest();
                       document["listeners"][0] = object;
                       return document;
                   }});
    all.push_back({"limits", definitions.at("limits").at("properties"), Json::object(),
                   in_listener("limits")});
    all.push_back({"upstream", definitions.at("upstream").at("properties"),
                   Json{{"address", "6000"}}, [](const Json& object) {
                       Json document = smallest();
                       document["listeners"][0]["upstreams"]["backend"] = object;
                       return document;
                   }});
    for (const Json& branch : definitions.at("framing").at("oneOf")) {
        const Json type = branch.at("properties").at("type").at("const");
        all.push_back({"framing " + type.get<std::string>(), branch.at("properties"),
                       Json{{"type", type}}, in_listener("framing")});
    }
    return all;
}

Json with(const Place& place, const std::string& key, const Json& value) {
    Json object = place.object;
    object[key] = value;
    return place.put(object);
}

void accepts(const Place& place, const std::string& key, const Json& value) {
    INFO(place.name << "." << key << " = " << value.dump());
    CHECK(mistakes_in(with(place, key, value)).empty());
}

void refuses(const Place& place, const std::string& key, const Json& value) {
    INFO(place.name << "." << key << " = " << value.dump());
    CHECK_FALSE(mistakes_in(with(place, key, value)).empty());
}

}  // namespace

TEST_CASE("the loader and the schema agree on every range and word", "[config]") {
    std::size_t ranges = 0;
    std::size_t words = 0;
    for (const Place& place : places()) {
        for (const auto& [key, rule] : place.properties.items()) {
            if (rule.contains("minimum")) {
                ++ranges;
                const auto least = rule.at("minimum").get<std::int64_t>();
                const auto most = rule.at("maximum").get<std::int64_t>();
                accepts(place, key, key == "send_queue_low_bytes" ? Json(1'048'575) : Json(most));
                accepts(place, key, least);
                refuses(place, key, least - 1);
                refuses(place, key, most + 1);
            }
            if (rule.contains("enum")) {
                ++words;
                for (const Json& word : rule.at("enum")) {
                    accepts(place, key, word);
                }
                refuses(place, key, "no such word");
            }
            if (rule.contains("default")) {
                accepts(place, key, rule.at("default"));
            }
            for (const Json& example : rule.value("examples", Json::array())) {
                accepts(place, key, example);
            }
            if (key != "settings") {
                refuses(place, key, Json{{"no_such_key", 1}});
            }
            refuses(place, key, nullptr);
        }
    }
    CHECK(ranges == 26);
    CHECK(words == 7);
}

TEST_CASE("the loader and the schema know the same keys", "[config]") {
    for (const Place& place : places()) {
        INFO(place.name);
        const std::vector<std::string> mistakes = mistakes_in(with(place, "0123456789", 1));
        REQUIRE(mistakes.size() == 1);
        const std::size_t list = mistakes.front().find(", expected ");
        REQUIRE(list != std::string::npos);
        std::string known = mistakes.front().substr(list);
        for (const auto& [key, rule] : place.properties.items()) {
            INFO(key);
            const std::size_t at = known.find('"' + key + '"');
            REQUIRE(at != std::string::npos);
            known.erase(at, key.size() + 2);
        }
        if (place.name.substr(0, 7) != "framing") {  // the message names the other types' keys too
            CHECK(known.find('"') == std::string::npos);
        }
    }
}

TEST_CASE("a key in the wrong object is reported with the place where it belongs", "[config]") {
    const std::vector<Place> all = places();
    for (const Place& home : all) {
        for (const auto& [key, rule] : home.properties.items()) {
            if (key == "$schema") {
                continue;
            }
            const Place& elsewhere = home.name == "shutdown" ? all.front() : all[3];
            REQUIRE((elsewhere.name == "shutdown" || home.name == "shutdown"));
            const std::vector<std::string> mistakes = mistakes_in(with(elsewhere, key, 1));
            INFO(home.name << "." << key);
            REQUIRE(mistakes.size() == 1);
            CHECK(mistakes.front().find("; it belongs ") != std::string::npos);
        }
    }
}

TEST_CASE("the schema's defaults are the structs' defaults", "[config]") {
    const Json root = schema();
    const auto default_of = [&](const std::string& object, const std::string& key) {
        const Json& from = root.at("definitions").contains(object)
                               ? root.at("definitions").at(object)
                               : root.at("properties").at(object);
        return from.at("properties").at(key).at("default");
    };
    const Config config;
    CHECK(default_of("io", "backend") == config.io.backend);
    CHECK(default_of("io", "threads") == config.io.threads);
    CHECK(default_of("io", "receive_buffer_bytes") == config.io.receive_buffer_bytes);
    CHECK(default_of("io", "receive_buffers") == config.io.receive_buffers);
    CHECK(default_of("log", "level") == config.log.level);
    CHECK(default_of("log", "file") == config.log.file);
    CHECK(default_of("log", "access") == config.log.access);
    CHECK(default_of("log", "queue") == config.log.queue);
    CHECK(default_of("log", "format") == (config.log.json ? "json" : "text"));
    const Json& rotate = root.at("properties").at("log").at("properties").at("rotate");
    const Config rotated = load_text(with_log(R"({"rotate": {}})").dump(), "host.json").config;
    CHECK(rotate.at("properties").at("max_bytes").at("default") == rotated.log.rotate_max_bytes);
    CHECK(rotate.at("properties").at("keep").at("default") == rotated.log.rotate_keep);
    CHECK(config.log.rotate_max_bytes == 0);
    CHECK(default_of("shutdown", "drain_ms") == config.drain_ms);
    CHECK(root.at("properties").at("plugin_directory").at("default") == config.plugin_directory);
    const Listener listener;
    CHECK(default_of("listener", "blocking_threads") == listener.blocking_threads);
    CHECK(default_of("listener", "executor_threads") == listener.executor_threads);
    CHECK(default_of("listener", "executor_queue") == listener.executor_queue);
    CHECK(default_of("listener", "watchdog_ms") == watchdog_ms_default);
    CHECK(default_of("listener", "settings").dump() == listener.settings.json);
    CHECK(default_of("limits", "connections") == listener.limits.connections);
    CHECK(default_of("limits", "send_queue_bytes") == listener.limits.send_queue_bytes);
    CHECK(default_of("limits", "send_queue_low_bytes") == listener.limits.send_queue_low_bytes);
    CHECK(default_of("limits", "max_send_bytes") == listener.limits.max_send_bytes);
    CHECK(default_of("limits", "unconsumed_bytes") == listener.limits.unconsumed_bytes);
    CHECK(default_of("limits", "idle_timeout_ms") == listener.limits.idle_timeout_ms);
    CHECK(default_of("limits", "half_close_timeout_ms") == listener.limits.half_close_timeout_ms);
    CHECK(default_of("limits", "close_timeout_ms") == listener.limits.close_timeout_ms);
    CHECK(default_of("limits", "keepalive_idle_ms") == listener.limits.keepalive_idle_ms);
    CHECK(default_of("limits", "keepalive_interval_ms") == listener.limits.keepalive_interval_ms);
    CHECK(default_of("limits", "keepalive_probes") == listener.limits.keepalive_probes);
    CHECK(default_of("limits", "unacknowledged_timeout_ms") ==
          listener.limits.unacknowledged_timeout_ms);
    CHECK(default_of("listener", "upstreams").empty());
    CHECK(listener.upstreams.empty());
    CHECK(default_of("upstream", "connect_timeout_ms") == Upstream().connect_timeout_ms);
    const Json& framings = root.at("definitions").at("framing").at("oneOf");
    CHECK(framings.at(1).at("properties").at("delimiter").at("default") ==
          listener.framing.delimiter);
    CHECK(framings.at(1).at("properties").at("max_bytes").at("default") ==
          listener.framing.max_bytes);
    CHECK(framings.at(2).at("properties").at("bytes").at("default") ==
          listener.framing.prefix_bytes);
    CHECK(framings.at(2).at("properties").at("max_bytes").at("default") ==
          listener.framing.max_bytes);
}

TEST_CASE(
    "the default file serves echo, ack and an echo that prints nothing, unframed, on the loopback",
    "[config]") {
    const Loaded loaded = load_file(config_file("host.json"));
    REQUIRE(loaded.mistakes.empty());
    CHECK(loaded.config.plugin_directory.empty());
    REQUIRE(loaded.config.listeners.size() == 3);
    const Listener& echo = loaded.config.listeners[0];
    CHECK(echo.name == "echo");
    CHECK(echo.listen.at(0).text == "127.0.0.1:5000");
    CHECK(echo.plugin == "echo");
    CHECK(echo.settings.json == R"({"print":true})");
    CHECK(echo.framing.type == Framing::Type::none);
    const Listener& ack = loaded.config.listeners[1];
    CHECK(ack.name == "ack");
    CHECK(ack.listen.at(0).text == "127.0.0.1:5001");
    CHECK(ack.plugin == "ack");
    CHECK(ack.framing.type == Framing::Type::none);
    const Listener& quiet = loaded.config.listeners[2];
    CHECK(quiet.name == "quiet");
    CHECK(quiet.listen.at(0).text == "127.0.0.1:5002");
    CHECK(quiet.plugin == "echo");
    CHECK(quiet.settings.json == "{}");
    CHECK(quiet.framing.type == Framing::Type::none);
}

TEST_CASE("the framing example has a delimiter and a length prefix", "[config]") {
    const Loaded loaded = load_file(config_file("framing.json"));
    REQUIRE(loaded.mistakes.empty());
    REQUIRE(loaded.config.listeners.size() == 2);
    CHECK(loaded.config.listeners[0].framing.type == Framing::Type::delimiter);
    CHECK(loaded.config.listeners[1].framing.type == Framing::Type::length_prefix);
}
