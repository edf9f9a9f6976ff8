// The files of --json and --report: opened before anything is measured, and written at the end,
// each whole or not at all.
#pragma once

#include <ostream>
#include <string>
#include <string_view>

#include "report/output_file.hpp"

namespace portico::client {

class ResultFiles {
public:
    // Each is UTF-8, or empty for none; "-" as `json` is the output. Fails with a sentence that
    // begins with the option.
    [[nodiscard]] base::Result<void> open(const std::string& json, const std::string& report);
    // True if keep() has a file to write.
    [[nodiscard]] bool are_wanted() const noexcept {
        return prints_json_ || json_.is_open() || report_.is_open();
    }
    [[nodiscard]] bool prints_json() const noexcept { return prints_json_; }
    // `page_of`(json) makes the report. Each file is kept even if the other one fails; the sentence
    // then covers both.
    [[nodiscard]] base::Result<void> keep(std::string_view json,
                                          std::string (*page_of)(std::string_view),
                                          std::ostream& out);

private:
    OutputFile json_, report_;
    bool prints_json_ = false;
};

}  // namespace portico::client
