#include "log/line_time.hpp"

#include <cstddef>
#include <string_view>

namespace portico::log {

namespace {

// Each connection that ends has a line, so this is done by hand: snprintf takes several times as
// long.
void put_digits(char* last, unsigned number, int digits) {
    for (; digits > 0; --digits, number /= 10) {
        *last-- = static_cast<char>('0' + number % 10);
    }
}

}  // namespace

void append_time(std::string& line, std::chrono::system_clock::time_point time) {
    using namespace std::chrono;
    const auto moment = floor<milliseconds>(time);
    const auto day = floor<days>(moment);
    const year_month_day date(day);
    const hh_mm_ss clock(moment - day);
    constexpr std::string_view form = "0000-00-00T00:00:00.000Z";
    const std::size_t at = line.size();
    line += form;
    char* const text = line.data() + at;
    put_digits(text + 3, static_cast<unsigned>(static_cast<int>(date.year())), 4);
    put_digits(text + 6, static_cast<unsigned>(date.month()), 2);
    put_digits(text + 9, static_cast<unsigned>(date.day()), 2);
    put_digits(text + 12, static_cast<unsigned>(clock.hours().count()), 2);
    put_digits(text + 15, static_cast<unsigned>(clock.minutes().count()), 2);
    put_digits(text + 18, static_cast<unsigned>(clock.seconds().count()), 2);
    put_digits(text + 22, static_cast<unsigned>(clock.subseconds().count()), 3);
}

}  // namespace portico::log
