#include <dirent.h>
#include <dlfcn.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "plugin/library.hpp"

namespace portico::plugin {

namespace {

// dlerror's text usually begins with the file, which the caller names as well.
std::string without_file(std::string_view text, const std::string& path) {
    const std::string beginning = path + ": ";
    return std::string(text.starts_with(beginning) ? text.substr(beginning.size()) : text);
}

// Mentions it if a missing library lies beside the one that needs it: Windows would find it there.
std::string hint_of(std::string_view text, const std::string& path) {
    const std::string_view missing = text.substr(
        0, std::min(text.find(": cannot open shared object file"), text.size()));
    std::error_code code;
    if (missing.size() == text.size() || missing.find('/') != std::string_view::npos ||
        !std::filesystem::exists(std::filesystem::path(path).parent_path() / missing, code)) {
        return {};
    }
    return "; it lies beside the plugin: link the plugin with an rpath of $ORIGIN, as "
           "portico_add_plugin does";
}

}  // namespace

base::Result<std::shared_ptr<Library>> Library::open(const std::string& path) {
    const std::shared_ptr<Library> library(new Library);
    library->handle_ = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library->handle_ == nullptr) {
        const char* why = ::dlerror();
        std::string text = why != nullptr ? without_file(why, path) : "unknown error";
        return base::Failure{text + hint_of(text, path)};
    }
    return library;
}

Library::~Library() {
    if (handle_ != nullptr && !kept_) {
        ::dlclose(handle_);
    }
}

void (*Library::symbol(const char* name) const noexcept)() {
    return reinterpret_cast<void (*)()>(::dlsym(handle_, name));
}

// This avoids std::filesystem: libstdc++'s directory_iterator ends the process if memory runs out.
base::Result<std::vector<std::string>> Library::names_in(const std::string& directory) {
    struct Close {
        void operator()(DIR* open) const noexcept { ::closedir(open); }
    };
    const std::unique_ptr<DIR, Close> open(::opendir(directory.c_str()));
    if (open == nullptr) {
        return base::Failure{std::generic_category().message(errno)};
    }
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(open.get())) {
        const std::string_view name = entry->d_name;
        const std::string_view end = suffix();
        std::error_code of_file;
        if (name.size() > end.size() && name.ends_with(end) &&
            std::filesystem::is_regular_file(directory + "/" + entry->d_name, of_file)) {
            names.emplace_back(name.substr(0, name.size() - end.size()));
        }
    }
    return names;
}

const char* Library::suffix() noexcept {
    return ".so";
}

}  // namespace portico::plugin
