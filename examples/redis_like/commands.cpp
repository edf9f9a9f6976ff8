#include "commands.hpp"

#include <algorithm>
#include <limits>

#include "resp.hpp"

namespace redis_like {

namespace {

using Words = std::vector<std::string_view>;

constexpr const char *not_an_integer = "ERR value is not an integer or out of range";

struct Call {
    Store &store;
    const Words &words;
    Now &now;
    std::string &reply;
};

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// A name of up to 8 bytes, in lower case, as a number; 0 if it is longer.
constexpr std::uint64_t code(std::string_view name) {
    if (name.size() > 8) return 0;
    std::uint64_t value = 0;
    for (const char c : name) value = value << 8 | static_cast<unsigned char>(lower(c));
    return value;
}

// When a key ends that lives for so long from now on. False: that is too far away.
bool deadline_in(std::int64_t amount, std::int64_t unit_ms, std::uint64_t now,
                 std::uint64_t &deadline) {
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
    const std::int64_t then = static_cast<std::int64_t>(now);
    if (amount > (most - then) / unit_ms || amount < (then - most) / unit_ms) return false;
    deadline = static_cast<std::uint64_t>(std::max<std::int64_t>(then + amount * unit_ms, 1));
    return true;
}

After ping(Call &call) {
    if (call.words.size() == 1) {
        append_simple(call.reply, "PONG");
    } else {
        append_bulk(call.reply, call.words[1]);
    }
    return After::nothing;
}

After echo(Call &call) {
    append_bulk(call.reply, call.words[1]);
    return After::nothing;
}

void append_value(Call &call, std::string_view key) {
    if (const std::string *const value = call.store.read(key, call.now)) {
        append_bulk(call.reply, *value);
    } else {
        append_null(call.reply);
    }
}

After get(Call &call) {
    append_value(call, call.words[1]);
    return After::nothing;
}

After get_many(Call &call) {
    append_array(call.reply, call.words.size() - 1);
    for (std::size_t i = 1; i < call.words.size(); ++i) append_value(call, call.words[i]);
    return After::nothing;
}

// SET key value [NX | XX] [EX seconds | PX milliseconds], in any order.
After set(Call &call) {
    Store::When when = Store::When::always;
    std::int64_t unit_ms = 0;
    std::string_view time;
    for (std::size_t i = 3; i < call.words.size(); ++i) {
        // An option may be repeated, and excludes the other one of its kind.
        const std::uint64_t option = code(call.words[i]);
        const Store::When wanted = option == code("nx") ? Store::When::if_absent
                                                        : Store::When::if_present;
        const std::int64_t unit = option == code("ex") ? 1'000 : 1;
        const bool is_time = option == code("ex") || option == code("px");
        if ((option == code("nx") || option == code("xx")) &&
            (when == Store::When::always || when == wanted)) {
            when = wanted;
        } else if (is_time && (unit_ms == 0 || unit_ms == unit) && i + 1 < call.words.size()) {
            unit_ms = unit;
            time = call.words[++i];
        } else {
            append_error(call.reply, "ERR syntax error");
            return After::nothing;
        }
    }
    std::uint64_t deadline = Store::no_deadline;
    std::int64_t amount = 0;
    if (unit_ms != 0) {
        if (!parse_integer(time, amount)) {
            append_error(call.reply, not_an_integer);
            return After::nothing;
        }
        if (amount <= 0 || !deadline_in(amount, unit_ms, call.now(), deadline)) {
            append_error(call.reply, "ERR invalid expire time in 'set' command");
            return After::nothing;
        }
    }
    if (call.store.set(call.words[1], call.words[2], deadline, when, call.now)) {
        append_simple(call.reply, "OK");
        return deadline != Store::no_deadline ? After::sweep : After::nothing;
    }
    append_null(call.reply);
    return After::nothing;
}

After erase(Call &call) {
    std::int64_t count = 0;
    for (std::size_t i = 1; i < call.words.size(); ++i) {
        count += call.store.erase(call.words[i], call.now) ? 1 : 0;
    }
    append_integer(call.reply, count);
    return After::nothing;
}

After exists(Call &call) {
    std::int64_t count = 0;
    for (std::size_t i = 1; i < call.words.size(); ++i) {
        count += call.store.read(call.words[i], call.now) != nullptr ? 1 : 0;
    }
    append_integer(call.reply, count);
    return After::nothing;
}

After increment(Call &call) {
    std::int64_t sum = 0;
    switch (call.store.add(call.words[1], 1, call.now, sum)) {
        case Store::Added::done: append_integer(call.reply, sum); break;
        case Store::Added::no_integer: append_error(call.reply, not_an_integer); break;
        case Store::Added::overflow:
            append_error(call.reply, "ERR increment or decrement would overflow");
            break;
    }
    return After::nothing;
}

After expire(Call &call) {
    std::int64_t seconds = 0;
    std::uint64_t deadline = 0;
    if (!parse_integer(call.words[2], seconds)) {
        append_error(call.reply, not_an_integer);
        return After::nothing;
    }
    if (!deadline_in(seconds, 1'000, call.now(), deadline)) {
        append_error(call.reply, "ERR invalid expire time in 'expire' command");
        return After::nothing;
    }
    const bool is_there = call.store.expire(call.words[1], deadline, call.now);
    append_integer(call.reply, is_there ? 1 : 0);
    return is_there ? After::sweep : After::nothing;
}

After time_to_live(Call &call) {
    const std::int64_t left = call.store.time_to_live(call.words[1], call.now);
    append_integer(call.reply, left < 0 ? left : (left + 500) / 1'000);
    return After::nothing;
}

After quit(Call &call) {
    append_simple(call.reply, "OK");
    return After::close;
}

// Clients ask for lists of commands and settings; the lists are empty.
After command(Call &call) {
    append_array(call.reply, 0);
    return After::nothing;
}
After config(Call &call) {
    if (code(call.words[1]) == code("get")) {
        append_array(call.reply, 0);
    } else {
        append_error(call.reply, "ERR unknown subcommand '" + std::string(call.words[1]) +
                                     "'. Try CONFIG HELP.");
    }
    return After::nothing;
}

After unknown(Call &call) {
    std::string text = "ERR unknown command '" + std::string(call.words[0].substr(0, 128)) +
                       "', with args beginning with: ";
    const std::size_t begin = text.size();
    for (std::size_t i = 1; i < call.words.size() && text.size() - begin < 128; ++i) {
        const std::size_t room = 128 - (text.size() - begin);
        text += '\'';
        text += call.words[i].substr(0, room);
        text += "' ";
    }
    append_error(call.reply, text);
    return After::nothing;
}

struct Command {
    After (*run)(Call &) = unknown;
    std::size_t least = 0;  // words, the name counted
    std::size_t most = std::numeric_limits<std::size_t>::max();
};

Command find(std::string_view name) {
    constexpr std::size_t any = std::numeric_limits<std::size_t>::max();
    switch (code(name)) {
        case code("get"): return {get, 2, 2};
        case code("set"): return {set, 3, any};
        case code("ping"): return {ping, 1, 2};
        case code("incr"): return {increment, 2, 2};
        case code("mget"): return {get_many, 2, any};
        case code("del"): return {erase, 2, any};
        case code("exists"): return {exists, 2, any};
        case code("expire"): return {expire, 3, 3};
        case code("ttl"): return {time_to_live, 2, 2};
        case code("echo"): return {echo, 2, 2};
        case code("quit"): return {quit, 1, any};
        case code("command"): return {command, 1, any};
        case code("config"): return {config, 2, any};
        default: return {};
    }
}

}  // namespace

After execute(Store &store, const Words &words, Now &now, std::string &reply) {
    const Command command = find(words[0]);
    Call call{store, words, now, reply};
    if (words.size() >= command.least && words.size() <= command.most) return command.run(call);
    std::string name(words[0]);
    std::transform(name.begin(), name.end(), name.begin(), lower);
    append_error(reply, "ERR wrong number of arguments for '" + name + "' command");
    return After::nothing;
}

}  // namespace redis_like
