// The settings extension from a plugin's side: a real Instance's validate reads any keys of any
// settings as any type. Each answer equals that of a second look-up, results are written only on
// PORTICO_OK, and what was not read is reported.
#include <climits>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.hpp"
#include "base/log.hpp"
#include "config/json_source.hpp"
#include "fuzz/input.hpp"
#include "plugin/instance.hpp"
#include "portico/ext/settings.h"

using namespace portico;
using config::Node;

namespace {

class NoLog final : public base::Log {
public:
    NoLog() : base::Log(base::LogLevel::off) {}
    void write(base::LogLevel, std::string_view, std::uint64_t,
               std::string_view) noexcept override {}
};

// What the key leads to; `is_path` is false if the key cannot be a path.
const Node* look_up(const Node& root, std::string_view key, bool& is_path) {
    is_path = true;
    const Node* node = &root;
    if (key.empty()) {
        return node;
    }
    for (std::size_t at = 0; at < key.size(); ++at) {
        const char next = at + 1 < key.size() ? key[at + 1] : '\0';
        is_path = is_path && (key[at] != '~' || next == '0' || next == '1');
    }
    if (!is_path) {
        return nullptr;
    }
    std::size_t begin = 0;
    for (bool last = false; !last;) {
        const std::size_t slash = key.find('/', begin);
        last = slash == std::string_view::npos;
        std::string step;
        for (std::size_t at = begin; at < (last ? key.size() : slash); ++at) {
            step += key[at] != '~' ? key[at] : key[++at] == '0' ? '~' : '/';
        }
        begin = slash + 1;
        const Node* found = nullptr;
        if (node->kind == Node::Kind::object) {
            found = node->find(step);
        } else if (node->kind == Node::Kind::array) {
            for (std::size_t i = 0; i < node->children.size(); ++i) {
                found = step == std::to_string(i) ? &node->children[i] : found;
            }
        }
        if (found == nullptr) {
            return nullptr;
        }
        node = found;
    }
    return node;
}

std::optional<double> as_number(const Node& node) {
    if (node.kind == Node::Kind::real) {
        return node.real;
    }
    if (node.kind == Node::Kind::integer) {
        const auto magnitude = static_cast<double>(node.magnitude);
        return node.negative ? -magnitude : magnitude;
    }
    return std::nullopt;
}

std::optional<std::int64_t> as_integer(const Node& node) {
    const std::uint64_t most = static_cast<std::uint64_t>(INT64_MAX) + (node.negative ? 1 : 0);
    if (node.kind != Node::Kind::integer || node.magnitude > most) {
        return std::nullopt;
    }
    return node.negative ? static_cast<std::int64_t>(0 - node.magnitude)
                         : static_cast<std::int64_t>(node.magnitude);
}

std::uint32_t kind_of(const Node& node) {
    switch (node.kind) {
        case Node::Kind::null: return PORTICO_SETTING_NULL;
        case Node::Kind::boolean: return PORTICO_SETTING_BOOLEAN;
        case Node::Kind::integer:
            return as_integer(node) ? PORTICO_SETTING_INTEGER : PORTICO_SETTING_NUMBER;
        case Node::Kind::real: return PORTICO_SETTING_NUMBER;
        case Node::Kind::string: return PORTICO_SETTING_STRING;
        case Node::Kind::array: return PORTICO_SETTING_ARRAY;
        case Node::Kind::object: return PORTICO_SETTING_OBJECT;
    }
    return UINT32_MAX;
}

struct Run {
    fuzz::Input input;
    Node root;
    bool failed_read = false;
    std::size_t failures = 0;  // reported by fail
    portico_status answer = PORTICO_OK;
    bool has_text = false;  // in the room for an error
    bool asked = false;
};
Run* current = nullptr;

constexpr std::string_view keys[] = {"",     "a",    "b",   "a/0",  "a/b", "limits/0/size",
                                     "x~1y", "x~0y", "a/-", "a/01", "0",   "/",
                                     "a/",   "~",    "~2"};

// The functions that ask what there is, and the one that refuses it.
void read_shape(const portico_settings& settings, portico_instance* instance, Run& run,
                const std::string& key) {
    bool is_path = true;
    const Node* node = look_up(run.root, key, is_path);
    switch (run.input.byte() % 3) {
        case 0: {
            std::uint32_t kind = 77;
            const portico_status status = settings.get_kind(instance, key.data(), key.size(),
                                                            &kind);
            PORTICO_ASSERT(status == (!is_path          ? PORTICO_INVALID
                                      : node == nullptr ? PORTICO_NOT_FOUND
                                                        : PORTICO_OK));
            PORTICO_ASSERT(kind == (status == PORTICO_OK ? kind_of(*node) : 77));
            return;
        }
        case 1: {
            const char* name = nullptr;
            std::uint64_t size = 77;
            const std::uint64_t index = run.input.flag() ? run.input.byte() % 4 : UINT64_MAX;
            const portico_status status = settings.get_key(instance, key.data(), key.size(), index,
                                                           &name, &size);
            const bool is_object = node != nullptr && node->kind == Node::Kind::object;
            const bool is_there = is_object && index < node->children.size();
            PORTICO_ASSERT(status == (!is_path                       ? PORTICO_INVALID
                                      : is_there                     ? PORTICO_OK
                                      : node == nullptr || is_object ? PORTICO_NOT_FOUND
                                                                     : PORTICO_WRONG_TYPE));
            PORTICO_ASSERT(is_there && is_path
                               ? std::string_view(name, size) == node->children[index].key
                               : name == nullptr && size == 77);
            run.failed_read = run.failed_read || status == PORTICO_WRONG_TYPE;
            return;
        }
        default: {
            const std::string text = run.input.text(run.input.byte() % 32);
            const portico_status status = settings.fail(instance, key.data(), key.size(),
                                                        text.data(), text.size());
            PORTICO_ASSERT(status == (is_path ? PORTICO_ERROR : PORTICO_INVALID));
            run.failures += is_path ? 1 : 0;
            return;
        }
    }
}

void read_one(const portico_settings& settings, portico_instance* instance, Run& run) {
    fuzz::Input& input = run.input;
    const std::uint8_t choice = input.byte();
    const std::string key = choice < std::size(keys) ? std::string(keys[choice])
                                                     : input.text(choice % 24);
    bool is_path = true;
    const Node* node = look_up(run.root, key, is_path);
    const auto check = [&](portico_status status, bool fits) {
        const portico_status expected = !is_path          ? PORTICO_INVALID
                                        : node == nullptr ? PORTICO_NOT_FOUND
                                        : fits            ? PORTICO_OK
                                                          : PORTICO_WRONG_TYPE;
        PORTICO_ASSERT(status == expected);
        run.failed_read = run.failed_read || status == PORTICO_WRONG_TYPE;
    };
    const char* bytes = key.data();
    switch (input.byte() % 10) {
        case 0: {
            std::int32_t value = 77;
            const portico_status status = settings.get_boolean(instance, bytes, key.size(), &value);
            check(status, node != nullptr && node->kind == Node::Kind::boolean);
            PORTICO_ASSERT(value == (status == PORTICO_OK ? (node->boolean ? 1 : 0) : 77));
            return;
        }
        case 1: {
            std::int64_t value = 77;
            const auto least = static_cast<std::int64_t>(input.number<std::int8_t>());
            const std::int64_t most = input.flag() ? INT64_MAX : input.number<std::int8_t>();
            const std::int64_t minimum = input.flag() ? INT64_MIN : least;
            const portico_status status = settings.get_integer(instance, bytes, key.size(), minimum,
                                                               most, &value);
            const std::optional<std::int64_t> known = node != nullptr ? as_integer(*node)
                                                                      : std::nullopt;
            check(status, known && *known >= minimum && *known <= most);
            PORTICO_ASSERT(value == (status == PORTICO_OK ? *known : 77));
            return;
        }
        case 2: {
            double value = 77;
            const double least = input.flag() ? -HUGE_VAL : input.number<std::int8_t>();
            const double most = input.flag() ? HUGE_VAL : input.number<std::int8_t>();
            const portico_status status = settings.get_number(instance, bytes, key.size(), least,
                                                              most, &value);
            const std::optional<double> known = node != nullptr ? as_number(*node) : std::nullopt;
            check(status, known && *known >= least && *known <= most);
            PORTICO_ASSERT(value == (status == PORTICO_OK ? *known : 77));
            return;
        }
        case 3: {
            const char* text = nullptr;
            std::uint64_t size = 77;
            const portico_status status = settings.get_string(instance, bytes, key.size(), &text,
                                                              &size);
            check(status, node != nullptr && node->kind == Node::Kind::string);
            PORTICO_ASSERT(status == PORTICO_OK ? std::string_view(text, size) == node->text
                                                : text == nullptr && size == 77);
            return;
        }
        case 4: {
            std::uint64_t count = 77;
            const portico_status status = settings.get_count(instance, bytes, key.size(), &count);
            check(status, node != nullptr && (node->kind == Node::Kind::array ||
                                              node->kind == Node::Kind::object));
            PORTICO_ASSERT(count == (status == PORTICO_OK ? node->children.size() : 77));
            return;
        }
        case 5: check(settings.read_anything(instance, bytes, key.size()), true); return;
        case 6:
            PORTICO_ASSERT(settings.get_boolean(instance, bytes, key.size(), nullptr) ==
                           PORTICO_INVALID);
            PORTICO_ASSERT(settings.get_string(instance, bytes, key.size(), nullptr, nullptr) ==
                           PORTICO_INVALID);
            PORTICO_ASSERT(settings.get_count(instance, nullptr, 1, nullptr) == PORTICO_INVALID);
            return;
        default: read_shape(settings, instance, run, key); return;
    }
}

portico_status PORTICO_CALL validate(const portico_setup* setup) {
    const portico_host* host = setup->host;
    portico_instance* instance = setup->instance;
    char* error = setup->error;
    const std::uint64_t error_capacity = setup->error_capacity;
    Run& run = *current;
    PORTICO_ASSERT(error_capacity >= 256 && error[0] == '\0' && error[error_capacity - 1] == '\0');
    config::Parsed parsed = config::parse_json({setup->settings, setup->settings_size});
    PORTICO_ASSERT(parsed.error.text.empty());
    run.root = std::move(parsed.root);
    run.asked = (run.input.byte() & 7) != 0;
    if (run.asked) {
        const void* table = host->get_extension(instance, PORTICO_EXT_SETTINGS,
                                                sizeof PORTICO_EXT_SETTINGS - 1);
        PORTICO_ASSERT(table != nullptr);
        std::uint32_t reads = run.input.byte() % 32;
        run.asked = reads != 0;
        for (; reads > 0; --reads) {
            read_one(*static_cast<const portico_settings*>(table), instance, run);
        }
    }
    run.answer = run.input.flag() ? PORTICO_OK : -static_cast<portico_status>(run.input.byte());
    if (run.input.flag()) {
        // to the last byte, not terminated
        const auto letter = static_cast<char>(run.input.byte());
        std::fill_n(error, error_capacity, letter);
        run.has_text = letter != '\0';
    }
    return run.answer;
}

portico_status PORTICO_CALL create(const portico_setup*, void**) {
    return PORTICO_ERROR;
}
void PORTICO_CALL destroy(void*) {}
portico_status PORTICO_CALL on_data(void*, portico_connection, void*, const std::uint8_t*,
                                    std::uint64_t, const portico_frame*, std::uint64_t*) {
    return PORTICO_OK;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // The settings' text ends at the first line "--".
    const std::string_view all(reinterpret_cast<const char*>(data), size);
    const std::size_t end = std::min(all.find("\n--\n"), size);
    const std::size_t actions = std::min(end + 4, size);
    config::Parsed parsed = config::parse_json(all.substr(0, end));
    if (!parsed.error.text.empty() || parsed.root.kind != Node::Kind::object) {
        return 0;
    }
    config::Listener listener;
    listener.name = "fuzzed";
    listener.plugin = "settings";
    listener.settings.json = config::to_json_text(parsed.root);
    listener.settings.file = "host.json";
    listener.settings.path = "listeners[0].settings";
    listener.settings.lines = config::Lines(1);

    portico_plugin table{};
    table.struct_size = sizeof table;
    table.name = "settings";
    table.name_size = 8;
    table.validate = validate;
    table.create = create;
    table.destroy = destroy;
    portico_callbacks callbacks{};
    callbacks.struct_size = sizeof callbacks;
    callbacks.on_data = on_data;
    table.callbacks = &callbacks;
    NoLog log;
    plugin::Instance instance({nullptr, &table, "settings.so"}, listener, log);
    Run run{fuzz::Input(data + actions, size - actions), {}};
    current = &run;
    const std::vector<std::string> mistakes = instance.validate(1);
    if (run.answer < 0) {
        PORTICO_ASSERT(mistakes.size() ==
                       std::max<std::size_t>(run.failures + (run.has_text ? 1 : 0), 1));
    }
    PORTICO_ASSERT(mistakes.size() >= run.failures);
    if (run.answer >= 0 && !run.asked) {
        PORTICO_ASSERT(mistakes.empty());
    }
    for (const std::string& mistake : mistakes) {
        PORTICO_ASSERT(!mistake.empty());
        PORTICO_ASSERT(run.answer < 0 || mistake.starts_with("host.json"));
    }
    return 0;
}
