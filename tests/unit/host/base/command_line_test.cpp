// Splitting a Windows command line into arguments.
#include "base/command_line.hpp"
#include "support/catch.hpp"

#ifdef _WIN32
#include <windows.h>
#endif

using portico::base::split_command_line;
using Arguments = std::vector<std::wstring>;

TEST_CASE("a command line is split as the C library splits it", "[command_line]") {
    CHECK(split_command_line(L"") == Arguments{L""});
    CHECK(split_command_line(L"host.exe") == Arguments{L"host.exe"});
    CHECK(split_command_line(L"\"C:\\Program Files\\host.exe\" --config  a.json\t") ==
          Arguments{L"C:\\Program Files\\host.exe", L"--config", L"a.json"});
    CHECK(split_command_line(L"C:\\dir\\\"two words\"\\host a") ==
          Arguments{L"C:\\dir\\two words\\host", L"a"});
    CHECK(split_command_line(L"x \"a b c\" d e") == Arguments{L"x", L"a b c", L"d", L"e"});
    CHECK(split_command_line(L"x \"ab\\\"c\" \"\\\\\" d") ==
          Arguments{L"x", L"ab\"c", L"\\", L"d"});
    CHECK(split_command_line(L"x a\\\\\\b d\"e f\"g h") ==
          Arguments{L"x", L"a\\\\\\b", L"de fg", L"h"});
    CHECK(split_command_line(L"x a\\\\\\\"b c d") == Arguments{L"x", L"a\\\"b", L"c", L"d"});
    CHECK(split_command_line(L"x a\\\\\\\\\"b c\" d e") ==
          Arguments{L"x", L"a\\\\b c", L"d", L"e"});
    CHECK(split_command_line(L"x a\"b\"\" c d") == Arguments{L"x", L"ab\" c d"});
    CHECK(split_command_line(L"x \"\" b") == Arguments{L"x", L"", L"b"});
    CHECK(split_command_line(L"x C:\\dir\\ b\\") == Arguments{L"x", L"C:\\dir\\", L"b\\"});
    CHECK(split_command_line(L"x \"open end") == Arguments{L"x", L"open end"});
    CHECK(split_command_line(L"x \u00e4 \u4e2d\u6587") ==
          Arguments{L"x", L"\u00e4", L"\u4e2d\u6587"});
}

#ifdef _WIN32
TEST_CASE("this program's own command line gives this program's arguments", "[command_line]") {
    CHECK(split_command_line(::GetCommandLineW()).size() == static_cast<std::size_t>(__argc));
}
#endif
