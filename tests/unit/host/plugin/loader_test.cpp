// The loader's checks of a library's tables before it calls anything in them.
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/path_text.hpp"
#include "plugin/loader.hpp"
#include "support/catch.hpp"

using namespace portico;

namespace {

portico_status PORTICO_CALL create(const portico_setup*, void**) {
    return PORTICO_OK;
}
void PORTICO_CALL destroy(void*) {}
portico_status PORTICO_CALL on_data(void*, portico_connection, void*, const std::uint8_t*,
                                    std::uint64_t, const portico_frame*, std::uint64_t*) {
    return PORTICO_OK;
}

portico_callbacks callbacks_with_on_data() {
    portico_callbacks callbacks{};
    callbacks.struct_size = sizeof callbacks;
    callbacks.on_data = on_data;
    return callbacks;
}

portico_plugin plugin_of(const std::string& name) {
    static const portico_callbacks callbacks = callbacks_with_on_data();
    portico_plugin plugin{};
    plugin.struct_size = sizeof plugin;
    plugin.abi_major = PORTICO_ABI_MAJOR;
    plugin.abi_minor = PORTICO_ABI_MINOR;
    plugin.name = name.data();
    plugin.name_size = name.size();
    plugin.create = create;
    plugin.destroy = destroy;
    plugin.callbacks = &callbacks;
    return plugin;
}

// The error; or "", and the plugin's name.
std::string check(const portico_plugin& first, const portico_plugin* second = nullptr,
                  const std::string& wanted = "") {
    const portico_plugin* const plugins[2] = {&first, second};
    const portico_module module{sizeof(portico_module), PORTICO_ABI_MAJOR, PORTICO_ABI_MINOR,
                                second != nullptr ? 2U : 1U, plugins};
    base::Result<const portico_plugin*> found = plugin::check_module(&module, "file", wanted);
    return found ? "is " + std::string((*found)->name, (*found)->name_size) : found.error();
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a plugin's name and version are printable", "[plugin_loader]") {
    const std::string good = "a-plugin_1";
    CHECK(check(plugin_of(good)) == "is a-plugin_1");
    for (const std::string& bad : {std::string(), std::string("two words"), std::string("line\n"),
                                   std::string("\xc3\xa4"), std::string(65, 'x')}) {
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

TEST_CASE("a library's plugin is chosen by name, or has the library's name", "[plugin_loader]") {
    const std::string file = "file";
    const std::string other = "other";
    const portico_plugin first = plugin_of(file);
    const portico_plugin second = plugin_of(other);
    CHECK(check(first, &second) == "is file");
    CHECK(check(first, &second, "other") == "is other");
    CHECK(contains(check(first, &second, "third"),
                   "it has no plugin \"third\" (it has: file, other)"));
    CHECK(contains(check(first, &first), "two plugins named \"file\""));
    const std::string also = "also";
    const portico_plugin third = plugin_of(also);
    CHECK(contains(check(second, &third), "name one"));
}

TEST_CASE("a wrong table is refused if it is the chosen one", "[plugin_loader]") {
    const std::string name = "file";
    const std::string other = "other";
    const portico_plugin first = plugin_of(name);
    portico_plugin second = plugin_of(other);
    portico_callbacks callbacks = callbacks_with_on_data();
    second.callbacks = &callbacks;
    REQUIRE(check(first, &second, other) == "is other");
    SECTION("size") {
        second.struct_size -= 8;
        CHECK(contains(check(first, &second, other), "its table has struct_size"));
    }
    SECTION("a size that is no multiple of 8") {
        second.struct_size += 4;
        CHECK(contains(check(first, &second, other), "its table has struct_size"));
    }
    SECTION("a version that it requires and this host does not have") {
        second.abi_required = PORTICO_ABI_MINOR + 1;
        CHECK(contains(check(first, &second, other), "rebuild it"));
    }
    SECTION("a reserved member") {
        second.reserved = 1;
        CHECK(contains(check(first, &second, other), "reserved"));
    }
    SECTION("an unknown flag") {
        second.flags = 1U << 31;
        CHECK(contains(check(first, &second, other), "unknown flags"));
    }
    SECTION("another version") {
        second.abi_minor = PORTICO_ABI_MINOR + 1;
        CHECK(contains(check(first, &second, other), "rebuild it"));
        second.abi_minor = PORTICO_ABI_MINOR;
        second.abi_major = PORTICO_ABI_MAJOR + 1;
        CHECK(contains(check(first, &second, other), "rebuild it"));
    }
    SECTION("no callbacks") {
        second.callbacks = nullptr;
        CHECK(contains(check(first, &second, other), "no callbacks"));
    }
    SECTION("no framing that this host has") {
        second.framing = 8;
        CHECK(contains(check(first, &second, other), "a framing that this host does not have"));
        second.framing |= PORTICO_FRAMING_NONE;
        CHECK(check(first, &second, other) == "is other");
        return;
    }
    SECTION("a reserved member of the callbacks") {
        callbacks.reserved = 1;
        CHECK(contains(check(first, &second, other), "reserved"));
    }
    SECTION("a size of the callbacks") {
        callbacks.struct_size -= 8;
        CHECK(contains(check(first, &second, other), "struct_size"));
    }
    SECTION("a required function") {
        SECTION("create") {
            second.create = nullptr;
        }
        SECTION("destroy") {
            second.destroy = nullptr;
        }
        SECTION("on_data") {
            callbacks.on_data = nullptr;
        }
        CHECK(contains(check(first, &second, other), "a required"));
    }
    // Nobody looks at it if the other one is chosen.
    CHECK(check(first, &second) == "is file");
}

TEST_CASE("a gap in the list of plugins is refused only if it is chosen", "[plugin_loader]") {
    const std::string name = "file";
    const portico_plugin first = plugin_of(name);
    const portico_plugin* const plugins[2] = {nullptr, &first};
    portico_module module{sizeof(portico_module), PORTICO_ABI_MAJOR, PORTICO_ABI_MINOR, 2, plugins};
    CHECK(plugin::check_module(&module, "file", "").error().empty());
    module.plugin_count = 1;
    CHECK(contains(plugin::check_module(&module, "file", "").error(), "its table is missing"));
}

TEST_CASE("a plugin is refused for a listener whose framing it cannot serve", "[plugin_loader]") {
    const std::string name = "file";
    portico_plugin plugin = plugin_of(name);
    config::Framing framing;
    const auto fault = [&](config::Framing::Type type) {
        framing.type = type;
        return plugin::framing_fault(plugin, framing);
    };
    using Type = config::Framing::Type;
    for (const Type type : {Type::none, Type::delimiter, Type::length_prefix}) {
        CHECK(fault(type).empty());  // PORTICO_FRAMING_ANY
    }
    plugin.framing = PORTICO_FRAMING_DELIMITER | PORTICO_FRAMING_LENGTH_PREFIX;
    CHECK(contains(fault(Type::none), "framing"));
    CHECK(fault(Type::delimiter).empty());
    CHECK(fault(Type::length_prefix).empty());
    plugin.framing = PORTICO_FRAMING_NONE;
    CHECK(fault(Type::none).empty());
    CHECK(contains(fault(Type::delimiter), "delimiter"));
    CHECK(contains(fault(Type::length_prefix), "length_prefix"));
}

TEST_CASE("hints that this host does not know do not refuse a plugin", "[plugin_loader]") {
    const std::string name = "file";
    portico_plugin plugin = plugin_of(name);
    plugin.optional_flags = UINT32_MAX;
    CHECK(check(plugin) == "is file");
}

TEST_CASE("a module's own table is checked before it is followed", "[plugin_loader]") {
    const std::string name = "file";
    const portico_plugin only = plugin_of(name);
    const portico_plugin* const plugins[1] = {&only};
    portico_module module{sizeof(portico_module), PORTICO_ABI_MAJOR, PORTICO_ABI_MINOR, 1, plugins};
    const auto error = [&] { return plugin::check_module(&module, "file", "").error(); };
    CHECK(error().empty());
    CHECK(contains(plugin::check_module(nullptr, "file", "").error(), "it does not speak version"));
    SECTION("another major version") {
        module.abi_major = PORTICO_ABI_MAJOR + 1;
        module.plugins = nullptr;  // not looked at
        CHECK(contains(error(), "it is built for version"));
    }
    SECTION("another minor version") {
        module.abi_minor = PORTICO_ABI_MINOR + 1;
        CHECK(contains(error(), "it is built for version"));
    }
    SECTION("damage") {
        SECTION("too small") {
            module.struct_size -= 8;
        }
        SECTION("no multiple of 8") {
            module.struct_size += 4;
        }
        SECTION("no plugin") {
            module.plugin_count = 0;
        }
        SECTION("more plugins than there can be") {
            module.plugin_count = 257;
        }
        SECTION("no list") {
            module.plugins = nullptr;
        }
        CHECK(contains(error(), "damaged"));
    }
}

TEST_CASE("a plugin's name never leads out of its directory", "[plugin_loader]") {
    for (const char* name : {"", "#inner", "outer#", "a/b", "a\\b", "c:", "..", "../up", "a..b"}) {
        CAPTURE(name);
        plugin::PrivateCopies copies;
        const auto loaded = plugin::load("nowhere", name, copies);
        REQUIRE_FALSE(loaded);
        CHECK(contains(loaded.error(), "is not a plugin's name"));
    }
}

TEST_CASE("a missing plugin is reported differently from one that cannot be loaded",
          "[plugin_loader]") {
    // A folder of the test's own. Its name is not ASCII, because an operator's may not be.
    const std::filesystem::path folder = std::filesystem::temp_directory_path() /
                                         std::filesystem::path(u8"pörtico_loader_test") /
                                         std::to_string(base::now_ns());
    REQUIRE(std::filesystem::create_directories(folder));
    const std::string directory = base::utf8_from_path(folder);
    plugin::PrivateCopies copies;
    const auto error_of = [&](const std::string& name) {
        return plugin::load(directory, name, copies).error();
    };
    CHECK(contains(error_of("absent"), "there is no plugin in that directory"));
    for (const char* name : {"second", "first", "third"}) {
        std::ofstream(folder / (std::string(name) + plugin::Library::suffix())) << "no library";
    }
    std::ofstream(folder / "notes.txt") << "not counted";
    REQUIRE(std::filesystem::create_directory(folder /
                                              (std::string("folder") + plugin::Library::suffix())));
    CHECK(contains(error_of("absent"), "available: first, second, third)"));
    CHECK(contains(error_of("first"), "cannot be loaded from"));
    CHECK(contains(error_of("first#inner"), "plugin \"first#inner\" cannot be loaded from"));
    std::filesystem::remove_all(folder);
    CHECK(contains(error_of("absent"), "the plugin directory cannot be read"));
}

TEST_CASE("a file that is not a whole library is refused with the reason", "[plugin_loader]") {
    const std::filesystem::path folder = std::filesystem::temp_directory_path() /
                                         ("portico_loader_test_" + std::to_string(base::now_ns()));
    REQUIRE(std::filesystem::create_directories(folder));
    const std::filesystem::path whole = std::filesystem::path(ECHO_LIBRARY);
    const std::filesystem::path part = folder / (std::string("part") + plugin::Library::suffix());
    plugin::PrivateCopies copies;
    const auto error = [&] {
        return plugin::load(base::utf8_from_path(folder), "part", copies).error();
    };

    // Every length that the headers at its beginning, and the sizes in them, could distinguish.
    const std::uintmax_t size = std::filesystem::file_size(whole);
    for (const std::uintmax_t bytes : {std::uintmax_t{0}, std::uintmax_t{3}, std::uintmax_t{40},
                                       std::uintmax_t{100}, std::uintmax_t{1'000}, size / 4}) {
        CAPTURE(bytes);
        std::filesystem::copy_file(whole, part, std::filesystem::copy_options::overwrite_existing);
        std::filesystem::resize_file(part, bytes);
        CHECK(contains(error(), "cannot be loaded from"));
#ifndef _WIN32
        CHECK(contains(error(),
                       bytes < 64 ? "it is not a shared library"
                                  : "it is cut short: it has " + std::to_string(bytes) + " bytes"));
#endif
    }
    std::ofstream(part) << std::string(100'000, 'x');
#ifdef _WIN32
    CHECK(contains(error(), "it is not a DLL"));
#else
    CHECK(contains(error(), "it is not a shared library"));
#endif
    // The file is named once.
    const std::string text = error();
    CHECK(text.find("part" + std::string(plugin::Library::suffix())) ==
          text.rfind("part" + std::string(plugin::Library::suffix())));
    std::filesystem::remove_all(folder);
}

TEST_CASE("a plugin that is linked into the program goes before a library", "[plugin_loader]") {
    const std::string one = "one";
    const std::string two = "two";
    const portico_plugin first = plugin_of(one);
    const portico_plugin second = plugin_of(two);
    const portico_plugin* const plugins[2] = {&first, &second};
    const portico_module single{sizeof single, PORTICO_ABI_MAJOR, PORTICO_ABI_MINOR, 1, plugins};
    const portico_module both{sizeof both, PORTICO_ABI_MAJOR, PORTICO_ABI_MINOR, 2, plugins};
    const portico_module old{sizeof old, PORTICO_ABI_MAJOR, PORTICO_ABI_MINOR + 1, 1, plugins};
    const plugin::LinkedModules linked{{"single", &single}, {"both", &both}, {"old", &old}};
    plugin::PrivateCopies copies;
    const auto load = [&](const std::string& name) {
        base::Result<plugin::Loaded> loaded = plugin::load("nowhere", name, copies, linked);
        return loaded ? "is " + std::string(loaded->table->name, loaded->table->name_size)
                      : loaded.error();
    };
    CHECK(load("single") == "is one");
    CHECK(load("both#two") == "is two");
    CHECK(contains(load("both"), "it has several plugins (one, two)"));
    CHECK(contains(load("both#three"), "it has no plugin \"three\""));
    CHECK(contains(load("both#"), "is not a plugin's name"));
    CHECK(contains(load("old"), "plugin \"old\" (linked into the program): it is built for"));
    CHECK(contains(load("absent"), "; in the program: both, old, single)"));
}

TEST_CASE("a linked module has a name that a configuration can name", "[plugin_loader]") {
    for (const char* name : {"a", "shout", "a-b_c.1", "so", "dll"}) {
        CAPTURE(name);
        CHECK(plugin::is_module_name(name));
    }
    for (const char* name : {"", " ", "a b", "a#b", "a/b", "a\\b", "a:", "a..b", "a\"", "a'",
                             "a.so", "a.dll", "\xc3\xa4"}) {
        CAPTURE(name);
        CHECK_FALSE(plugin::is_module_name(name));
    }
    CHECK(plugin::is_module_name(std::string(64, 'x')));
    CHECK_FALSE(plugin::is_module_name(std::string(65, 'x')));
}
