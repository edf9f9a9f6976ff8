// Received bytes that could not be handed on yet: an incomplete message, or what came while reading
// was held. It owns memory only while it holds bytes, and belongs to the strand.
#pragma once

#include <cstddef>
#include <cstring>
#include <new>
#include <span>

namespace portico::net {

class Stash {
public:
    Stash() = default;
    ~Stash() { clear(); }
    Stash(const Stash&) = delete;
    Stash& operator=(const Stash&) = delete;

    [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
        return {data_ + begin_, end_ - begin_};
    }

    // False if memory is out; the stash is unchanged then.
    [[nodiscard]] bool append(std::span<const std::byte> more) noexcept {
        const std::size_t size = end_ - begin_;
        if (capacity_ - end_ < more.size()) {
            // Doubles, so that many small pieces cost linear time in all.
            const std::size_t wanted = size + more.size() > capacity_ / 2 ? 2 * (size + more.size())
                                                                          : capacity_;
            if (wanted > UINT32_MAX) {
                return false;
            }
            if (wanted == capacity_) {
                std::memmove(data_, data_ + begin_, size);
            } else {
                auto* grown = static_cast<std::byte*>(::operator new(wanted, std::nothrow));
                if (grown == nullptr) {
                    return false;
                }
                if (size != 0) {
                    std::memcpy(grown, data_ + begin_, size);
                }
                ::operator delete(data_);
                data_ = grown;
                capacity_ = static_cast<std::uint32_t>(wanted);
            }
            begin_ = 0;
            end_ = static_cast<std::uint32_t>(size);
        }
        if (!more.empty()) {
            std::memcpy(data_ + end_, more.data(), more.size());
        }
        end_ += static_cast<std::uint32_t>(more.size());
        return true;
    }

    void consume(std::size_t count) noexcept {
        begin_ += static_cast<std::uint32_t>(count);
        if (begin_ == end_) {
            clear();
        }
    }

    void clear() noexcept {
        ::operator delete(data_);
        data_ = nullptr;
        begin_ = end_ = capacity_ = 0;
    }

private:
    std::byte* data_ = nullptr;
    // The configuration allows at most a gibibyte.
    std::uint32_t begin_ = 0;
    std::uint32_t end_ = 0;
    std::uint32_t capacity_ = 0;
};

}  // namespace portico::net
