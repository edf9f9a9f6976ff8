#include "report/saved_run.hpp"

#include <nlohmann/json.hpp>
#include <stdexcept>

namespace portico::client {

namespace {

// Keeps the order of the figures, which is that of the summary.
using Json = nlohmann::ordered_json;

// The client's own slots have at least a quarter of a second.
constexpr double slot_seconds_least = 1e-3;

constexpr const char* no_file = "this is not a file of --json";

std::runtime_error wrong_member(const std::string& name) {
    return std::runtime_error(std::string(no_file) + ": \"" + name + "\" is not what it should be");
}

// Rejects negative numbers and those above 64 bits: a run has none.
double number_of(const Json& json, const std::string& name) {
    const double value = json.is_number() ? json.get<double>() : -1;
    if (!(value >= 0 && value <= 0x1p64)) {
        throw wrong_member(name);
    }
    return value;
}

std::uint64_t count_of(const Json& json, const std::string& name) {
    if (!json.is_number_unsigned()) {
        throw wrong_member(name);
    }
    return json.get<std::uint64_t>();
}

std::string text_of(const Json& json, const std::string& name) {
    if (!json.is_string()) {
        throw wrong_member(name);
    }
    return json.get<std::string>();
}

bool flag_of(const Json& json, const std::string& name) {
    if (!json.is_boolean()) {
        throw wrong_member(name);
    }
    return json.get<bool>();
}

// `of`(member, name), or `otherwise` if there is no such member.
template <class T>
T optional_member(const Json& object, const char* name, T (*of)(const Json&, const std::string&),
                  T otherwise) {
    const auto member = object.find(name);
    return member == object.end() ? std::move(otherwise) : of(*member, name);
}

const Json& of_type(const Json& json, Json::value_t type, const std::string& name) {
    if (json.type() != type) {
        throw wrong_member(name);
    }
    return json;
}

const Json& needed(const Json& object, const char* name) {
    const auto member = object.find(name);
    if (member == object.end()) {
        throw std::runtime_error(std::string(no_file) + ": it has no \"" + name + '"');
    }
    return *member;
}

void read_series(const Json& series, SavedRun& run) {
    of_type(series, Json::value_t::object, "series");
    run.slot_seconds = number_of(needed(series, "slot_seconds"), "slot_seconds");
    if (run.slot_seconds < slot_seconds_least) {
        throw wrong_member("slot_seconds");
    }
    for (const Json& slot : of_type(needed(series, "slots"), Json::value_t::array, "slots")) {
        SavedRun::Slot its;
        // Later versions may add columns.
        if (!slot.is_array() || slot.size() < its.size()) {
            throw wrong_member("slots");
        }
        for (std::size_t i = 0; i < its.size(); ++i) {
            its[i] = static_cast<double>(count_of(slot[i], "slots"));
        }
        run.slots.push_back(its);
    }
}

SavedHistogram histogram_of(const Json& json, const std::string& name) {
    of_type(json, Json::value_t::object, name);
    SavedHistogram histogram{
        count_of(needed(json, "count"), name), count_of(needed(json, "max"), name), {}};
    std::uint64_t counted = 0;
    for (const Json& bucket : of_type(needed(json, "buckets"), Json::value_t::array, name)) {
        if (!bucket.is_array() || bucket.size() != 2) {
            throw wrong_member(name);
        }
        const std::array<std::uint64_t, 2> its{count_of(bucket[0], name),
                                               count_of(bucket[1], name)};
        if (its[1] == 0 || its[1] > histogram.count - counted ||
            (!histogram.buckets.empty() && its[0] < histogram.buckets.back()[0])) {
            throw wrong_member(name);
        }
        counted += its[1];
        histogram.buckets.push_back(its);
    }
    if (counted != histogram.count) {
        throw wrong_member(name);
    }
    return histogram;
}

std::vector<SavedFigure> figures_of(const Json& json, const std::string& name) {
    std::vector<SavedFigure> figures;
    for (const auto& [figure, its] : of_type(json, Json::value_t::object, name).items()) {
        of_type(its, Json::value_t::object, figure);
        figures.push_back({figure, number_of(needed(its, "value"), figure),
                           optional_member<std::string>(its, "unit", text_of, {})});
    }
    return figures;
}

std::vector<std::string> words_of(const Json& json, const std::string& name) {
    std::vector<std::string> words;
    for (const Json& word : of_type(json, Json::value_t::array, name)) {
        words.push_back(text_of(word, name));
    }
    return words;
}

std::vector<std::pair<std::string, std::uint64_t>> failures_of(const Json& json,
                                                               const std::string& name) {
    std::vector<std::pair<std::string, std::uint64_t>> failures;
    for (const Json& each : of_type(json, Json::value_t::array, name)) {
        of_type(each, Json::value_t::object, name);
        failures.emplace_back(text_of(needed(each, "reason"), "reason"),
                              count_of(needed(each, "connections"), "connections"));
    }
    return failures;
}

int exit_code_of(const Json& json, const std::string& name) {
    const std::uint64_t code = count_of(json, name);
    if (code > 255) {
        throw wrong_member(name);
    }
    return static_cast<int>(code);
}

}  // namespace

SavedRun parse_saved_run(std::string_view text) {
    const Json json = Json::parse(text, nullptr, false);
    const auto schema = json.is_object() ? json.find("schema") : json.end();
    if (!json.is_object() || schema == json.end() || *schema != "portico-client-run") {
        throw std::runtime_error(no_file);
    }
    if (needed(json, "version") != 1) {
        throw std::runtime_error("it was written by another version of the client");
    }
    SavedRun run;
    read_series(needed(json, "series"), run);
    run.client = optional_member<std::string>(json, "client", text_of, {});
    run.began = optional_member<std::string>(json, "began", text_of, {});
    run.arguments = optional_member<std::vector<std::string>>(json, "arguments", words_of, {});
    if (const auto machine = json.find("machine"); machine != json.end()) {
        of_type(*machine, Json::value_t::object, "machine");
        run.system = optional_member<std::string>(*machine, "system", text_of, {});
        run.processors = optional_member<std::uint64_t>(*machine, "processors", count_of, 0);
    }
    run.exit_code = optional_member<int>(json, "exit_code", exit_code_of, 0);
    run.interrupted = optional_member<bool>(json, "interrupted", flag_of, false);
    run.lagged = optional_member<bool>(json, "lagged", flag_of, false);
    run.figures = optional_member<std::vector<SavedFigure>>(json, "figures", figures_of, {});
    run.failures = optional_member<std::vector<std::pair<std::string, std::uint64_t>>>(
        json, "failures", failures_of, {});
    run.latency = optional_member<SavedHistogram>(json, "latency", histogram_of, {});
    run.service = optional_member<SavedHistogram>(json, "service", histogram_of, {});
    return run;
}

}  // namespace portico::client
