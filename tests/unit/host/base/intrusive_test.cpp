// The intrusive list Fifo.
#include "base/intrusive.hpp"

#include <array>
#include <vector>

#include "support/catch.hpp"

using namespace portico::base;

namespace {

struct Element : Link {
    int number = 0;
};

std::vector<int> drain(Fifo<Element>& list) {
    std::vector<int> numbers;
    while (Element* element = list.pop_front()) {
        CHECK(element->next == nullptr);
        numbers.push_back(element->number);
    }
    CHECK(list.empty());
    CHECK(list.front() == nullptr);
    return numbers;
}

struct Elements : std::array<Element, 5> {
    Elements() {
        for (int i = 0; i < 5; ++i) {
            (*this)[static_cast<std::size_t>(i)].number = i;
        }
    }
};

}  // namespace

TEST_CASE("a Fifo returns its elements in the order in which they were added", "[base][fifo]") {
    Elements elements;
    Fifo<Element> list;
    CHECK(list.empty());
    CHECK(list.pop_front() == nullptr);
    for (Element& element : elements) {
        list.push_back(element);
    }
    CHECK(list.front() == &elements[0]);
    CHECK(drain(list) == std::vector{0, 1, 2, 3, 4});
    list.push_back(elements[3]);  // an element and a list can be used again
    list.push_back(elements[1]);
    CHECK(drain(list) == std::vector{3, 1});
}

TEST_CASE("a Fifo gives up an element from anywhere", "[base][fifo]") {
    Elements elements;
    Fifo<Element> list;
    for (Element& element : elements) {
        list.push_back(element);
    }
    SECTION("the first") {
        CHECK(list.remove(elements[0]));
        CHECK(drain(list) == std::vector{1, 2, 3, 4});
    }
    SECTION("one between") {
        CHECK(list.remove(elements[2]));
        CHECK_FALSE(list.remove(elements[2]));
        CHECK(drain(list) == std::vector{0, 1, 3, 4});
    }
    SECTION("the last, and the next one goes behind what is left") {
        CHECK(list.remove(elements[4]));
        list.push_back(elements[4]);
        CHECK(list.remove(elements[3]));
        CHECK(drain(list) == std::vector{0, 1, 2, 4});
    }
    SECTION("all") {
        for (Element& element : elements) {
            CHECK(list.remove(element));
        }
        CHECK(list.empty());
        list.push_back(elements[2]);
        CHECK(drain(list) == std::vector{2});
    }
    SECTION("one that is not there") {
        Element stranger;
        CHECK_FALSE(list.remove(stranger));
        CHECK(drain(list) == std::vector{0, 1, 2, 3, 4});
    }
}

TEST_CASE("a Fifo takes a chain that was linked newest first", "[base][fifo]") {
    Elements elements;
    Fifo<Element> list;
    const auto chain = [&](std::initializer_list<int> oldest_first) {
        Link* newest = nullptr;
        for (const int number : oldest_first) {
            Element& element = elements[static_cast<std::size_t>(number)];
            element.next = newest;
            newest = &element;
        }
        return newest;
    };
    list.append_reversed(nullptr);
    CHECK(list.empty());
    list.append_reversed(chain({2}));
    list.append_reversed(chain({0, 4, 1}));
    list.append_reversed(nullptr);
    list.push_back(elements[3]);
    CHECK(drain(list) == std::vector{2, 0, 4, 1, 3});
}

TEST_CASE("a Fifo moves with its elements", "[base][fifo]") {
    Elements elements;
    Fifo<Element> from;
    from.push_back(elements[0]);
    from.push_back(elements[1]);
    Fifo<Element> to(std::move(from));
    to.push_back(elements[2]);
    from.push_back(elements[3]);  // NOLINT: empty after the move, and of use
    CHECK(drain(to) == std::vector{0, 1, 2});
    CHECK(drain(from) == std::vector{3});
}
