// The options of the interleaving tests, before Catch2's own: --seed N is the first seed of the
// random runs, --seeds N how many runs each test makes.
#include <charconv>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <vector>

#include "sim/interleave/seeds.hpp"
#include "support/run_catch.hpp"

namespace portico::interleave {

Seeds& seeds() {
    static Seeds chosen;
    return chosen;
}

}  // namespace portico::interleave

int main(int argc, char** argv) {
    std::vector<char*> rest{argv[0]};
    for (int i = 1; i < argc; ++i) {
        const std::string_view name = argv[i];
        if (name != "--seed" && name != "--seeds") {
            rest.push_back(argv[i]);
            continue;
        }
        const char* text = i + 1 < argc ? argv[++i] : "";
        const char* end = text + std::strlen(text);
        portico::interleave::Seeds& seeds = portico::interleave::seeds();
        const auto [rest_of_text, error] = std::from_chars(
            text, end, name == "--seed" ? seeds.first : seeds.count);
        if (error != std::errc{} || rest_of_text != end || text == end) {
            std::fprintf(stderr, "%s wants a number\n", name.data());
            return 2;
        }
        if (name == "--seed" && !seeds.count_chosen) {
            seeds.count = 1;
        } else if (name == "--seeds") {
            seeds.count_chosen = true;
        }
    }
    return portico::tests::run_catch(static_cast<int>(rest.size()), rest.data());
}
