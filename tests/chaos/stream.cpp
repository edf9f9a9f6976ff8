#include "stream.hpp"

namespace portico::chaos {

Stream::Stream(std::uint64_t seed, Framing framing, std::uint32_t message_bytes_max)
    : framing_(framing),
      message_bytes_max_(message_bytes_max),
      salt_(static_cast<std::uint32_t>(seed * 0x9E3779B97F4A7C15U >> 32)),
      sizes_(static_cast<std::minstd_rand::result_type>(seed)) {}

void Stream::begin_message() {
    payload_left_ = static_cast<std::uint32_t>(sizes_() % message_bytes_max_);
    if (framing_ == Framing::length_prefix) {
        prefix_ = payload_left_;
        prefix_left_ = 4;
    } else {
        delimiter_due_ = true;
    }
    in_message_ = true;
}

// Contents are bytes from '!' up: neither a newline, which delimits, nor the key of chaotic#holds.
void Stream::produce(std::span<char> into) {
    for (char& byte : into) {
        if (framing_ != Framing::none && !in_message_) {
            begin_message();
        }
        if (prefix_left_ > 0) {
            byte = static_cast<char>(prefix_ >> (8 * --prefix_left_));
        } else if (framing_ != Framing::none && payload_left_ == 0) {
            byte = '\n';
            delimiter_due_ = false;
        } else {
            byte = static_cast<char>(
                '!' + ((static_cast<std::uint32_t>(produced_) * 2654435761U + salt_) >> 24) % 90);
            payload_left_ -= framing_ == Framing::none ? 0 : 1;
        }
        ++produced_;
        if (in_message_ && prefix_left_ == 0 && payload_left_ == 0 && !delimiter_due_) {
            in_message_ = false;
            ends_.push_back(produced_);
        }
    }
}

Stream::Whole Stream::whole(std::uint64_t sent) {
    if (framing_ == Framing::none) {
        return {sent, sent};
    }
    while (!ends_.empty() && ends_.front() <= sent) {
        whole_.bytes = ends_.front();
        ++whole_.messages;
        ends_.pop_front();
    }
    return whole_;
}

}  // namespace portico::chaos
