// The tables of a plugin, with anything in every member: sizes, counts, versions, flags, names,
// missing functions. The loader accepts a library exactly if its names differ and the chosen plugin
// is one that the ABI allows. It never reads past a table's claimed size, and gives the reason for
// all others.
#include <cstring>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/assert.hpp"
#include "fuzz/input.hpp"
#include "plugin/loader.hpp"

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

// Memory of exactly the size that the table claims, so that a read past it is found (but at most 4
// KiB, and at least the members that hold the claim).
class TableMemory {
public:
    TableMemory(const void* table, std::size_t size, std::size_t claimed, std::size_t least) {
        const std::size_t room = std::max(least, std::min<std::size_t>(claimed, 4'096));
        bytes_ = std::make_unique<std::uint64_t[]>((room + 7) / 8);
        if (room % 8 != 0) {
            bytes_.reset();
            odd_.resize(room + 8);
        }
        std::memcpy(address(), table, std::min(size, room));
    }
    [[nodiscard]] void* address() {
        return bytes_ ? static_cast<void*>(bytes_.get()) : static_cast<void*>(odd_.data());
    }

private:
    std::unique_ptr<std::uint64_t[]> bytes_;
    // a size that is no multiple of 8 is refused before any other member is read
    std::vector<std::uint64_t> odd_;
};

// Mostly the right value, now and then another one.
std::uint32_t nearly(fuzz::Input& input, std::uint32_t right) {
    switch (input.byte() % 8) {
        case 0: return input.number<std::uint32_t>();
        case 1: return right + 1;
        case 2: return right - 1;
        case 3: return right + 8;
        default: return right;
    }
}

struct Label {
    std::unique_ptr<char[]> bytes;  // exactly as long as it says
    std::uint64_t size = 0;
    bool missing = false;

    [[nodiscard]] std::string text() const {
        return missing ? std::string() : std::string(bytes.get(), size);
    }
    // Printable ASCII without spaces.
    [[nodiscard]] bool is_good(std::size_t least) const {
        if (size > 64 || size < least || (missing && size != 0)) {
            return false;
        }
        for (const char letter : text()) {
            if (letter <= ' ' || letter > '~') {
                return false;
            }
        }
        return true;
    }
};

// A name that the configuration accepts.
std::string read_name(fuzz::Input& input) {
    std::string name = input.text(input.byte() % 8);
    for (char& letter : name) {
        letter = letter > ' ' && letter <= '~' ? letter : '_';
    }
    return name;
}

Label read_label(fuzz::Input& input) {
    Label label;
    const std::uint8_t kind = input.byte();
    label.missing = kind >= 0xF0;
    label.size = kind % 70;
    const std::string text = input.text(label.size);
    if (label.missing) {
        label.size = kind == 0xFF ? UINT64_MAX : label.size % 3;
        return label;
    }
    label.size = text.size();
    label.bytes = std::make_unique<char[]>(text.size());
    std::memcpy(label.bytes.get(), text.data(), text.size());
    return label;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::string file_name = read_name(input);
    const std::string wanted = read_name(input);

    portico_module module{};
    module.struct_size = nearly(input, sizeof module);
    module.abi_major = nearly(input, PORTICO_ABI_MAJOR);
    module.abi_minor = nearly(input, PORTICO_ABI_MINOR);
    const std::uint32_t count = input.byte() % 5;
    module.plugin_count = nearly(input, count);

    std::deque<TableMemory> memory;
    std::deque<Label> labels;
    std::vector<const portico_plugin*> plugins;
    std::deque<TableMemory> callback_memory;
    bool names_differ = true;
    std::set<std::string> names;
    // The chosen one, as its name says, and whether it is right.
    bool is_named = false;
    const portico_plugin* by_name = nullptr;
    bool is_right = false;
    for (std::uint32_t i = 0; i < count; ++i) {
        portico_plugin plugin{};
        plugin.struct_size = nearly(input, sizeof plugin);
        plugin.abi_major = nearly(input, PORTICO_ABI_MAJOR);
        plugin.abi_minor = nearly(input, PORTICO_ABI_MINOR);
        const std::uint8_t oddities = input.byte();
        plugin.abi_required = (oddities & 1) != 0 ? input.number<std::uint32_t>() : 0;
        plugin.flags = (oddities & 2) != 0 ? input.number<std::uint32_t>() : oddities >> 2 & 7;
        plugin.optional_flags = input.byte();
        plugin.framing = (oddities & 0x60) == 0x20 ? input.byte() : 0;
        plugin.reserved = (oddities & 0x60) == 0x60 ? input.byte() : 0;
        labels.push_back(read_label(input));
        const Label& name = labels.back();
        plugin.name = name.bytes.get();
        plugin.name_size = name.size;
        labels.push_back(read_label(input));
        const Label& version = labels.back();
        plugin.version = version.bytes.get();
        plugin.version_size = version.size;
        const std::uint8_t missing = (oddities & 0x80) != 0 ? input.byte() : 0;
        plugin.create = (missing & 1) != 0 ? nullptr : create;
        plugin.destroy = (missing & 2) != 0 ? nullptr : destroy;
        portico_callbacks callbacks{};
        callbacks.struct_size = (oddities & 0x80) != 0 ? nearly(input, sizeof callbacks)
                                                       : sizeof callbacks;
        callbacks.reserved = (missing & 32) != 0 ? 1 : 0;
        callbacks.on_data = (missing & 4) != 0 ? nullptr : on_data;
        callback_memory.emplace_back(&callbacks, sizeof callbacks, callbacks.struct_size,
                                     sizeof callbacks.struct_size);
        plugin.callbacks = (missing & 16) != 0 ? nullptr
                                               : static_cast<const portico_callbacks*>(
                                                     callback_memory.back().address());
        const bool is_missing = (missing & 8) != 0;
        if (is_missing) {
            plugins.push_back(nullptr);
        } else {
            memory.emplace_back(&plugin, sizeof plugin, plugin.struct_size,
                                sizeof plugin.struct_size);
            plugins.push_back(static_cast<const portico_plugin*>(memory.back().address()));
        }
        // A table that is too short for its name, or has none, cannot be chosen by name.
        const bool has_name = !is_missing &&
                              plugin.struct_size >= offsetof(portico_plugin, version) &&
                              name.is_good(1);
        names_differ = names_differ && (!has_name || names.insert(name.text()).second);
        const bool is_only = wanted.empty() && count == 1;
        if (is_only || (has_name && name.text() == (wanted.empty() ? file_name : wanted))) {
            is_named = true;
            by_name = plugins.back();
            is_right = has_name && plugin.struct_size >= sizeof plugin &&
                       plugin.struct_size % 8 == 0 && plugin.abi_major == PORTICO_ABI_MAJOR &&
                       plugin.abi_minor == PORTICO_ABI_MINOR &&
                       plugin.abi_required <= PORTICO_ABI_MINOR && plugin.flags < 8 &&
                       (plugin.framing == 0 || (plugin.framing & 7) != 0) && plugin.reserved == 0 &&
                       version.is_good(0) && (missing & 39) == 0 && plugin.callbacks != nullptr &&
                       callbacks.struct_size >= sizeof callbacks && callbacks.struct_size % 8 == 0;
        }
    }
    const bool listed = count != 0 && input.byte() < 0xF0;
    const std::unique_ptr<const portico_plugin*[]> list(new const portico_plugin*[plugins.size()]);
    std::copy(plugins.begin(), plugins.end(), list.get());
    module.plugins = listed ? list.get() : nullptr;
    if (module.plugin_count > count && module.plugin_count <= 256) {
        return 0;  // a list shorter than it says looks like a right one
    }
    // The versions are at the same place in every version of the table.
    TableMemory module_memory(&module, sizeof module, module.struct_size,
                              offsetof(portico_module, plugins));
    const auto* given = static_cast<const portico_module*>(module_memory.address());

    // If the count is too small, fewer tables are looked at than are listed. Then only what the
    // loader must refuse is known here.
    const bool all_listed = module.plugin_count == count;
    const bool module_right = module.struct_size >= sizeof module && module.struct_size % 8 == 0 &&
                              module.abi_major == PORTICO_ABI_MAJOR &&
                              module.abi_minor == PORTICO_ABI_MINOR && module.plugin_count >= 1 &&
                              module.plugin_count <= 256 && listed;
    base::Result<const portico_plugin*> found = plugin::check_module(given, file_name, wanted);
    if (found) {
        PORTICO_ASSERT(module_right && found.error().empty());
        bool known = false;
        for (std::uint32_t i = 0; i < module.plugin_count; ++i) {
            known = known || plugins[i] == *found;
        }
        PORTICO_ASSERT(known);
    } else {
        PORTICO_ASSERT(!found.error().empty() && found.error().find('\n') == std::string::npos);
    }
    if (module_right && all_listed) {
        PORTICO_ASSERT(static_cast<bool>(found) == (names_differ && is_named && is_right));
        PORTICO_ASSERT(!found || *found == by_name);
    }
    PORTICO_ASSERT(!plugin::check_module(nullptr, file_name, wanted));
    return 0;
}
