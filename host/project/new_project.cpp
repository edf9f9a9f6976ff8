#include "project/new_project.hpp"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/path_text.hpp"
#include "templates.hpp"  // generated: embedded_templates

namespace portico::project {

namespace {

namespace fs = std::filesystem;

// The folders of sdk/templates of which a project in this language is made.
std::vector<std::string_view> folders_of(Language language) {
    switch (language) {
        case Language::c: return {"common/", "cmake/", "c/"};
        case Language::cpp: return {"common/", "cmake/", "cpp/"};
        case Language::rust: break;
    }
    return {"common/", "rust/"};
}

using Places = std::vector<std::pair<std::string_view, std::string>>;

Places places_of(const Project& project) {
    const std::size_t patch = project.version.rfind('.');
    return {{"@NAME@", project.name},
            {"@VERSION@", project.version.substr(0, patch)},
            {"@SDK@", project.sdk},
            {"@PROGRAMS@", project.programs},
            {"@HOST@", command_of(project.programs, "host")},
            {"@CLIENT@", command_of(project.programs, "client")},
            {"@PLUGINS@", project.language == Language::rust ? "target/plugins" : "build/plugins"}};
}

std::string filled_in(std::string text, const Places& places) {
    for (const auto& [place, value] : places) {
        for (std::size_t at = text.find(place); at != std::string::npos;
             at = text.find(place, at + value.size())) {
            text.replace(at, place.size(), value);
        }
    }
    return text;
}

base::Failure failure(const std::string& what, const fs::path& path, const std::error_code& code) {
    return {what + " " + base::utf8_from_path(path) + ": " + code.message()};
}

base::Result<void> write_file(const fs::path& path, const std::string& text) {
    std::error_code code;
    fs::create_directories(path.parent_path(), code);
    if (code) {
        return failure("cannot make the folder", path.parent_path(), code);
    }
    errno = 0;
    std::ofstream file(path, std::ios::binary);
    file << text;
    file.close();
    if (!file) {
        const int number = errno != 0 ? errno : EIO;
        return failure("cannot write", path, std::error_code(number, std::generic_category()));
    }
    return {};
}

base::Result<void> write_files(const Project& project, const fs::path& folder) {
    const Places places = places_of(project);
    for (const std::string_view from : folders_of(project.language)) {
        for (const EmbeddedTemplate& one : embedded_templates) {
            if (!one.path.starts_with(from)) {
                continue;
            }
            const fs::path path = folder / base::path_from_utf8(one.path.substr(from.size()));
            const std::string text(one.bytes, one.bytes + one.size);
            if (base::Result<void> written = write_file(path, filled_in(text, places)); !written) {
                return written;
            }
        }
    }
    return {};
}

// Removed with all that is in it, unless it got its name.
class Unfinished {
public:
    explicit Unfinished(fs::path path) : path_(std::move(path)) {}
    ~Unfinished() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    Unfinished(const Unfinished&) = delete;
    Unfinished& operator=(const Unfinished&) = delete;

    [[nodiscard]] const fs::path& path() const noexcept { return path_; }

private:
    fs::path path_;
};

// Empty if a project may be made there.
std::string objection(const fs::path& folder) {
    std::error_code code;
    const fs::file_status status = fs::symlink_status(folder, code);
    if (!fs::exists(status)) {
        return {};
    }
    const std::string name = base::utf8_from_path(folder);
    if (!fs::is_directory(status)) {
        return name + " exists already: name another folder with --directory";
    }
    const bool is_empty = fs::is_empty(folder, code);
    if (code) {
        return "cannot read the folder " + name + ": " + code.message();
    }
    return is_empty ? std::string()
                    : "the folder " + name +
                          " exists already and is not empty: name another one with --directory";
}

std::string quoted_if_needed(const std::string& path) {
    return path.find(' ') == std::string::npos ? path : "\"" + path + "\"";
}

}  // namespace

std::string command_of(const std::string& programs, const std::string& program) {
    if (programs == "/usr/lib/portico") {
        return program == "host" ? "portico" : "portico-" + program;
    }
    fs::path path = base::path_from_utf8(programs + "/" + program);
    path.make_preferred();  // Windows' shells take a slash for an option
    return quoted_if_needed(base::utf8_from_path(path));
}

base::Result<void> write_project(const Project& project) {
    const fs::path folder = fs::absolute(base::path_from_utf8(project.directory))
                                .lexically_normal();
    const fs::path target = folder.has_filename() ? folder : folder.parent_path();
    if (std::string text = objection(target); !text.empty()) {
        return base::Failure{std::move(text)};
    }
    std::error_code code;
    if (!fs::is_directory(target.parent_path(), code)) {
        return base::Failure{"there is no folder " + base::utf8_from_path(target.parent_path()) +
                             ": make it first"};
    }
    fs::path beside = target;
    beside += ".new";
    if (!fs::create_directory(beside, code)) {
        return code ? failure("cannot make the folder", beside, code)
                    : base::Failure{base::utf8_from_path(beside) +
                                    " exists already: remove it, it is left of an earlier try"};
    }
    const Unfinished unfinished(beside);
    if (base::Result<void> written = write_files(project, unfinished.path()); !written) {
        return written;
    }
    fs::remove(target, code);  // it may be there and empty
    fs::rename(unfinished.path(), target, code);
    if (code) {
        return failure("cannot make the folder", target, code);
    }
    return {};
}

}  // namespace portico::project
