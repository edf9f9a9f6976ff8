#include "verify/report.hpp"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace portico::verify {

namespace {

using Json = nlohmann::json;

// Names and texts come from plugins, so they need not be UTF-8.
constexpr auto replace = Json::error_handler_t::replace;

Json to_json(const CheckResult& check) {
    Json json;
    json["name"] = check.name;
    json["what"] = check.what;
    json["result"] = check.has_failed() ? "failed" : !check.skipped.empty() ? "skipped" : "passed";
    if (!check.skipped.empty()) {
        json["skipped"] = check.skipped;
    }
    json["runs"] = check.runs;
    json["seconds"] = check.seconds;
    json["notes"] = check.notes;
    json["findings"] = Json::array();
    for (const Finding& finding : check.findings) {
        json["findings"].push_back({{"name", finding.name}, {"text", finding.text}});
    }
    if (check.seed) {
        json["seed"] = *check.seed;
        json["shrunk"] = check.shrunk;
    }
    json["answers"] = check.answers;
    return json;
}

CheckResult check_from(const Json& json) {
    CheckResult check;
    check.name = json.at("name").get<std::string>();
    check.what = json.at("what").get<std::string>();
    check.skipped = json.value("skipped", "");
    check.runs = json.at("runs").get<std::uint32_t>();
    check.seconds = json.at("seconds").get<double>();
    check.notes = json.at("notes").get<std::vector<std::string>>();
    for (const Json& finding : json.at("findings")) {
        check.findings.push_back(
            {finding.at("name").get<std::string>(), finding.at("text").get<std::string>()});
    }
    check.answers = json.at("answers").get<std::map<std::string, std::vector<std::string>>>();
    if (json.contains("seed")) {
        check.seed = json["seed"].get<std::uint64_t>();
        check.shrunk = json.value("shrunk", std::vector<std::string>());
    }
    return check;
}

std::string padded(std::string text, std::size_t width) {
    text.resize(std::max(text.size(), width), ' ');
    return text;
}

// A text of several sentences below a line of the table.
std::string indented(const std::string& text) {
    constexpr std::size_t columns = 92;
    std::string out;
    std::size_t begin = 0;
    while (begin < text.size()) {
        std::size_t end = std::min(begin + columns, text.size());
        if (end < text.size()) {
            if (const std::size_t space = text.rfind(' ', end);
                space != std::string::npos && space > begin) {
                end = space;
            }
        }
        out += "      " + text.substr(begin, end - begin) + "\n";
        begin = end < text.size() && text[end] == ' ' ? end + 1 : end;
    }
    return out;
}

}  // namespace

bool Report::has_failed() const noexcept {
    return std::any_of(checks.begin(), checks.end(),
                       [](const CheckResult& check) { return check.has_failed(); });
}

std::string table_of(const Report& report) {
    std::string out = report.plugin.name +
                      (report.plugin.version.empty() ? "" : " " + report.plugin.version) + " (" +
                      report.plugin.file + "), framing " + report.plugin.framing + "\n";
    std::size_t width = 0;
    for (const CheckResult& check : report.checks) {
        width = std::max(width, check.name.size());
    }
    std::size_t failed = 0;
    std::size_t skipped = 0;
    for (const CheckResult& check : report.checks) {
        const char* result = check.has_failed()       ? "FAILED"
                             : !check.skipped.empty() ? "skipped"
                                                      : "passed";
        failed += check.has_failed() ? 1 : 0;
        skipped += !check.has_failed() && !check.skipped.empty() ? 1 : 0;
        out += "  " + padded(check.name, width) + "  " + padded(result, 7) + "  " + check.what +
               " (" + std::to_string(check.runs) + (check.runs == 1 ? " run" : " runs") + ")\n";
        for (const Finding& finding : check.findings) {
            out += indented(finding.name + ": " + finding.text);
        }
        if (!check.skipped.empty()) {
            out += indented(check.skipped);
        }
        for (const std::string& note : check.notes) {
            out += indented(note);
        }
        if (check.seed) {
            out += indented("again with: --seed " + std::to_string(*check.seed) + " --seeds 1" +
                            (check.shrunk.empty() ? "" : "; what is left of it:"));
        }
        for (const std::string& action : check.shrunk) {
            out += "        " + action + "\n";
        }
    }
    const std::size_t passed = report.checks.size() - failed - skipped;
    return out + std::to_string(report.checks.size()) + " checks: " + std::to_string(passed) +
           " passed, " + std::to_string(failed) + " failed, " + std::to_string(skipped) +
           " skipped\n";
}

std::string json_of(const Report& report) {
    Json json;
    json["schema"] = "portico-verify";
    json["version"] = 1;
    json["plugin"] = {{"name", report.plugin.name},
                      {"version", report.plugin.version},
                      {"file", report.plugin.file},
                      {"framing", report.plugin.framing}};
    json["seed"] = report.seed;
    json["seeds"] = report.seeds;
    json["passed"] = !report.has_failed();
    json["checks"] = Json::array();
    for (const CheckResult& check : report.checks) {
        json["checks"].push_back(to_json(check));
    }
    return json.dump(2, ' ', true, replace) + "\n";
}

base::Result<Report> parse_report(std::string_view text) {
    try {
        const Json json = Json::parse(text);
        Report report;
        const Json& plugin = json.at("plugin");
        report.plugin = {
            plugin.at("name").get<std::string>(), plugin.at("version").get<std::string>(),
            plugin.at("file").get<std::string>(), plugin.at("framing").get<std::string>()};
        report.seed = json.at("seed").get<std::uint64_t>();
        report.seeds = json.at("seeds").get<std::uint32_t>();
        for (const Json& check : json.at("checks")) {
            report.checks.push_back(check_from(check));
        }
        return report;
    } catch (const Json::exception& error) {
        return base::Failure{error.what()};
    }
}

}  // namespace portico::verify
