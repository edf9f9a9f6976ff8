// From the words of the command line to what is verified: the library, its listener, the script.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "plugin/loader.hpp"
#include "verify/command.hpp"
#include "verify/play.hpp"
#include "verify/report.hpp"

namespace portico::verify {

// Stays in its place: `subject` points into it.
struct Prepared {
    plugin::PrivateCopies copies;
    plugin::Loaded loaded;
    Subject subject;
    PluginFacts facts;
};

// Loads and reads everything. Fails with a sentence.
[[nodiscard]] base::Result<std::unique_ptr<Prepared>> prepare(const VerifyOptions& options);

// "name", "name.so" or a path to it; with "#PLUGIN" behind it one of several plugins of the file.
struct PluginPlace {
    std::string directory;
    std::string name;  // as plugin::load() takes it
};
[[nodiscard]] PluginPlace place_of(const std::string& plugin);

}  // namespace portico::verify
