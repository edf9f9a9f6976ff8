// What the loader asks of a library's tables before it calls anything in them.
#include <string>

#include "plugin/loader.hpp"
#include "support/catch.hpp"

using namespace portico;

namespace {

portico_status PORTICO_CALL create(const portico_host*, portico_instance*, const char*, std::uint64_t, char*, std::uint64_t, void**) {
    return PORTICO_OK;
}
void PORTICO_CALL destroy(void*) {}
portico_status PORTICO_CALL on_data(void*, portico_connection, void*, const std::uint8_t*, std::uint64_t, const portico_frame*,
                                    std::uint64_t*) {
    return PORTICO_OK;
}

portico_plugin plugin_of(const std::string& name) {
    portico_plugin plugin{};
    plugin.struct_size = sizeof plugin;
    plugin.abi_major = PORTICO_ABI_MAJOR;
    plugin.abi_minor = PORTICO_ABI_MINOR;
    plugin.name = name.data();
    plugin.name_size = name.size();
    plugin.create = create;
    plugin.destroy = destroy;
    plugin.on_data = on_data;
    return plugin;
}

// The error, or "" and the plugin's name.
std::string check(const portico_plugin& first, const portico_plugin* second = nullptr, const std::string& wanted = "") {
    const portico_plugin* const plugins[2] = {&first, second};
    const portico_module module{sizeof(portico_module), PORTICO_ABI_MAJOR, PORTICO_ABI_MINOR, second != nullptr ? 2U : 1U, plugins};
    base::Result<const portico_plugin*> found = plugin::check_module(&module, "file", wanted);
    return found ? "is " + std::string((*found)->name, (*found)->name_size) : found.error();
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a plugin's name is printable, and so is its version", "[plugin_loader]") {
    const std::string good = "a-plugin_1";
    CHECK(check(plugin_of(good)) == "is a-plugin_1");
    for (const std::string& bad : {std::string(), std::string("two words"), std::string("line\n"), std::string("\xc3\xa4"),
                                   std::string(65, 'x')}) {
        CHECK(contains(check(plugin_of(bad)), "its name is missing"));
    }
    portico_plugin plugin = plugin_of(good);
    plugin.version_size = 3;
    CHECK(contains(check(plugin), "its version is missing"));
    plugin.version = "1\n2";
    CHECK(contains(check(plugin), "not printable"));
    plugin.version = "1.2";
    CHECK(check(plugin) == "is a-plugin_1");
}

TEST_CASE("of several plugins in a library one is named, or has the library's name", "[plugin_loader]") {
    const std::string file = "file";
    const std::string other = "other";
    const portico_plugin first = plugin_of(file);
    const portico_plugin second = plugin_of(other);
    CHECK(check(first, &second) == "is file");
    CHECK(check(first, &second, "other") == "is other");
    CHECK(contains(check(first, &second, "third"), "it has no plugin \"third\" (it has: file, other)"));
    CHECK(contains(check(first, &first), "two plugins of the name \"file\""));
    const std::string also = "also";
    const portico_plugin third = plugin_of(also);
    CHECK(contains(check(second, &third), "name one"));
}

TEST_CASE("one table that is wrong refuses the library", "[plugin_loader]") {
    const std::string name = "file";
    const std::string other = "other";
    const portico_plugin first = plugin_of(name);
    portico_plugin second = plugin_of(other);
    SECTION("size") {
        second.struct_size -= 8;
        CHECK(contains(check(first, &second), "plugin 1 of it: its table has struct_size"));
    }
    SECTION("a size that is no multiple of 8") {
        second.struct_size += 4;
        CHECK(contains(check(first, &second), "its table has struct_size"));
    }
    SECTION("a version that it requires and this host does not have") {
        second.abi_required = PORTICO_ABI_MINOR + 1;
        CHECK(contains(check(first, &second), "rebuild it"));
    }
    SECTION("a reserved member") {
        second.reserved = 1;
        CHECK(contains(check(first, &second), "reserved"));
    }
    SECTION("an unknown flag") {
        second.flags = 1U << 31;
        CHECK(contains(check(first, &second), "unknown flags"));
    }
    SECTION("a required function") {
        second.on_data = nullptr;
        CHECK(contains(check(first, &second), "a required function"));
    }
}
