#include "plugin/metric_rules.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "config/utf8.hpp"

namespace portico::plugin {

namespace {

using Kind = MetricDefinition::Kind;

constexpr std::uint32_t part_bytes_min = 16;  // of portico_part in version 1.0

static_assert(PORTICO_METRIC_COUNTER == 1 + static_cast<std::uint32_t>(Kind::counter));
static_assert(PORTICO_METRIC_GAUGE == 1 + static_cast<std::uint32_t>(Kind::gauge));
static_assert(PORTICO_METRIC_HISTOGRAM == 1 + static_cast<std::uint32_t>(Kind::histogram));

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

bool is_of_name(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c);
}

bool is_name(std::string_view text) noexcept {
    return !text.empty() && text.size() <= metric_name_bytes_max && !is_digit(text.front()) &&
           std::all_of(text.begin(), text.end(), is_of_name);
}

// The broken rule, as the end of a sentence; null: none.
const char* broken_name_rule(const MetricDefinition& made) noexcept {
    if (!is_name(made.name)) {
        return "a name has 1 to 128 letters, digits and '_', and begins with no digit";
    }
    if (made.kind == Kind::counter && !made.name.ends_with("_total")) {
        return "a counter's name ends with \"_total\"";
    }
    if (made.help.size() > metric_help_bytes_max || made.help.find('\n') != std::string::npos ||
        config::first_invalid(made.help)) {
        return "help is one line of at most 1,024 bytes, in UTF-8";
    }
    return nullptr;
}

const char* broken_label_rule(const MetricDefinition& made) noexcept {
    for (std::size_t i = 0; i < made.labels.size(); ++i) {
        const std::string& label = made.labels[i];
        if (!is_name(label) || label.starts_with("__")) {
            return "a label's name has 1 to 128 letters, digits and '_', and begins with no digit "
                   "and not with \"__\"";
        }
        if (label == "listener" || label == "plugin" || label == "le") {
            return "the labels \"listener\", \"plugin\" and \"le\" are the host's";
        }
        if (std::find(made.labels.begin() + static_cast<std::ptrdiff_t>(i) + 1, made.labels.end(),
                      label) != made.labels.end()) {
            return "a label is there twice";
        }
    }
    return nullptr;
}

const char* broken_bound_rule(const portico_metric_definition& given) noexcept {
    if (given.kind != PORTICO_METRIC_HISTOGRAM) {
        return given.bounds != nullptr || given.bound_count != 0 ? "only a histogram has bounds"
                                                                 : nullptr;
    }
    if (given.bounds == nullptr || given.bound_count == 0 ||
        given.bound_count > metric_bounds_max) {
        return "a histogram has 1 to 64 bounds";
    }
    for (std::uint32_t i = 0; i < given.bound_count; ++i) {
        if (!std::isfinite(given.bounds[i]) || (i != 0 && given.bounds[i] <= given.bounds[i - 1])) {
            return "the bounds are finite and ascend";
        }
    }
    return nullptr;
}

// False: an address or a size in it cannot be right.
bool read_texts(const portico_metric_definition& given, MetricDefinition& made) {
    if (given.struct_size < sizeof given || (given.name == nullptr && given.name_size != 0) ||
        (given.help == nullptr && given.help_size != 0) || given.label_count > metric_labels_max) {
        return false;
    }
    // One byte more than is allowed is enough to see that it is too long.
    made.name.assign(given.name != nullptr ? given.name : "",
                     std::min<std::uint64_t>(given.name_size, metric_name_bytes_max + 1));
    made.help.assign(given.help != nullptr ? given.help : "",
                     std::min<std::uint64_t>(given.help_size, metric_help_bytes_max + 1));
    for (std::uint32_t i = 0; i < given.label_count; ++i) {
        std::string_view label;
        if (!read_part(given.labels, given.label_stride, i, label)) {
            return false;
        }
        made.labels.emplace_back(label.substr(0, metric_name_bytes_max + 1));
    }
    return true;
}

}  // namespace

std::string exported_name(std::string_view plugin, std::string_view metric) {
    std::string name = "portico_plugin_" + std::string(plugin) + "_" + std::string(metric);
    std::replace_if(
        name.begin(), name.end(), [](char c) { return !is_of_name(c); }, '_');
    return name;
}

bool read_part(const portico_part* parts, std::uint32_t stride, std::uint32_t index,
               std::string_view& text) noexcept {
    if (parts == nullptr || stride < part_bytes_min || stride % 8 != 0) {
        return false;
    }
    portico_part part{};
    std::memcpy(&part, reinterpret_cast<const char*>(parts) + std::size_t{stride} * index,
                sizeof part);
    if (part.data == nullptr && part.size != 0) {
        return false;
    }
    text = part.size != 0 ? std::string_view(static_cast<const char*>(part.data), part.size)
                          : std::string_view();
    return true;
}

bool is_label_value(std::string_view value) noexcept {
    return value.size() <= label_value_bytes_max && !config::first_invalid(value);
}

base::Result<MetricDefinition> read_definition(const portico_metric_definition& given) {
    MetricDefinition made;
    if (!read_texts(given, made)) {
        return base::Failure{
            "a definition of a metric is not filled in: struct_size, name, help and the labels "
            "(at most 8)"};
    }
    const auto broken = [&](const char* rule) {
        return base::Failure{"metric " + config::in_quotes(made.name) + ": " + rule};
    };
    if (given.kind < PORTICO_METRIC_COUNTER || given.kind > PORTICO_METRIC_HISTOGRAM) {
        return broken("the kind is none");
    }
    made.kind = static_cast<Kind>(given.kind - 1);
    const char* rule = broken_name_rule(made);
    rule = rule != nullptr ? rule : broken_label_rule(made);
    rule = rule != nullptr ? rule : broken_bound_rule(given);
    if (rule != nullptr) {
        return broken(rule);
    }
    if (made.kind == Kind::histogram) {
        made.bounds.assign(given.bounds, given.bounds + given.bound_count);
    }
    return made;
}

}  // namespace portico::plugin
