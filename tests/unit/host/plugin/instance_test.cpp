// An instance of a plugin without a server: the calls that validate may make, and the use of its
// answer.
#include "plugin/instance.hpp"

#include <algorithm>
#include <functional>
#include <thread>

#include "portico/ext/metrics.h"
#include "portico/ext/settings.h"
#include "support/catch.hpp"

using namespace portico;

namespace {

// Keeps the lines.
class KeepingLog final : public base::Log {
public:
    explicit KeepingLog(base::LogLevel level) : Log(level) {}
    void write(base::LogLevel level, std::string_view listener, std::uint64_t,
               std::string_view text) noexcept override {
        lines.push_back(std::to_string(static_cast<int>(level)) + " " + std::string(listener) +
                        " " + std::string(text));
    }
    std::vector<std::string> lines;
};

// The function that runs as validate. A plugin has no other way to reach the test.
using Validate = std::function<portico_status(const portico_host& host, portico_instance* instance,
                                              char* error, std::uint64_t capacity)>;
Validate* running = nullptr;

portico_status PORTICO_CALL validate(const portico_setup* setup) {
    CHECK(setup->mode == PORTICO_SETUP_VALIDATE);
    return (*running)(*setup->host, setup->instance, setup->error, setup->error_capacity);
}
portico_status PORTICO_CALL create(const portico_setup*, void**) {
    return PORTICO_OK;
}
void PORTICO_CALL destroy(void*) {}
portico_status PORTICO_CALL on_data(void*, portico_connection, void*, const std::uint8_t*,
                                    std::uint64_t, const portico_frame*, std::uint64_t*) {
    return PORTICO_OK;
}

struct Fixture {
    Fixture() {
        table.struct_size = sizeof table;
        table.abi_major = PORTICO_ABI_MAJOR;
        table.abi_minor = PORTICO_ABI_MINOR;
        table.name = "tested";
        table.name_size = 6;
        table.validate = ::validate;
        table.create = ::create;
        table.destroy = ::destroy;
        callbacks.struct_size = sizeof callbacks;
        callbacks.on_data = ::on_data;
        table.callbacks = &callbacks;
        listener.name = "one";
        listener.plugin = "file#tested";
    }

    std::vector<std::string> validate(Validate what) {
        plugin::Instance instance({nullptr, &table, "/plugins/file.so"}, listener, log);
        running = &what;
        std::vector<std::string> mistakes = instance.validate(4);
        running = nullptr;
        return mistakes;
    }

    portico_callbacks callbacks{};
    portico_plugin table{};
    config::Listener listener;
    KeepingLog log{base::LogLevel::info};
};

void PORTICO_CALL never(void*, portico_connection, void*, void*, portico_status) {}

const portico_settings* settings_of(const portico_host& host, portico_instance* instance) {
    const void* found = host.get_extension(instance, PORTICO_EXT_SETTINGS,
                                           sizeof PORTICO_EXT_SETTINGS - 1);
    REQUIRE(found != nullptr);
    return static_cast<const portico_settings*>(found);
}

}  // namespace

TEST_CASE("a plugin without validate accepts any settings", "[plugin_instance]") {
    Fixture fixture;
    fixture.table.validate = nullptr;
    plugin::Instance instance({nullptr, &fixture.table, "x"}, fixture.listener, fixture.log);
    CHECK(instance.validate(4).empty());
}

TEST_CASE("an instance is described by name, version, file and what it declares",
          "[plugin_instance]") {
    Fixture fixture;
    const auto described = [&] {
        return plugin::Instance({nullptr, &fixture.table, "/plugins/file.so"}, fixture.listener,
                                fixture.log)
            .description();
    };
    CHECK(described() == "tested (/plugins/file.so)");
    fixture.table.version = "1.2";
    fixture.table.version_size = 3;
    CHECK(described() == "tested 1.2 (/plugins/file.so)");
    fixture.table.flags = PORTICO_PLUGIN_SERIAL;
    CHECK(described() == "tested 1.2 (/plugins/file.so, serial)");
    fixture.table.flags = PORTICO_PLUGIN_BLOCKING;
    CHECK(described() == "tested 1.2 (/plugins/file.so, blocking)");
}

TEST_CASE(
    "a refusal is reported in the plugin's words, otherwise the settings', otherwise by number",
    "[plugin_instance]") {
    Fixture fixture;
    fixture.listener.settings.json = R"({"loud": 5})";
    fixture.listener.settings.path = "listeners[0].settings";
    const auto mute = [](const portico_host&, portico_instance*, char*, std::uint64_t) {
        return PORTICO_LIMIT;
    };
    const auto speaking = [](const portico_host&, portico_instance*, char* error,
                             std::uint64_t capacity) {
        REQUIRE(capacity >= 5);
        std::copy_n("no", 2, error);
        return PORTICO_ERROR;
    };
    const auto reading = [](const portico_host& host, portico_instance* instance, char*,
                            std::uint64_t) {
        std::int32_t value = 3;
        CHECK(settings_of(host, instance)->get_boolean(instance, "loud", 4, &value) ==
              PORTICO_WRONG_TYPE);
        CHECK(value == 3);
        return PORTICO_WRONG_TYPE;
    };
    const std::string place = "listener \"one\", plugin \"file#tested\": ";
    CHECK(fixture.validate(mute) ==
          std::vector<std::string>{place + "validate failed with status -9 and no explanation"});
    CHECK(fixture.validate(speaking) == std::vector<std::string>{place + "no"});
    CHECK(fixture.validate(reading) ==
          std::vector<std::string>{"listeners[0].settings.loud: found 5, expected true or false"});
    fixture.listener.settings.file = "host.json";
    CHECK(fixture.validate(speaking) == std::vector<std::string>{"host.json: " + place + "no"});
    fixture.listener.line = 3;
    CHECK(fixture.validate(speaking) == std::vector<std::string>{"host.json:3: " + place + "no"});
}

TEST_CASE("text that fills the room for errors needs no terminator", "[plugin_instance]") {
    Fixture fixture;
    std::uint64_t room = 0;
    const std::vector<std::string> mistakes = fixture.validate(
        [&](const portico_host&, portico_instance*, char* error, std::uint64_t capacity) {
            room = capacity;
            std::fill_n(error, capacity, 'x');
            return PORTICO_ERROR;
        });
    REQUIRE(mistakes.size() == 1);
    CHECK(mistakes[0].ends_with(": " + std::string(room, 'x')));
}

TEST_CASE("the settings extension answers each kind of read through its table",
          "[plugin_instance]") {
    Fixture fixture;
    fixture.listener.settings.json =
        R"({"loud": true, "count": 5, "share": 0.5, "text": "hello", "list": [1, 2], "rest": {"a": 1}})";
    const std::vector<std::string> mistakes = fixture.validate(
        [](const portico_host& host, portico_instance* self, char*, std::uint64_t) {
            const portico_settings& settings = *settings_of(host, self);
            CHECK(settings.struct_size == sizeof settings);
            std::int32_t truth = 0;
            std::int64_t integer = 0;
            double number = 0;
            const char* text = nullptr;
            std::uint64_t size = 0;
            CHECK(settings.get_boolean(self, "loud", 4, &truth) == PORTICO_OK);
            CHECK(truth == 1);
            CHECK(settings.get_integer(self, "count", 5, 0, 10, &integer) == PORTICO_OK);
            CHECK(integer == 5);
            CHECK(settings.get_number(self, "share", 5, 0, 1, &number) == PORTICO_OK);
            CHECK(number == 0.5);
            CHECK(settings.get_string(self, "text", 4, &text, &size) == PORTICO_OK);
            CHECK(std::string(text, size) == "hello");
            CHECK(settings.get_count(self, "list", 4, &size) == PORTICO_OK);
            CHECK(size == 2);
            // the settings themselves
            CHECK(settings.get_count(self, nullptr, 0, &size) == PORTICO_OK);
            CHECK(size == 6);
            CHECK(settings.read_anything(self, "list", 4) == PORTICO_OK);
            CHECK(settings.read_anything(self, "rest", 4) == PORTICO_OK);
            CHECK(settings.read_anything(self, "gone", 4) == PORTICO_NOT_FOUND);
            std::uint32_t kind = 99;
            CHECK(settings.get_kind(self, "rest", 4, &kind) == PORTICO_OK);
            CHECK(kind == PORTICO_SETTING_OBJECT);
            CHECK(settings.get_kind(self, "rest/a", 6, &kind) == PORTICO_OK);
            CHECK(kind == PORTICO_SETTING_INTEGER);
            CHECK(settings.get_key(self, "rest", 4, 0, &text, &size) == PORTICO_OK);
            CHECK(std::string(text, size) == "a");
            CHECK(settings.get_key(self, "rest", 4, 1, &text, &size) == PORTICO_NOT_FOUND);
            CHECK(settings.get_key(self, "list", 4, 0, &text, &size) == PORTICO_WRONG_TYPE);
            return PORTICO_OK;
        });
    CHECK(mistakes.empty());
}

TEST_CASE("the settings extension refuses a bad key and a missing place for the answer",
          "[plugin_instance]") {
    Fixture fixture;
    fixture.listener.settings.json = R"({"text": "hello"})";
    static_cast<void>(fixture.validate(
        [](const portico_host& host, portico_instance* self, char*, std::uint64_t) {
            const portico_settings& settings = *settings_of(host, self);
            std::int32_t truth = 7;
            const char* text = nullptr;
            std::uint64_t size = 0;
            CHECK(settings.get_boolean(self, nullptr, 3, &truth) == PORTICO_INVALID);
            CHECK(settings.get_boolean(self, "a~2", 3, &truth) == PORTICO_INVALID);
            CHECK(settings.get_boolean(self, "text", 4, nullptr) == PORTICO_INVALID);
            CHECK(settings.get_integer(self, "text", 4, 0, 1, nullptr) == PORTICO_INVALID);
            CHECK(settings.get_number(self, "text", 4, 0, 1, nullptr) == PORTICO_INVALID);
            CHECK(settings.get_string(self, "text", 4, nullptr, &size) == PORTICO_INVALID);
            CHECK(settings.get_string(self, "text", 4, &text, nullptr) == PORTICO_INVALID);
            CHECK(settings.get_count(self, "text", 4, nullptr) == PORTICO_INVALID);
            CHECK(settings.get_kind(self, "text", 4, nullptr) == PORTICO_INVALID);
            CHECK(settings.get_key(self, "", 0, 0, nullptr, &size) == PORTICO_INVALID);
            CHECK(settings.get_key(self, "", 0, 0, &text, nullptr) == PORTICO_INVALID);
            CHECK(settings.fail(self, "text", 4, nullptr, 1) == PORTICO_INVALID);
            CHECK(settings.fail(self, "~", 1, "x", 1) == PORTICO_INVALID);
            CHECK(settings.get_string(self, "none", 4, &text, &size) == PORTICO_NOT_FOUND);
            CHECK(settings.get_count(self, "text", 4, &size) == PORTICO_WRONG_TYPE);
            CHECK(truth == 7);
            CHECK(text == nullptr);
            return PORTICO_OK;
        }));
}

TEST_CASE(
    "each kind of read answers that a setting is missing or of another type, and leaves the result "
    "alone",
    "[plugin_instance]") {
    Fixture fixture;
    fixture.listener.settings.json = R"({"loud": true, "count": 5})";
    static_cast<void>(fixture.validate(
        [](const portico_host& host, portico_instance* self, char*, std::uint64_t) {
            const portico_settings& settings = *settings_of(host, self);
            std::int32_t truth = 7;
            std::int64_t integer = 7;
            double number = 7;
            const char* text = nullptr;
            std::uint64_t size = 7;
            const auto all = [&](const std::string& key, portico_status of_boolean,
                                 portico_status of_others) {
                const char* name = key.data();
                const std::uint64_t length = key.size();
                CHECK(settings.get_boolean(self, name, length, &truth) == of_boolean);
                CHECK(settings.get_integer(self, name, length, 0, 9, &integer) == of_others);
                CHECK(settings.get_number(self, name, length, 0, 9, &number) == of_others);
                CHECK(settings.get_string(self, name, length, &text, &size) == of_others);
                CHECK(settings.get_count(self, name, length, &size) == of_others);
            };
            all("none", PORTICO_NOT_FOUND, PORTICO_NOT_FOUND);
            all("loud/deeper", PORTICO_NOT_FOUND, PORTICO_NOT_FOUND);
            CHECK(truth == 7);
            all("loud", PORTICO_OK, PORTICO_WRONG_TYPE);
            CHECK(truth == 1);
            CHECK(settings.get_integer(self, "count", 5, 6, 9, &integer) == PORTICO_WRONG_TYPE);
            CHECK(settings.get_number(self, "count", 5, 6, 9, &number) == PORTICO_WRONG_TYPE);
            CHECK(integer == 7);
            CHECK(number == 7);
            CHECK(text == nullptr);
            CHECK(size == 7);
            return PORTICO_OK;
        }));
}

TEST_CASE("mistakes that a plugin reports are mistakes, whatever validate returns",
          "[plugin_instance]") {
    Fixture fixture;
    fixture.listener.settings.json = R"({"a": 1, "b": 2, "other": 3})";
    const auto reporting = [](portico_status answer, const std::string& words) {
        return [=](const portico_host& host, portico_instance* self, char* error, std::uint64_t) {
            const portico_settings& settings = *settings_of(host, self);
            CHECK(settings.fail(self, "a", 1, "is odd", 6) == PORTICO_ERROR);
            CHECK(settings.fail(self, "b", 1, "is even", 7) == PORTICO_ERROR);
            std::copy(words.begin(), words.end(), error);
            return answer;
        };
    };
    CHECK(fixture.validate(reporting(PORTICO_ERROR, "")) ==
          std::vector<std::string>{"settings.a: is odd", "settings.b: is even"});
    CHECK(fixture.validate(reporting(PORTICO_ERROR, "words")) ==
          std::vector<std::string>{"settings.a: is odd", "settings.b: is even",
                                   "listener \"one\", plugin \"file#tested\": words"});
    CHECK(fixture.validate(reporting(PORTICO_OK, "words")) ==
          std::vector<std::string>{"settings.a: is odd", "settings.b: is even",
                                   "settings.other: unknown setting of this plugin"});
}

TEST_CASE("a plugin that only asks for the extension may have any settings", "[plugin_instance]") {
    Fixture fixture;
    fixture.listener.settings.json = R"({"a": 1})";
    CHECK(fixture
              .validate([](const portico_host& host, portico_instance* self, char*, std::uint64_t) {
                  static_cast<void>(settings_of(host, self));
                  return PORTICO_OK;
              })
              .empty());
}

TEST_CASE("metrics are defined in create only", "[plugin_instance]") {
    Fixture fixture;
    static_cast<void>(fixture.validate(
        [](const portico_host& host, portico_instance* self, char*, std::uint64_t) {
            const auto* metrics = static_cast<const portico_metrics*>(
                host.get_extension(self, PORTICO_EXT_METRICS, sizeof PORTICO_EXT_METRICS - 1));
            REQUIRE(metrics != nullptr);
            portico_metric_definition definition{};
            definition.struct_size = sizeof definition;
            definition.kind = PORTICO_METRIC_GAUGE;
            definition.name = "a";
            definition.name_size = 1;
            std::uint64_t number = 7;
            CHECK(metrics->define(self, &definition, &number) == PORTICO_UNSUPPORTED);
            CHECK(metrics->get_series(self, 1, nullptr, 0, 0, &number) == PORTICO_GONE);
            CHECK(metrics->add(self, 1, 1) == PORTICO_GONE);
            CHECK(number == 7);
            return PORTICO_OK;
        }));
}

TEST_CASE("settings are read only inside validate, by its thread", "[plugin_instance]") {
    Fixture fixture;
    fixture.listener.settings.json = R"({"loud": true})";
    const portico_settings* kept = nullptr;
    portico_instance* handle = nullptr;
    plugin::Instance instance({nullptr, &fixture.table, "x"}, fixture.listener, fixture.log);
    Validate what = [&](const portico_host& host, portico_instance* self, char*, std::uint64_t) {
        kept = settings_of(host, self);
        handle = self;
        portico_status elsewhere = PORTICO_OK;
        const void* found_elsewhere = nullptr;
        std::thread([&] {
            found_elsewhere = host.get_extension(self, PORTICO_EXT_SETTINGS,
                                                 sizeof PORTICO_EXT_SETTINGS - 1);
            std::int32_t truth = 0;
            elsewhere = kept->get_boolean(self, "loud", 4, &truth);
        }).join();
        // every thread gets the table, but may not call its functions
        CHECK(found_elsewhere == kept);
        CHECK(elsewhere == PORTICO_UNSUPPORTED);
        std::int32_t truth = 0;
        return kept->get_boolean(self, "loud", 4, &truth);
    };
    running = &what;
    CHECK(instance.validate(4).empty());
    running = nullptr;
    std::int32_t truth = 0;
    CHECK(kept->get_boolean(handle, "loud", 4, &truth) == PORTICO_GONE);
    CHECK(kept->read_anything(handle, "loud", 4) == PORTICO_GONE);
    std::int64_t integer = 0;
    double number = 0;
    const char* text = nullptr;
    std::uint64_t size = 0;
    CHECK(kept->get_integer(handle, "loud", 4, 0, 1, &integer) == PORTICO_GONE);
    CHECK(kept->get_number(handle, "loud", 4, 0, 1, &number) == PORTICO_GONE);
    CHECK(kept->get_string(handle, "loud", 4, &text, &size) == PORTICO_GONE);
    CHECK(kept->get_count(handle, "loud", 4, &size) == PORTICO_GONE);
    std::uint32_t kind = 0;
    CHECK(kept->get_kind(handle, "loud", 4, &kind) == PORTICO_GONE);
    CHECK(kept->get_key(handle, "", 0, 0, &text, &size) == PORTICO_GONE);
    CHECK(kept->fail(handle, "loud", 4, "x", 1) == PORTICO_GONE);
}

TEST_CASE("inside validate there are no connections and no threads of the host",
          "[plugin_instance]") {
    Fixture fixture;
    static_cast<void>(fixture.validate(
        [](const portico_host& host, portico_instance* self, char*, std::uint64_t) {
            CHECK(PORTICO_HAS(portico_host, &host, get_extension));
            CHECK(host.abi_major == PORTICO_ABI_MAJOR);
            CHECK(host.version_size != 0);
            portico_connection_info info{};
            info.struct_size = sizeof info;
            CHECK(host.send(self, 1, "x", 1) == PORTICO_GONE);
            CHECK(host.send(self, 1, nullptr, 1) == PORTICO_INVALID);
            CHECK(host.send(self, 1, nullptr, 0) == PORTICO_GONE);
            const portico_part part{"x", 1};
            CHECK(host.send_parts(self, 1, &part, 1, sizeof part) == PORTICO_GONE);
            CHECK(host.send_parts(self, 1, &part, 0, sizeof part) == PORTICO_INVALID);
            CHECK(host.finish_sending(self, 1) == PORTICO_GONE);
            CHECK(host.close(self, 1, PORTICO_CLOSE_ABORT) == PORTICO_GONE);
            CHECK(host.close(self, 1, 2) == PORTICO_INVALID);
            CHECK(host.pause_reading(self, 1) == PORTICO_GONE);
            CHECK(host.resume_reading(self, 1) == PORTICO_GONE);
            CHECK(host.post(self, 1, never, nullptr) == PORTICO_GONE);
            CHECK(host.post(self, 1, nullptr, nullptr) == PORTICO_INVALID);
            CHECK(host.post_instance(self, never, nullptr) == PORTICO_GONE);
            CHECK(host.post_instance(self, nullptr, nullptr) == PORTICO_INVALID);
            CHECK(host.info(self, 1, &info) == PORTICO_GONE);
            CHECK(host.info(self, 1, nullptr) == PORTICO_INVALID);
            CHECK(host.worker_index(self) == UINT32_MAX);
            const std::uint64_t before = host.now(self);
            CHECK(host.now(self) >= before);
            CHECK(host.get_extension(self, "portico.none/1", 14) == nullptr);
            CHECK(host.get_extension(self, nullptr, 0) == nullptr);
            return PORTICO_OK;
        }));
}

TEST_CASE("a plugin's log lines carry the listener's name; an unknown level counts as info",
          "[plugin_instance]") {
    Fixture fixture;
    static_cast<void>(fixture.validate(
        [](const portico_host& host, portico_instance* self, char*, std::uint64_t) {
            host.log(self, 0, PORTICO_LOG_DEBUG, "below the level", 15);
            host.log(self, 0, PORTICO_LOG_WARN, "a warning", 9);
            host.log(self, 0, PORTICO_LOG_ERROR, "an error and more", 8);
            host.log(self, 0, 99, "whatever", 8);
            host.log(self, 0, PORTICO_LOG_ERROR, nullptr, 8);
            return PORTICO_OK;
        }));
    CHECK(fixture.log.lines ==
          std::vector<std::string>{"3 one a warning", "4 one an error", "2 one whatever"});
}
