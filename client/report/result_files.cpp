#include "report/result_files.hpp"

namespace portico::client {

namespace {

base::Result<void> said_of(const char* option, const base::Result<void>& outcome) {
    return outcome ? outcome : base::Failure{std::string(option) + ": " + outcome.error()};
}

}  // namespace

base::Result<void> ResultFiles::open(const std::string& json, const std::string& report) {
    prints_json_ = json == "-";
    if (!json.empty() && !prints_json_) {
        if (const auto opened = json_.open(json); !opened) {
            return said_of("--json", opened);
        }
    }
    return report.empty() ? base::Result<void>() : said_of("--report", report_.open(report));
}

base::Result<void> ResultFiles::keep(std::string_view json,
                                     std::string (*page_of)(std::string_view), std::ostream& out) {
    if (prints_json_) {
        out << json << std::flush;
    }
    const auto of_json = json_.is_open() ? said_of("--json", json_.keep(json))
                                         : base::Result<void>();
    const auto of_report = report_.is_open() ? said_of("--report", report_.keep(page_of(json)))
                                             : base::Result<void>();
    if (!of_json && !of_report) {
        return base::Failure{of_json.error() + "; " + of_report.error()};
    }
    return of_json ? of_report : of_json;
}

}  // namespace portico::client
