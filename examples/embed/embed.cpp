// A program that serves a protocol of its own: it answers each line in capitals. The protocol is
// part of the program; nothing is loaded. Ends when its standard input does.
#include <cstdio>

#include <portico/plugin.hpp>
#include <portico/server.hpp>

struct shout : portico::plugin<shout> {
    portico::flow on_data(portico::connection c, portico::message m) {
        std::string answer(m.bytes());
        for (char &letter : answer) {
            if (letter >= 'a' && letter <= 'z') letter = static_cast<char>(letter - 'a' + 'A');
        }
        return c.send_all(answer);
    }
};
PORTICO_PLUGIN_AS(shout_query, shout, "shout", "1.0")

constexpr const char *configuration = R"({ "listeners": [ {
    "listen": "127.0.0.1:0", "plugin": "shout", "framing": { "type": "delimiter" } } ] })";

int main() {
    portico::Server server;
    const bool is_started = server.register_plugin("shout", shout_query(PORTICO_ABI_MAJOR)) &&
                            server.configure_text(configuration, "") && server.start();
    for (const std::string &error : server.errors()) std::fprintf(stderr, "%s\n", error.c_str());
    if (!is_started) return 1;
    std::printf("listening on %s\n", server.endpoints().front().address.c_str());
    std::fflush(stdout);
    while (std::getchar() != EOF) continue;
    server.stop();
    return server.wait().stuck ? 1 : 0;
}
