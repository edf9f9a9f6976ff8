// Reads the file and the top level of the configuration. The rest has its own files: json_source
// (text to tree), syntax_error (its messages), schema_reader (typed reads), listener_reader,
// listen_reader and framing_reader (the rules).
#include "config/load.hpp"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "base/path_text.hpp"
#include "config/admin_reader.hpp"
#include "config/json_source.hpp"
#include "config/listener_reader.hpp"
#include "config/path_reader.hpp"
#include "config/schema_reader.hpp"

namespace portico::config {

namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t file_bytes_max = 16 * 1024 * 1024;
constexpr std::uint32_t rotate_max_bytes_default = 100U << 20;

void read_io(ObjectReader reader, Io& io) {
    using Ports = Io::Ports;
    reader.choice("backend", io.backend, {"auto", "epoll", "io_uring", "iocp"});
    reader.choice<Ports, Ports>(
        "ports", io.ports,
        {{"auto", Ports::automatic}, {"shared", Ports::shared}, {"per_core", Ports::per_core}});
    if (io.backend == "io_uring" && io.ports == Ports::shared) {
        reader.mistake("ports",
                       "found \"shared\", expected \"per_core\" or \"auto\": a port on io_uring "
                       "belongs to one thread");
    }
    reader.integer("threads", io.threads, 0, 1'024);
    reader.integer("receive_buffer_bytes", io.receive_buffer_bytes, 512, 1'048'576);
    reader.integer("receive_buffers", io.receive_buffers, 16, 1'048'576);
    reader.reject_unknown_keys();
}

// true, false or a file's name.
void read_access(ObjectReader& reader, const std::string& file, Log& log) {
    const Node* node = reader.value("access");
    if (node == nullptr) {
        return;
    }
    if (node->kind == Node::Kind::boolean) {
        log.access = node->boolean;
    } else if (node->kind == Node::Kind::string && !node->text.empty()) {
        read_path(reader, "access", "true, false or a file's name", file, log.access_file);
    } else {
        reader.mistake("access", *node, "true, false or a file's name");
    }
}

// Absent: never. An empty object: at the default size.
void read_rotate(ObjectReader reader, Log& log) {
    if (reader.present()) {
        log.rotate_max_bytes = rotate_max_bytes_default;
        reader.integer("max_bytes", log.rotate_max_bytes, 1'000, UINT32_MAX);
        reader.integer("keep", log.rotate_keep, 1, 1'000);
        reader.reject_unknown_keys();
    }
}

void read_log(ObjectReader reader, const std::string& file, Log& log) {
    reader.choice("level", log.level, {"trace", "debug", "info", "warn", "error", "off"});
    read_path(reader, "file", "a file's name", file, log.file);
    reader.choice<bool, bool>("format", log.json, {{"text", false}, {"json", true}});
    read_access(reader, file, log);
    read_rotate(reader.object_reader("rotate"), log);
    reader.integer("queue", log.queue, 16, 1'048'576);
    reader.reject_unknown_keys();
}

void read_shutdown(ObjectReader reader, std::uint32_t& drain_ms) {
    reader.integer("drain_ms", drain_ms, 0, timeout_ms_max);
    reader.reject_unknown_keys();
}

// Notes the lines of an object and its members, for errors that are found later.
void note_lines(const Node& tree, std::string_view object, std::map<std::string, int>& lines) {
    const Node* node = tree.find(object);
    if (node == nullptr) {
        return;
    }
    lines.emplace(object, node->line);
    for (const Node& member : node->children) {
        lines.emplace(join_path(object, member.key), member.line);
    }
}

Config read_config(const Node& tree, const std::string& file, Mistakes& mistakes) {
    Config config;
    config.file = file;
    check_repeated_keys(tree, "", mistakes);
    ObjectReader root(&tree, "", mistakes);
    root.string("$schema", "the schema's name, a text");
    read_io(root.object_reader("io"), config.io);
    read_path(root, "plugin_directory", "a folder's name", file, config.plugin_directory);
    TakenAddresses addresses;
    config.listeners = read_listeners(root, file, addresses, mistakes);
    read_log(root.object_reader("log"), file, config.log);
    read_admin(root.object_reader("admin"), file, config.admin, addresses, mistakes);
    read_shutdown(root.object_reader("shutdown"), config.drain_ms);
    root.reject_unknown_keys();
    if (mistakes.empty()) {
        note_lines(tree, "io", config.lines);
        note_lines(tree, "log", config.lines);
        note_lines(tree, "admin", config.lines);
    }
    return config;
}

Loaded failed(const std::string& file, const std::string& why) {
    Loaded loaded;
    loaded.config.file = file;
    loaded.mistakes.push_back(file + ": " + why);
    return loaded;
}

// Says why the file cannot be read, and what helps.
std::string unreadable(std::error_code code) {
    if (code == std::errc::no_such_file_or_directory || code == std::errc::not_a_directory) {
        return "not found; name the configuration file with --config FILE (config/host.json is an "
               "example)";
    }
    if (code == std::errc::permission_denied) {
        return "not readable: permission denied; let the account that runs the host read it";
    }
    return "not readable: " + (code ? code.message() : "the system does not say why");
}

}  // namespace

Loaded load_text(std::string_view text, const std::string& file) {
    const std::string shown = file.empty() ? "(text)" : file;
    const Parsed parsed = parse_json(text);
    if (!parsed.error.text.empty()) {
        Loaded loaded = failed(shown + ":" + std::to_string(parsed.error.line) + ":" +
                                   std::to_string(parsed.error.column),
                               parsed.error.text);
        loaded.config.file = file;
        return loaded;
    }
    Mistakes mistakes;
    Loaded loaded;
    loaded.config.file = file;
    if (parsed.root.kind == Node::Kind::object) {
        loaded.config = read_config(parsed.root, file, mistakes);
    } else {
        mistakes.add(parsed.root.line, "(top level)",
                     found_expected(parsed.root, "an object, {...}"));
    }
    loaded.mistakes = mistakes.report(shown);
    return loaded;
}

Loaded load_file(const std::string& file) {
    const std::string too_large =
        "larger than 16 MiB, too large for a configuration; name the right file with --config FILE";
    try {
        const fs::path path = base::path_from_utf8(file);
        std::error_code code;
        const fs::file_status status = fs::status(path, code);
        if (status.type() == fs::file_type::not_found) {
            return failed(file,
                          unreadable(std::make_error_code(std::errc::no_such_file_or_directory)));
        }
        if (status.type() == fs::file_type::none) {
            return failed(file, unreadable(code));
        }
        if (status.type() == fs::file_type::directory) {
            return failed(file, "a directory, not a file; name the file in it, such as host.json");
        }
        if (status.type() == fs::file_type::regular && fs::file_size(path) > file_bytes_max) {
            return failed(file, too_large);
        }
        errno = 0;
        std::ifstream stream(path, std::ios::binary);
        if (!stream) {
            return failed(file, unreadable(std::error_code(errno, std::generic_category())));
        }
        // A pipe has no size, so reading is bounded too.
        std::string text;
        std::string block(65'536, '\0');
        while (stream.read(block.data(), static_cast<std::streamsize>(block.size())),
               stream.gcount() > 0) {
            text.append(block, 0, static_cast<std::size_t>(stream.gcount()));
            if (text.size() > file_bytes_max) {
                return failed(file, too_large);
            }
        }
        if (stream.bad()) {
            return failed(file, "not readable: an error while reading");
        }
        return load_text(text, file);
    } catch (const std::system_error& error) {
        return failed(file, unreadable(error.code()));
    }
}

}  // namespace portico::config
