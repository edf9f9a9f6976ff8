#include <dlfcn.h>

#include "plugin/library.hpp"

namespace portico::plugin {

base::Result<std::shared_ptr<Library>> Library::open(const std::string& path) {
    void* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) {
        const char* why = ::dlerror();
        return base::Failure{why != nullptr ? why : "unknown error"};
    }
    return std::shared_ptr<Library>(new Library(handle));
}

Library::~Library() {
    if (!kept_) {
        ::dlclose(handle_);
    }
}

void (*Library::symbol(const char* name) const noexcept)() {
    return reinterpret_cast<void (*)()>(::dlsym(handle_, name));
}

const char* Library::suffix() noexcept {
    return ".so";
}

}  // namespace portico::plugin
