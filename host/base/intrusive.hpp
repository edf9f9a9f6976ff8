// Intrusive singly linked lists. An element is a Link; it is on at most one list at a time, and a list owns nothing.
#pragma once

#include <cstddef>
#include <utility>

#include "base/assert.hpp"

namespace portico::base {

struct Link {
    Link* next = nullptr;
};

// A first-in, first-out list of T, which derives from Link. Not synchronised: its owner says who may touch it.
template <class T>
class Fifo {
public:
    Fifo() = default;
    Fifo(const Fifo&) = delete;
    Fifo& operator=(const Fifo&) = delete;
    Fifo(Fifo&& other) noexcept
        : head_(std::exchange(other.head_, nullptr)), tail_(std::exchange(other.tail_, nullptr)) {}

    [[nodiscard]] bool empty() const noexcept { return head_ == nullptr; }
    [[nodiscard]] T* front() const noexcept { return static_cast<T*>(head_); }

    void push_back(T& element) noexcept {
        Link& link = element;
        link.next = nullptr;
        if (head_ == nullptr) {
            head_ = &link;
        } else {
            tail_->next = &link;
        }
        tail_ = &link;
    }

    // All of them, oldest first, each linked to the next; the list is empty then.
    [[nodiscard]] Link* take_all() noexcept {
        tail_ = nullptr;
        return std::exchange(head_, nullptr);
    }

    // The oldest element, or null.
    T* pop_front() noexcept {
        Link* first = head_;
        if (first == nullptr) {
            return nullptr;
        }
        head_ = first->next;
        if (head_ == nullptr) {
            tail_ = nullptr;
        }
        first->next = nullptr;
        return static_cast<T*>(first);
    }

    // Takes one element out from anywhere: linear, for the rare ways out. False when it is not on the list.
    bool remove(T& element) noexcept {
        Link* before = nullptr;
        for (Link* at = head_; at != nullptr; before = at, at = at->next) {
            if (at != static_cast<Link*>(&element)) {
                continue;
            }
            (before == nullptr ? head_ : before->next) = at->next;
            if (tail_ == at) {
                tail_ = before;
            }
            at->next = nullptr;
            return true;
        }
        return false;
    }

    // Appends a chain that was linked newest first (as a lock-free push leaves it), so that the oldest comes first.
    void append_reversed(Link* newest) noexcept {
        Link* chain_head = nullptr;
        Link* chain_tail = newest;
        while (newest != nullptr) {
            Link* older = newest->next;
            newest->next = chain_head;
            chain_head = newest;
            newest = older;
        }
        if (chain_head == nullptr) {
            return;
        }
        (head_ == nullptr ? head_ : tail_->next) = chain_head;
        tail_ = chain_tail;
    }

private:
    Link* head_ = nullptr;
    Link* tail_ = nullptr;
};

}  // namespace portico::base
