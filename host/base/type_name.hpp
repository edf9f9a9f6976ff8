// The names of C++ types, for people.
#pragma once

#include <cstdlib>
#include <string>
#include <typeinfo>

#if __has_include(<cxxabi.h>)
#include <cxxabi.h>
#endif

namespace portico::base {

// "std::runtime_error"
[[nodiscard]] inline std::string type_name(const std::type_info& type) {
#if __has_include(<cxxabi.h>)
    int status = 0;
    if (char* name = abi::__cxa_demangle(type.name(), nullptr, nullptr, &status)) {
        std::string copy = name;
        std::free(name);
        return copy;
    }
#endif
    return type.name();
}

}  // namespace portico::base
