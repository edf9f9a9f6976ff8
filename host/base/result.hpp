// A value or the text of an error. For start-up and configuration, where an error is a sentence for
// a person; the data path uses io::Error instead.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "base/assert.hpp"

namespace portico::base {

struct Failure {
    std::string text;
    int kind = 0;  // distinguishes failures if the function that fails says how; otherwise 0
};

template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) : value_(std::move(value)) {}
    Result(Failure failure) : error_(std::move(failure.text)), kind_(failure.kind) {}

    [[nodiscard]] explicit operator bool() const noexcept { return value_.has_value(); }
    [[nodiscard]] T& operator*() & {
        PORTICO_ASSERT(value_.has_value());
        return *value_;
    }
    [[nodiscard]] T&& operator*() && {
        PORTICO_ASSERT(value_.has_value());
        return std::move(*value_);
    }
    [[nodiscard]] T* operator->() {
        PORTICO_ASSERT(value_.has_value());
        return &*value_;
    }
    // The reason; empty if there is a value.
    [[nodiscard]] const std::string& error() const noexcept { return error_; }
    [[nodiscard]] int kind() const noexcept { return kind_; }

private:
    std::optional<T> value_;
    std::string error_;
    int kind_ = 0;
};

template <>
class [[nodiscard]] Result<void> {
public:
    Result() = default;
    Result(Failure failure) : error_(std::move(failure.text)), kind_(failure.kind), failed_(true) {}

    [[nodiscard]] explicit operator bool() const noexcept { return !failed_; }
    [[nodiscard]] const std::string& error() const noexcept { return error_; }
    [[nodiscard]] int kind() const noexcept { return kind_; }

private:
    std::string error_;
    int kind_ = 0;
    bool failed_ = false;
};

}  // namespace portico::base
