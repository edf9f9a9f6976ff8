// The use of the resolver's answer (Linux: the linker puts the functions here in place of the C
// library's, --wrap).
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>
#include <string>
#include <vector>

#include "io/address.hpp"
#include "io/native.hpp"
#include "support/catch.hpp"

using namespace portico::io;

namespace {

// The resolver's answer while it is not null: these addresses, in this order.
const std::vector<sockaddr_storage>* answer = nullptr;
int failure = 0;  // while it is not 0: what the resolver returns
int lists_given = 0;
int lists_freed = 0;

struct Entry {
    addrinfo info{};  // first, so that the list's address is the entry's
    sockaddr_storage name{};
};

Address address_of(Address::Family family, std::uint8_t last, std::uint32_t scope_id = 0) {
    Address address;
    address.family = family;
    if (family == Address::Family::v4) {
        address.bytes = {192, 0, 2, last};
    } else {
        address.bytes = {0xfe, 0x80};
        address.bytes[15] = last;
    }
    address.scope_id = scope_id;
    return address;
}

sockaddr_storage native_of(const Address& address) {
    sockaddr_storage name;
    REQUIRE(to_native(address, name) != 0);
    return name;
}

sockaddr_storage of_no_internet() {
    sockaddr_storage name{};
    name.ss_family = AF_UNIX;
    return name;
}

portico::base::Result<std::vector<Address>> resolve_to(const std::vector<sockaddr_storage>& names) {
    answer = &names;
    auto found = resolve("a-name.test", 7);
    answer = nullptr;
    return found;
}

}  // namespace

extern "C" {
int __real_getaddrinfo(const char* node, const char* service, const addrinfo* hints,
                       addrinfo** found);
void __real_freeaddrinfo(addrinfo* list);

int __wrap_getaddrinfo(const char* node, const char* service, const addrinfo* hints,
                       addrinfo** found) {
    if (failure != 0) {
        return failure;
    }
    if (answer == nullptr) {
        return __real_getaddrinfo(node, service, hints, found);
    }
    lists_given += answer->empty() ? 0 : 1;
    *found = nullptr;
    for (auto at = answer->rbegin(); at != answer->rend(); ++at) {
        auto* entry = new Entry;
        entry->name = *at;
        entry->info.ai_addr = reinterpret_cast<sockaddr*>(&entry->name);
        entry->info.ai_addrlen = sizeof entry->name;
        entry->info.ai_next = *found;
        *found = &entry->info;
    }
    return 0;
}

void __wrap_freeaddrinfo(addrinfo* list) {
    if (answer == nullptr) {
        __real_freeaddrinfo(list);
        return;
    }
    ++lists_freed;
    while (list != nullptr) {
        auto* entry = reinterpret_cast<Entry*>(list);
        list = list->ai_next;
        delete entry;
    }
}
}

TEST_CASE(
    "an address of no family has no form of the system's, and another family's has none of ours",
    "[io][address]") {
    sockaddr_storage name;
    CHECK(to_native(Address{}, name) == 0);
    CHECK(from_native(of_no_internet()) == Address{});
    for (const Address& address :
         {address_of(Address::Family::v4, 1), address_of(Address::Family::v6, 1, 3)}) {
        CHECK(from_native(native_of(address)) == address);
    }
}

TEST_CASE(
    "the addresses of a name keep the resolver's order, each comes once, and only those that one "
    "can listen on",
    "[io][address]") {
    const Address v4 = address_of(Address::Family::v4, 1);
    const Address v6 = address_of(Address::Family::v6, 1, 2);
    const Address other_scope = address_of(Address::Family::v6, 1, 3);
    auto found = resolve_to({native_of(v6), of_no_internet(), native_of(v4), native_of(v6),
                             native_of(other_scope), native_of(v4)});
    INFO(found.error());
    REQUIRE(found);
    REQUIRE(found->size() == 3);
    std::vector<Address> expected = {v6, v4, other_scope};
    for (Address& address : expected) {
        address.port = 7;
    }
    CHECK(*found == expected);
    CHECK(lists_given == lists_freed);
}

TEST_CASE("a name that has no address to listen on is refused with the name in the reason",
          "[io][address]") {
    for (const std::vector<sockaddr_storage>& names :
         {std::vector<sockaddr_storage>{}, std::vector{of_no_internet()}}) {
        const auto found = resolve_to(names);
        REQUIRE_FALSE(found);
        CHECK(found.error().find("a-name.test") != std::string::npos);
        CHECK(found.error().find("no IPv4 or IPv6 address") != std::string::npos);
    }
    CHECK(lists_given == lists_freed);
}

TEST_CASE("a name that does not exist is told from one that could not be looked up", "[address]") {
    for (const int code : {EAI_NONAME, EAI_AGAIN, EAI_FAIL, EAI_SYSTEM}) {
        CAPTURE(code);
        failure = code;
        const portico::base::Result<std::vector<Address>> found = resolve("a-name.test", 7);
        failure = 0;
        REQUIRE_FALSE(found);
        CHECK((found.kind() == name_unknown) == (code == EAI_NONAME));
    }
}
