#include "report/comparison.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <random>
#include <stdexcept>
#include <utility>

#include "base/assert.hpp"
#include "messages/text.hpp"
#include "report/columns.hpp"

namespace portico::client {

namespace {

constexpr std::size_t samples = 2'000;
constexpr std::size_t slots_least = 8;

double median(std::vector<double>& values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    if (values.size() % 2 != 0) {
        return *middle;
    }
    return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

double median_of(std::span<const double> values) {
    std::vector<double> copy(values.begin(), values.end());
    return median(copy);
}

void draw(std::mt19937_64& random, std::span<const double> from, std::vector<double>& into) {
    into.clear();
    for (std::size_t i = 0; i < from.size(); ++i) {
        into.push_back(from[static_cast<std::size_t>(random() % from.size())]);
    }
}

Ratio with_interval(double middle, std::vector<double>& sampled) {
    std::sort(sampled.begin(), sampled.end());
    return {middle, sampled[samples * 25 / 1'000], sampled[samples * 975 / 1'000 - 1]};
}

std::string left(std::string text, std::size_t width) {
    text.resize(std::max(text.size() + 1, width), ' ');
    return text;
}

struct Slots {
    std::vector<double> per_second, p50_us, p99_us, max_us;
};

Slots slots_of(const SavedRun& run, const char* which) {
    const auto us = [](double ns) { return std::max(ns, 1.0) / 1e3; };
    Slots all;
    for (std::size_t i = 0; i + 1 < run.slots.size(); ++i) {
        const auto& [received, bytes, failed, p50_ns, p99_ns, max_ns] = run.slots[i];
        if (received > 0) {
            all.per_second.push_back(received / run.slot_seconds);
            all.p50_us.push_back(us(p50_ns));
            all.p99_us.push_back(us(p99_ns));
            all.max_us.push_back(us(max_ns));
        }
    }
    if (all.per_second.size() < slots_least) {
        throw std::runtime_error(
            std::string(which) + ": the run was too short: it has " +
            std::to_string(all.per_second.size()) +
            " whole slots of a quarter of a second with replies, but at least " +
            std::to_string(slots_least) + " are needed");
    }
    return all;
}

}  // namespace

Ratio paired_ratio(std::span<const double> a, std::span<const double> b) {
    PORTICO_ASSERT(!a.empty() && a.size() == b.size());
    std::vector<double> ratios;
    for (std::size_t i = 0; i < a.size(); ++i) {
        ratios.push_back(b[i] / a[i]);
    }
    std::mt19937_64 random(1);
    std::vector<double> drawn;
    std::vector<double> sampled;
    for (std::size_t i = 0; i < samples; ++i) {
        draw(random, ratios, drawn);
        sampled.push_back(median(drawn));
    }
    return with_interval(median_of(ratios), sampled);
}

Ratio unpaired_ratio(std::span<const double> a, std::span<const double> b) {
    PORTICO_ASSERT(!a.empty() && !b.empty());
    std::mt19937_64 random(1);
    std::vector<double> of_a;
    std::vector<double> of_b;
    std::vector<double> sampled;
    for (std::size_t i = 0; i < samples; ++i) {
        draw(random, a, of_a);
        draw(random, b, of_b);
        sampled.push_back(median(of_b) / median(of_a));
    }
    return with_interval(median_of(b) / median_of(a), sampled);
}

Compared compared_pairs(std::string name, bool more_is_better, std::span<const double> a,
                        std::span<const double> b) {
    return {std::move(name), more_is_better, median_of(a), median_of(b), paired_ratio(a, b)};
}

std::vector<Compared> compare_runs(const SavedRun& a, const SavedRun& b) {
    const Slots of_a = slots_of(a, "A");
    const Slots of_b = slots_of(b, "B");
    const auto compared = [](const char* name, bool more_is_better, const std::vector<double>& one,
                             const std::vector<double>& other) {
        return Compared{name, more_is_better, median_of(one), median_of(other),
                        unpaired_ratio(one, other)};
    };
    return {compared("messages_per_second", true, of_a.per_second, of_b.per_second),
            compared("latency_p50_us", false, of_a.p50_us, of_b.p50_us),
            compared("latency_p99_us", false, of_a.p99_us, of_b.p99_us),
            compared("latency_max_us", false, of_a.max_us, of_b.max_us)};
}

namespace {

// The options of a run by their names, each with its values, except those that do not affect what
// is measured.
std::map<std::string, std::string> settings_of(const std::vector<std::string>& arguments) {
    constexpr std::array without_value{"--quiet", "--interactive", "--reconnect"};
    constexpr std::array of_no_account{"--quiet",    "--json",    "--report",
                                       "--progress", "--summary", "--fail-if"};
    const auto is_one_of = [](const auto& names, const std::string& name) {
        return std::find(names.begin(), names.end(), name) != names.end();
    };
    std::map<std::string, std::string> settings;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string& word = arguments[i];
        if (!word.starts_with("--")) {
            continue;  // the server
        }
        const std::size_t equals = word.find('=');
        const std::string name = word.substr(0, equals);
        std::string value;
        if (equals != word.npos) {
            value = word.substr(equals + 1);
        } else if (!is_one_of(without_value, name) && i + 1 < arguments.size()) {
            value = arguments[++i];
        }
        if (!is_one_of(of_no_account, name)) {
            settings[name] = value;
        }
    }
    return settings;
}

std::string given(const std::map<std::string, std::string>& settings, const std::string& name) {
    const auto found = settings.find(name);
    return found == settings.end() ? "not given"
           : found->second.empty() ? "given"
                                   : printable(bytes_of(found->second));
}

std::string machine_of(const SavedRun& run) {
    return run.system + " with " + std::to_string(run.processors) +
           (run.processors == 1 ? " processor" : " processors");
}

}  // namespace

std::vector<std::string> comparison_warnings(const SavedRun& a, const SavedRun& b) {
    std::vector<std::string> warnings;
    for (const auto& [run, letter] : {std::pair{&a, "A"}, std::pair{&b, "B"}}) {
        if (run->interrupted) {
            warnings.push_back(std::string(letter) + " was interrupted");
        } else if (run->exit_code == 1 || run->exit_code == 3) {
            warnings.push_back(std::string(letter) + " went wrong: it ended with " +
                               std::to_string(run->exit_code));
        }
    }
    if (!a.arguments.empty() && !b.arguments.empty()) {
        const auto of_a = settings_of(a.arguments);
        const auto of_b = settings_of(b.arguments);
        std::map<std::string, std::string> both = of_a;
        both.insert(of_b.begin(), of_b.end());
        for (const auto& [name, value] : both) {
            if (given(of_a, name) != given(of_b, name)) {
                warnings.push_back("the settings differ: " + printable(bytes_of(name)) + " is " +
                                   given(of_a, name) + " in A and " + given(of_b, name) + " in B");
            }
        }
    }
    const bool has_machines = !a.system.empty() && !b.system.empty();
    if (has_machines && (a.system != b.system || a.processors != b.processors)) {
        warnings.push_back("the machines differ: A ran on " + printable(bytes_of(machine_of(a))) +
                           ", B on " + printable(bytes_of(machine_of(b))));
    }
    if (!a.client.empty() && !b.client.empty() && a.client != b.client) {
        warnings.push_back("the clients differ: A was measured by " +
                           printable(bytes_of(a.client)) + ", B by " +
                           printable(bytes_of(b.client)));
    }
    return warnings;
}

std::string comparison_text(std::string_view a, std::string_view b, std::span<const Compared> all,
                            std::string_view spoilt) {
    std::string out = "A: " + std::string(a) + "\nB: " + std::string(b) + "\n\n" + left("", 22) +
                      right("A", 14) + right("B", 14) + right("B / A", 9) + "   95 %\n";
    std::string words;
    for (const Compared& each : all) {
        const Ratio& ratio = each.ratio;
        out += left(each.name, 22) + right(fixed(each.a, 1), 14) + right(fixed(each.b, 1), 14) +
               right(fixed(ratio.middle, 3), 9) + "   " + fixed(ratio.low, 3) + " to " +
               fixed(ratio.high, 3) + '\n';
        if (ratio.shows_difference()) {
            const bool is_more = ratio.middle > 1;
            words += "B is " + std::string(each.is_b_better() ? "better" : "worse") + ": " +
                     each.name + " is " + fixed(std::abs(ratio.middle - 1) * 100, 1) + " % " +
                     (is_more ? "higher" : "lower") + " (" + fixed(ratio.low, 3) + " to " +
                     fixed(ratio.high, 3) + ")\n";
        }
    }
    if (!spoilt.empty()) {
        words = std::string(spoilt) + '\n';
    }
    return out + '\n' + (words.empty() ? "No difference is shown.\n" : words);
}

}  // namespace portico::client
