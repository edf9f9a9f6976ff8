// Intrusive singly linked lists. An element is a Link; it is on at most one list at a time, and a
// list owns nothing.
#pragma once

#include <cstddef>
#include <utility>

#include "base/assert.hpp"

namespace portico::base {

struct Link {
    Link* next = nullptr;
};

// A first-in, first-out list of T, which derives from Link. Not synchronised: its owner says who
// may touch it. Every connection has some lists, so a list is only one pointer: the newest element,
// which links to the oldest.
template <class T>
class Fifo {
public:
    Fifo() = default;
    Fifo(const Fifo&) = delete;
    Fifo& operator=(const Fifo&) = delete;
    Fifo(Fifo&& other) noexcept : newest_(std::exchange(other.newest_, nullptr)) {}

    [[nodiscard]] bool empty() const noexcept { return newest_ == nullptr; }
    [[nodiscard]] T* front() const noexcept {
        return newest_ == nullptr ? nullptr : static_cast<T*>(newest_->next);
    }

    void push_back(T& element) noexcept {
        Link& link = element;
        if (newest_ == nullptr) {
            link.next = &link;
        } else {
            link.next = newest_->next;
            newest_->next = &link;
        }
        newest_ = &link;
    }

    // Takes all elements: oldest first, each linked to the next, the newest to null.
    [[nodiscard]] Link* take_all() noexcept {
        if (newest_ == nullptr) {
            return nullptr;
        }
        return std::exchange(std::exchange(newest_, nullptr)->next, nullptr);
    }

    // The oldest element, or null.
    T* pop_front() noexcept {
        if (newest_ == nullptr) {
            return nullptr;
        }
        Link* oldest = newest_->next;
        if (oldest == newest_) {
            newest_ = nullptr;
        } else {
            newest_->next = oldest->next;
        }
        oldest->next = nullptr;
        return static_cast<T*>(oldest);
    }

    // Takes out one element from anywhere. Linear, for rare cases. False if it is not on the list.
    bool remove(T& element) noexcept {
        if (newest_ == nullptr) {
            return false;
        }
        Link* const searched = &element;
        Link* before = newest_;
        while (before->next != searched) {
            before = before->next;
            if (before == newest_) {
                return false;
            }
        }
        before->next = searched->next;
        if (newest_ == searched) {
            newest_ = before == searched ? nullptr : before;
        }
        searched->next = nullptr;
        return true;
    }

    // Appends a chain that is linked newest first, as a lock-free push leaves it; its oldest
    // element comes first.
    void append_reversed(Link* newest) noexcept {
        if (newest == nullptr) {
            return;
        }
        Link* const last = newest;
        Link* oldest = nullptr;
        while (newest != nullptr) {
            Link* older = newest->next;
            newest->next = oldest;
            oldest = newest;
            newest = older;
        }
        last->next = oldest;
        if (newest_ != nullptr) {
            std::swap(last->next, newest_->next);
        }
        newest_ = last;
    }

private:
    Link* newest_ = nullptr;
};

}  // namespace portico::base
