// A stand-in for another version of nlohmann/json: the names of the real one, and other code. Every
// function that the linker or the loader lets Portico call here answers for the program.
#pragma once

#include <exception>
#include <string>

// The inline namespace of the version with which Portico is built: the worst case.
#ifndef JSON_ABI
#define JSON_ABI json_abi_v3_11_2
#endif

namespace nlohmann {
inline namespace JSON_ABI {
namespace detail {

class exception : public std::exception {
public:
    exception() = default;
    exception(const exception& other);
    ~exception() override;
    const char* what() const noexcept override;
    const int id = 0;
    static std::string name(const std::string& ename, int id_);
};
class parse_error : public exception {
public:
    ~parse_error() override;
};
class type_error : public exception {
public:
    ~type_error() override;
};
class out_of_range : public exception {
public:
    ~out_of_range() override;
};

}  // namespace detail

class json {
public:
    static std::string parse(const std::string& text);
};

}  // namespace JSON_ABI
}  // namespace nlohmann
