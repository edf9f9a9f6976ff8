#include <elf.h>
#include <link.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <optional>
#include <string_view>

#include "plugin/library_image.hpp"

// The linker defines it: the header of the file that this code is part of.
extern "C" const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

namespace portico::plugin {

namespace {

// A file whose parts are read one by one. A read past its end returns nothing.
class Image {
public:
    explicit Image(const std::string& path) : file_(path, std::ios::binary | std::ios::ate) {
        size_ = file_ ? static_cast<std::uint64_t>(file_.tellg()) : 0;
    }
    [[nodiscard]] bool is_open() const { return file_.is_open(); }
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

    template <class T>
    [[nodiscard]] std::optional<T> read(std::uint64_t offset) {
        T value{};
        if (offset > size_ || size_ - offset < sizeof value) {
            return std::nullopt;
        }
        file_.clear();
        file_.seekg(static_cast<std::streamoff>(offset));
        file_.read(reinterpret_cast<char*>(&value), sizeof value);
        return file_ ? std::optional<T>(value) : std::nullopt;
    }
    [[nodiscard]] std::string text(std::uint64_t offset, std::uint64_t size) {
        if (offset > size_ || size_ - offset < size) {
            return {};
        }
        std::string bytes(static_cast<std::size_t>(size), '\0');
        file_.clear();
        file_.seekg(static_cast<std::streamoff>(offset));
        file_.read(bytes.data(), static_cast<std::streamsize>(size));
        return file_ ? bytes : std::string();
    }
    [[nodiscard]] std::vector<ElfW(Phdr)> segments(const ElfW(Ehdr) & header) {
        std::vector<ElfW(Phdr)> all;
        for (unsigned i = 0; i < header.e_phnum; ++i) {
            const std::optional<ElfW(Phdr)> segment = read<ElfW(Phdr)>(header.e_phoff +
                                                                       i * sizeof(ElfW(Phdr)));
            if (!segment) {
                break;
            }
            all.push_back(*segment);
        }
        return all;
    }

private:
    std::ifstream file_;
    std::uint64_t size_ = 0;
};

constexpr unsigned char word_size = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;

std::string processor_text(std::uint16_t machine) {
    switch (machine) {
        case EM_X86_64: return "x86-64";
        case EM_386: return "x86 of 32 bits";
        case EM_AARCH64: return "aarch64";
        case EM_ARM: return "arm";
        case EM_RISCV: return "riscv";
        case EM_PPC64: return "ppc64";
        case EM_S390: return "s390";
        case EM_MIPS: return "mips";
        default: return "ELF machine " + std::to_string(machine);
    }
}

// The offset of an address in the file; empty if the file does not have its bytes.
std::optional<std::uint64_t> offset_of(const std::vector<ElfW(Phdr)>& segments,
                                       std::uint64_t address) {
    for (const ElfW(Phdr) & segment : segments) {
        if (segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
            address - segment.p_vaddr < segment.p_filesz) {
            return segment.p_offset + (address - segment.p_vaddr);
        }
    }
    return std::nullopt;
}

// "$ORIGIN/deps:/usr/lib" -> "deps": adds the folders below the library's own.
void add_origin_folders(std::string_view search, std::vector<std::string>& folders) {
    while (!search.empty()) {
        const std::size_t end = std::min(search.find(':'), search.size());
        std::string_view one = search.substr(0, end);
        search.remove_prefix(std::min(end + 1, search.size()));
        for (const std::string_view origin :
             {std::string_view("$ORIGIN/"), std::string_view("${ORIGIN}/")}) {
            if (one.starts_with(origin)) {
                one.remove_prefix(origin.size());
                if (!one.empty() && one.front() != '/' &&
                    one.find("..") == std::string_view::npos) {
                    folders.emplace_back(one);
                }
                break;
            }
        }
    }
}

}  // namespace

// The dynamic linker maps what the program headers name and does not compare it with the file's
// size, so a file that was cut short (an unfinished copy) kills the process by SIGBUS. If the file
// is for another processor, the linker says that there is no such file.
std::string fault_of_library(const std::string& path) {
    Image file(path);
    if (!file.is_open()) {
        return {};  // dlopen says why
    }
    const std::optional<ElfW(Ehdr)> header = file.read<ElfW(Ehdr)>(0);
    if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) {
        return "it is not a shared library";
    }
    // The field has the same offset in both word sizes, and the byte order of the file.
    constexpr unsigned char order = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB
                                                                              : ELFDATA2MSB;
    const auto machine = static_cast<std::uint16_t>(
        header->e_ident[EI_DATA] == order ? header->e_machine
                                          : (header->e_machine << 8 | header->e_machine >> 8));
    if (machine != __ehdr_start.e_machine || header->e_ident[EI_DATA] != order) {
        return "it is built for another processor (" + processor_text(machine) +
               ", this host runs on " + processor_text(__ehdr_start.e_machine) + ")";
    }
    if (header->e_ident[EI_CLASS] != word_size || header->e_phentsize != sizeof(ElfW(Phdr))) {
        return "it is built for another word size";
    }
    std::uint64_t meant = header->e_phoff + std::uint64_t{header->e_phnum} * sizeof(ElfW(Phdr));
    if (meant <= file.size()) {
        for (const ElfW(Phdr) & segment : file.segments(*header)) {
            if (segment.p_type == PT_LOAD) {
                meant = std::max<std::uint64_t>(meant, segment.p_offset + segment.p_filesz);
            }
        }
    }
    if (meant > file.size()) {
        return "it is cut short: it has " + std::to_string(file.size()) + " bytes of at least " +
               std::to_string(meant);
    }
    return {};
}

Needs needs_of_library(const std::string& path) {
    Needs needs;
    Image file(path);
    const std::optional<ElfW(Ehdr)> header = file.read<ElfW(Ehdr)>(0);
    if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
        header->e_ident[EI_CLASS] != word_size || header->e_phentsize != sizeof(ElfW(Phdr))) {
        return needs;
    }
    const std::vector<ElfW(Phdr)> segments = file.segments(*header);
    std::vector<std::uint64_t> names;     // offsets in the table of strings
    std::vector<std::uint64_t> searches;  // likewise
    std::uint64_t strings = 0;
    std::uint64_t strings_size = 0;
    for (const ElfW(Phdr) & segment : segments) {
        if (segment.p_type != PT_DYNAMIC) {
            continue;
        }
        for (std::uint64_t at = 0; at + sizeof(ElfW(Dyn)) <= segment.p_filesz;
             at += sizeof(ElfW(Dyn))) {
            const std::optional<ElfW(Dyn)> entry = file.read<ElfW(Dyn)>(segment.p_offset + at);
            if (!entry || entry->d_tag == DT_NULL) {
                break;
            }
            switch (entry->d_tag) {
                case DT_NEEDED: names.push_back(entry->d_un.d_val); break;
                case DT_RPATH:
                case DT_RUNPATH: searches.push_back(entry->d_un.d_val); break;
                case DT_STRTAB: strings = entry->d_un.d_ptr; break;
                case DT_STRSZ: strings_size = entry->d_un.d_val; break;
                default: break;
            }
        }
    }
    const std::optional<std::uint64_t> offset = offset_of(segments, strings);
    const std::string table = offset ? file.text(*offset, strings_size) : std::string();
    const auto string_at = [&](std::uint64_t at) {
        const std::size_t end = at < table.size() ? table.find('\0', at) : std::string::npos;
        return end == std::string::npos ? std::string() : table.substr(at, end - at);
    };
    for (const std::uint64_t at : names) {
        // A name with a slash is a path and is not searched for.
        if (std::string name = string_at(at);
            !name.empty() && name.find('/') == std::string::npos) {
            needs.libraries.push_back(std::move(name));
        }
    }
    for (const std::uint64_t at : searches) {
        add_origin_folders(string_at(at), needs.folders);
    }
    return needs;
}

}  // namespace portico::plugin
