#include "log/line_queue.hpp"

namespace portico::log {

bool LineQueue::push(std::string_view line) {
    text_ += line;
    if (count_ < lines_max_) {
        ++count_;
        return false;
    }
    first_ = text_.find('\n', first_) + 1;
    if (first_ > text_.size() / 2) {
        text_.erase(0, first_);
        first_ = 0;
    }
    return true;
}

void LineQueue::take(std::string& lines) noexcept {
    text_.erase(0, first_);
    lines.swap(text_);
    text_.clear();
    first_ = 0;
    count_ = 0;
}

}  // namespace portico::log
