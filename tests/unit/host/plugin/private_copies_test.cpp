// The places of private copies of plugins, and the time at which they are removed.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/path_text.hpp"
#include "plugin/private_copies.hpp"
#include "support/catch.hpp"

using namespace portico;
using plugin::Library;
using plugin::LibraryFolder;
using plugin::PrivateCopies;

namespace {

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

// A folder of the test's own, with a name that is not ASCII.
class Scratch {
public:
    Scratch()
        : path_(std::filesystem::temp_directory_path() /
                std::filesystem::path(u8"pörtico_copies_test_" + digits(base::now_ns()))) {
        std::filesystem::create_directories(path_ / "plugins");
        std::filesystem::create_directories(path_ / "temporary");
        std::filesystem::copy_file(std::filesystem::path(ECHO_LIBRARY), plugin());
    }
    ~Scratch() {
        std::error_code code;
        std::filesystem::remove_all(path_, code);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    [[nodiscard]] std::filesystem::path plugin() const {
        return path_ / "plugins" / (std::string("echo") + Library::suffix());
    }
    [[nodiscard]] std::string plugin_text() const { return base::utf8_from_path(plugin()); }
    [[nodiscard]] std::string temporary() const {
        return base::utf8_from_path(path_ / "temporary");
    }
    [[nodiscard]] std::string missing() const { return base::utf8_from_path(path_ / "missing"); }
    [[nodiscard]] std::size_t folders() const {
        return static_cast<std::size_t>(
            std::distance(std::filesystem::directory_iterator(path_ / "temporary"),
                          std::filesystem::directory_iterator()));
    }

private:
    static std::u8string digits(std::uint64_t number) {
        const std::string text = std::to_string(number);
        return {text.begin(), text.end()};
    }
    std::filesystem::path path_;
};

}  // namespace

TEST_CASE("a plugin is loaded once, from a copy that goes with its owner", "[plugin_copies]") {
    const Scratch scratch;
    {
        PrivateCopies copies({scratch.temporary()});
        const auto first = copies.open(scratch.plugin_text());
        REQUIRE(first);
        auto second = copies.open(scratch.plugin_text());
        REQUIRE(second);
        CHECK(copies.notes().empty());
        CHECK(contains(copies.folder(), scratch.temporary()));
        CHECK(scratch.folders() == 1);
        // No process uses the file itself: it can be cut short and replaced.
        std::ofstream(scratch.plugin(), std::ios::binary | std::ios::trunc) << "cut";
        std::filesystem::remove(scratch.plugin());
        auto query = (*second)->symbol("portico_plugin_query");
        REQUIRE(query != nullptr);
    }
    CHECK(scratch.folders() == 0);
}

TEST_CASE("a folder that cannot hold copies is reported, and the next one used",
          "[plugin_copies]") {
    const Scratch scratch;
    PrivateCopies copies({scratch.missing(), scratch.temporary()});
    REQUIRE(copies.open(scratch.plugin_text()));
    REQUIRE(copies.notes().size() == 1);
    CHECK(contains(copies.notes()[0], scratch.missing() + ": "));
    CHECK(contains(copies.notes()[0], copies.folder()));
}

TEST_CASE("if no folder can hold copies, the original is loaded, with a note", "[plugin_copies]") {
    const Scratch scratch;
    PrivateCopies copies({scratch.missing()});
    REQUIRE(copies.open(scratch.plugin_text()));
    REQUIRE(copies.notes().size() == 1);
    CHECK(contains(copies.notes()[0], "do not replace them"));
    CHECK(copies.folder().empty());
}

TEST_CASE("a later owner gets the same kept library unless its file has changed",
          "[plugin_copies]") {
    const Scratch scratch;
    const Library* first = nullptr;
    for (int turn = 0; turn < 3; ++turn) {
        PrivateCopies copies({scratch.temporary()});
        auto library = copies.open(scratch.plugin_text());
        REQUIRE(library);
        copies.keep(*library);
        CHECK((first == nullptr || library->get() == first));
        first = library->get();
    }
    {
        std::ofstream changed(scratch.plugin(), std::ios::binary | std::ios::app);
        changed << "one byte more";
    }
    PrivateCopies copies({scratch.temporary()});
    auto library = copies.open(scratch.plugin_text());
    REQUIRE(library);
    CHECK(library->get() != first);
}

TEST_CASE("copies that nobody holds are removed; those in use are not", "[plugin_copies]") {
    const Scratch scratch;
    auto held = LibraryFolder::make(scratch.temporary());
    REQUIRE(held);
    // The leftovers of a killed process: files, folders and, on Linux, a link that leads out of it.
    const std::filesystem::path left = base::path_from_utf8(scratch.temporary()) /
                                       "portico-plugins-left";
    std::filesystem::create_directories(left / "inner");
    std::ofstream(left / "inner" / "copy") << "copy";
    std::ofstream(left / "copy") << "copy";
    std::ofstream(base::path_from_utf8(scratch.temporary()) / "portico-plugins-file")
        << "no folder";
#ifndef _WIN32
    std::filesystem::create_directory_symlink(scratch.plugin().parent_path(), left / "link");
    std::filesystem::create_directory_symlink(
        scratch.plugin().parent_path(),
        base::path_from_utf8(scratch.temporary()) / "portico-plugins-link");
#endif
    LibraryFolder::remove_leftovers(scratch.temporary());
    CHECK_FALSE(std::filesystem::exists(left));
    CHECK(std::filesystem::exists(base::path_from_utf8((*held)->path())));
    CHECK(std::filesystem::exists(scratch.plugin()));
    CHECK(std::filesystem::exists(base::path_from_utf8(scratch.temporary()) /
                                  "portico-plugins-file"));
    held->reset();
    LibraryFolder::remove_leftovers(scratch.temporary());
    CHECK(scratch.folders() == (Library::suffix() == std::string(".so") ? 2 : 1));
}
