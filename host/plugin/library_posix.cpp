#include <dirent.h>
#include <dlfcn.h>
#include <link.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>

#include "plugin/library.hpp"

namespace portico::plugin {

namespace {

// What is wrong with the file, as far as dlopen would not survive it or has no good word for it; empty when nothing is. The dynamic linker maps what
// the program headers name without a look at the file's size: one that was cut short (a copy that did not end) kills the process by SIGBUS.
std::string fault_of_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    if (!file) {
        return {};  // dlopen says why
    }
    const auto size = static_cast<std::uint64_t>(file.tellg());
    const auto read = [&](std::uint64_t offset, auto& into) {
        file.seekg(static_cast<std::streamoff>(offset));
        file.read(reinterpret_cast<char*>(&into), sizeof into);
        return static_cast<bool>(file);
    };
    ElfW(Ehdr) header{};
    if (!read(0, header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
        return "it is not a shared library";
    }
    constexpr unsigned char word_size = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;
    if (header.e_ident[EI_CLASS] != word_size || header.e_phentsize != sizeof(ElfW(Phdr))) {
        return {};  // of another kind of system: dlopen says so
    }
    std::uint64_t meant = header.e_phoff + std::uint64_t{header.e_phnum} * sizeof(ElfW(Phdr));
    for (unsigned i = 0; i < header.e_phnum && meant <= size; ++i) {
        ElfW(Phdr) segment{};
        if (!read(header.e_phoff + i * sizeof segment, segment)) {
            return "it cannot be read";
        }
        if (segment.p_type == PT_LOAD) {
            meant = std::max<std::uint64_t>(meant, segment.p_offset + segment.p_filesz);
        }
    }
    if (meant > size) {
        return "it is cut short: it has " + std::to_string(size) + " bytes of at least " + std::to_string(meant);
    }
    return {};
}

// dlerror's text mostly begins with the file, which the caller names as well.
std::string without_file(std::string_view text, const std::string& path) {
    const std::string beginning = path + ": ";
    return std::string(text.starts_with(beginning) ? text.substr(beginning.size()) : text);
}

}  // namespace

base::Result<std::shared_ptr<Library>> Library::open(const std::string& path) {
    if (std::string fault = fault_of_file(path); !fault.empty()) {
        return base::Failure{std::move(fault)};
    }
    const std::shared_ptr<Library> library(new Library);
    library->handle_ = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library->handle_ == nullptr) {
        const char* why = ::dlerror();
        return base::Failure{why != nullptr ? without_file(why, path) : "unknown error"};
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

// Not by std::filesystem: libstdc++'s directory_iterator ends the process when memory is out.
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
        if (name.size() > end.size() && name.ends_with(end) && std::filesystem::is_regular_file(directory + "/" + entry->d_name, of_file)) {
            names.emplace_back(name.substr(0, name.size() - end.size()));
        }
    }
    return names;
}

const char* Library::suffix() noexcept {
    return ".so";
}

}  // namespace portico::plugin
