// The files that a run leaves: as JSON, as a page, and whole or not at all.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "html_report.hpp"
#include "json_report.hpp"
#include "output_file.hpp"
#include "support/catch.hpp"

using namespace portico::client;

namespace {

std::string content_of(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
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
    const RunRecord record{{plan, totals}, {"::1", "5000", "--message", "a\nb"}, "2026-01-31T12:00:00Z", {*parse_threshold("p99>1ms")}, 4};
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

    const std::string page = html_report(text);
    CHECK(page.starts_with("<!doctype html>"));
    // Nothing of the run ends the element that it stands in, and nothing comes from elsewhere.
    const std::size_t begin = page.find("<script type=\"application/json\" id=\"run\">");
    REQUIRE(begin != std::string::npos);
    const std::size_t data = page.find('{', begin);
    const std::string inside = page.substr(data, page.find("</script>", data) - data);
    CHECK(nlohmann::json::parse(inside) == json);
    CHECK(inside.find('<') == std::string::npos);
    CHECK(page.find("src=") == std::string::npos);
    CHECK(page.find("href=") == std::string::npos);
    CHECK(page.find("@import") == std::string::npos);
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
