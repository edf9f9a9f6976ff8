// The files of a run: as JSON, as a page, and each whole or not at all.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>

#ifndef _WIN32
#include <sys/stat.h>
#endif

#include "report/comparison_report.hpp"
#include "report/figures.hpp"
#include "report/html_report.hpp"
#include "report/json_report.hpp"
#include "report/output_file.hpp"
#include "report/result_files.hpp"
#include "support/catch.hpp"

using namespace portico::client;

namespace {

std::string content_of(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

// The JSON in a page. It must not end the element that contains it, and must let nothing come from
// elsewhere.
nlohmann::json inside_of(const std::string& page, const std::string& id) {
    CHECK(page.starts_with("<!doctype html>"));
    const std::size_t begin = page.find("<script type=\"application/json\" id=\"" + id + "\">");
    REQUIRE(begin != std::string::npos);
    const std::size_t data = page.find('{', begin);
    const std::string inside = page.substr(data, page.find("</script>", data) - data);
    CHECK(inside.find('<') == std::string::npos);
    CHECK(page.find("src=") == std::string::npos);
    CHECK(page.find("href=") == std::string::npos);
    CHECK(page.find("@import") == std::string::npos);
    CHECK(page.find("/*include") == std::string::npos);
    return nlohmann::json::parse(inside);
}

}  // namespace

TEST_CASE("a run as JSON has its figures, its series and its buckets", "[client][files]") {
    LoadPlan plan;
    plan.rate = 100;
    Totals totals;
    totals.connections_opened = 2;
    totals.received = 3;
    totals.first_send_ns = 1'000'000'000;
    totals.last_reply_ns = 3'000'000'000;
    totals.series.begin(1'000'000'000);
    for (const std::uint64_t latency_ns : {20'000, 20'000, 3'000'000}) {
        totals.latency_ns.record(latency_ns);
        totals.series.reply(1'100'000'000, latency_ns);
    }
    totals.failures["\"quoted\" \xff </script>"] = 2;
    const RunRecord record{{plan, totals},
                           {"::1", "5000", "--message", "a\nb"},
                           "2026-01-31T12:00:00Z",
                           {*parse_threshold("p99>1ms")},
                           4};
    const std::string text = json_report(record);
    const nlohmann::json json = nlohmann::json::parse(text);
    CHECK(json["schema"] == "portico-client-run");
    CHECK(json["version"] == 1);
    CHECK(json["arguments"] == nlohmann::json({"::1", "5000", "--message", "a\nb"}));
    CHECK(json["exit_code"] == 4);
    CHECK(json["figures"]["received"]["value"] == 3);
    CHECK(json["figures"]["messages_per_second"]["value"].get<double>() == Approx(1.5));
    CHECK(json["figures"]["latency_p99_us"]["unit"] == "us");
    CHECK(json["figures"].contains("rate"));
    CHECK_FALSE(json["figures"].contains("idle_opened"));
    CHECK(json["thresholds"][0]["failed"] == true);
    CHECK(json["failures"][0]["connections"] == 2);
    REQUIRE(json["series"]["slots"].size() == 1);
    CHECK(json["series"]["slots"][0][0] == 3);
    CHECK(json["latency"]["count"] == 3);
    CHECK(json["latency"]["max"] == 3'000'000);
    REQUIRE(json["latency"]["buckets"].size() == 2);
    CHECK(json["latency"]["buckets"][0][1] == 2);

    CHECK(inside_of(html_report(text), "run") == json);
}

TEST_CASE("a comparison as JSON has its figures and both sides, and its page carries the same",
          "[client][files]") {
    const std::string nasty = "</script><!-- \"\\ \x01 \xff";
    ComparisonRecord record;
    record.of_servers = true;
    record.arguments = {"::1:5000", nasty};
    record.made = "2026-01-31T12:00:00Z";
    record.figures = {{"messages_per_second", true, 100, 200, {2, 1.5, 2.5}},
                      {"latency_p50_us", false, 10, 20, {2, 1.5, 2.5}},
                      {"latency_p99_us", false, 10, 20, {2, 0.5, 2.5}}};
    record.sides[0].name = nasty;
    record.sides[0].rounds = {{100, 10, 10}};
    SavedRun& run = record.sides[1].run;
    run.system = nasty;
    run.figures = {{"lost", 3, ""}, {"seconds", 1.5, "s"}};
    run.failures = {{nasty, 2}};
    run.latency = {3, 30, {{10, 2}, {30, 1}}};
    const std::string text = comparison_json(record);
    const nlohmann::json json = nlohmann::json::parse(text);
    CHECK(json["schema"] == "portico-client-comparison");
    CHECK(json["version"] == 1);
    CHECK(json["of"] == "servers");
    CHECK(json["figures"][0]["better"] == "B");
    CHECK(json["figures"][0]["unit"] == "/s");
    CHECK(json["figures"][1]["better"] == "A");
    CHECK(json["figures"][2]["better"].is_null());
    CHECK(json["figures"][2]["low"] == 0.5);
    CHECK(json["sides"][0]["rounds"] == nlohmann::json::parse("[[100, 10, 10]]"));
    CHECK(json["sides"][1]["figures"]["lost"] == nlohmann::json::parse(R"({"value": 3})"));
    CHECK(json["sides"][1]["figures"]["seconds"]["unit"] == "s");
    CHECK(json["sides"][1]["failures"][0]["connections"] == 2);
    CHECK(json["sides"][1]["latency"]["buckets"] == nlohmann::json::parse("[[10, 2], [30, 1]]"));
    CHECK(inside_of(html_comparison(text), "comparison") == json);
}

TEST_CASE("what a run has written is read again", "[client][files]") {
    LoadPlan plan;
    Totals totals;
    totals.received = 3;
    totals.lost = 2;
    totals.first_send_ns = 1'000'000'000;
    totals.last_reply_ns = 3'000'000'000;
    totals.series.begin(1'000'000'000);
    for (const std::uint64_t latency_ns : {20'000, 20'000, 3'000'000}) {
        totals.latency_ns.record(latency_ns);
        totals.series.reply(1'100'000'000, latency_ns);
    }
    totals.failures["refused"] = 2;
    const SavedRun run = parse_saved_run(
        json_report({{plan, totals}, {"::1", "5000"}, "2026-01-31T12:00:00Z", {}, 3}));
    CHECK(run.arguments == std::vector<std::string>{"::1", "5000"});
    CHECK(run.began == "2026-01-31T12:00:00Z");
    CHECK(run.exit_code == 3);
    CHECK_FALSE(run.system.empty());
    CHECK(run.failures == std::vector<std::pair<std::string, std::uint64_t>>{{"refused", 2}});
    CHECK(run.figures.front().name == figures().front().name);
    const auto lost = std::find_if(run.figures.begin(), run.figures.end(),
                                   [](const SavedFigure& each) { return each.name == "lost"; });
    REQUIRE(lost != run.figures.end());
    CHECK(lost->value == 2);
    CHECK(lost->unit.empty());
    CHECK(run.slots.size() == 1);
    CHECK(run.slots[0][0] == 3);
    CHECK(run.latency.count == 3);
    CHECK(run.latency.max_ns == 3'000'000);
    CHECK(run.latency.buckets.size() == 2);
    CHECK(run.service.count == 0);
}

TEST_CASE("of two files the one is kept where the other cannot be", "[client][files]") {
    namespace fs = std::filesystem;
    const fs::path folder = fs::temp_directory_path() / "portico client result files";
    fs::remove_all(folder);
    REQUIRE(fs::create_directories(folder));
    const auto name = [&](const char* file) { return (folder / file).string(); };
    const auto page_of = [](std::string_view json) { return "page of " + std::string(json); };
    std::ostringstream out;
    {
        ResultFiles files;
        REQUIRE(files.open("-", name("page")));
        CHECK(files.are_wanted());
        CHECK(files.keep("{}", page_of, out));
        CHECK(out.str() == "{}");
        CHECK(content_of(folder / "page") == "page of {}");
    }
    {
        ResultFiles files;
        REQUIRE(files.open(name("json"), name("second")));
        fs::create_directories(folder / "json" / "in the way");
        const auto kept = files.keep("{}", page_of, out);
        REQUIRE_FALSE(kept);
        CHECK(kept.error().starts_with("--json: cannot write"));
        CHECK(content_of(folder / "second") == "page of {}");
    }
    ResultFiles none;
    REQUIRE(none.open("", ""));
    CHECK_FALSE(none.are_wanted());
    const auto nowhere = none.open("", name("no/such/page"));
    REQUIRE_FALSE(nowhere);
    CHECK(nowhere.error().starts_with("--report: cannot write"));
    fs::remove_all(folder);
}

TEST_CASE("a file is there whole or not at all", "[client][files]") {
    namespace fs = std::filesystem;
    const fs::path folder = fs::temp_directory_path() / fs::path(u8"p\u00f6rtico client files");
    fs::remove_all(folder);
    REQUIRE(fs::create_directories(folder));
    const fs::path path = folder / "run.json";
    const std::u8string name_bytes = path.u8string();
    const std::string name(name_bytes.begin(), name_bytes.end());
    {
        OutputFile file;
        REQUIRE(file.open(name));
        CHECK_FALSE(fs::exists(path));
        CHECK(file.keep("first"));
        CHECK(content_of(path) == "first");
    }
    {
        OutputFile file;
        REQUIRE(file.open(name));
        CHECK(content_of(path) == "first");
    }
    CHECK(content_of(path) == "first");
    {
        OutputFile file;
        REQUIRE(file.open(name));
        CHECK(file.keep("second"));
    }
    CHECK(content_of(path) == "second");
    CHECK(std::distance(fs::directory_iterator(folder), {}) == 1);
    OutputFile none;
    const auto into_folder = none.open(name.substr(0, name.size() - 9));
    CHECK_FALSE(into_folder);
    const auto into_nowhere = none.open(name.substr(0, name.size() - 8) + "no/such/run.json");
    REQUIRE_FALSE(into_nowhere);
    CHECK(into_nowhere.error().find("run.json") != std::string::npos);
    fs::remove_all(folder);
}

TEST_CASE("a device is written to, and stays a device", "[client][files]") {
#ifdef _WIN32
    const std::string device = "NUL";
#else
    const std::string device = "/dev/null";
#endif
    OutputFile file;
    REQUIRE(file.open(device));
    CHECK_FALSE(std::filesystem::exists(device + ".part"));
    CHECK(file.keep("nobody reads this"));
    CHECK_FALSE(std::filesystem::is_regular_file(device));
}

#ifndef _WIN32
TEST_CASE("a pipe and a link are written through, and what they lead to keeps its place",
          "[client][files]") {
    namespace fs = std::filesystem;
    const fs::path folder = fs::temp_directory_path() / "portico client links";
    fs::remove_all(folder);
    REQUIRE(fs::create_directories(folder / "elsewhere"));
    SECTION("a pipe's reader gets all of it") {
        const fs::path pipe = folder / "pipe";
        REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
        std::string came;
        std::thread reader([&] { came = content_of(pipe); });
        OutputFile file;
        const auto opened = file.open(pipe.string());
        const auto kept = opened ? file.keep(std::string(100'000, 'x')) : opened;
        if (!opened) {
            std::ofstream(pipe).put('!');  // so that the reader ends
        }
        reader.join();
        CHECK(kept);
        CHECK(came.size() == 100'000);
        CHECK(fs::is_fifo(pipe));
    }
    SECTION("a link's file has the old content until there is a new one") {
        const fs::path target = folder / "elsewhere" / "run.json";
        std::ofstream(target) << "old and longer";
        fs::create_symlink(target, folder / "link");
        {
            OutputFile file;
            REQUIRE(file.open((folder / "link").string()));
            CHECK(content_of(target) == "old and longer");
        }
        CHECK(content_of(target) == "old and longer");
        OutputFile file;
        REQUIRE(file.open((folder / "link").string()));
        CHECK(file.keep("new"));
        CHECK(content_of(target) == "new");
        CHECK(fs::is_symlink(folder / "link"));
    }
    SECTION("what a link names is made, and taken away again if nothing is kept") {
        const fs::path target = folder / "elsewhere" / "absent";
        fs::create_symlink(target, folder / "link");
        {
            OutputFile file;
            REQUIRE(file.open((folder / "link").string()));
        }
        CHECK_FALSE(fs::exists(target));
        OutputFile file;
        REQUIRE(file.open((folder / "link").string()));
        CHECK(file.keep("new"));
        CHECK(content_of(target) == "new");
        CHECK(fs::is_symlink(folder / "link"));
    }
    SECTION("a link to a device") {
        fs::create_symlink("/dev/null", folder / "link");
        OutputFile file;
        REQUIRE(file.open((folder / "link").string()));
        CHECK(file.keep("nobody reads this"));
        CHECK(fs::is_symlink(folder / "link"));
    }
    SECTION("a device without room is no success") {
        OutputFile file;
        REQUIRE(file.open("/dev/full"));
        const auto kept = file.keep("too much");
        REQUIRE_FALSE(kept);
        CHECK(kept.error().find("No space left") != std::string::npos);
    }
    SECTION("a name beside it that is a link is not followed") {
        std::ofstream(folder / "victim") << "kept";
        fs::create_symlink(folder / "victim", folder / "run.json.part");
        OutputFile file;
        REQUIRE(file.open((folder / "run.json").string()));
        CHECK(file.keep("new"));
        CHECK(content_of(folder / "victim") == "kept");
        CHECK(content_of(folder / "run.json") == "new");
    }
    fs::remove_all(folder);
}
#endif
