#include <windows.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <string_view>

#include "base/path_text.hpp"
#include "plugin/library_image.hpp"

namespace portico::plugin {

namespace {

#if defined(_M_ARM64) || defined(__aarch64__)
constexpr WORD our_machine = IMAGE_FILE_MACHINE_ARM64;
#elif defined(_M_X64) || defined(__x86_64__)
constexpr WORD our_machine = IMAGE_FILE_MACHINE_AMD64;
#elif defined(_M_IX86) || defined(__i386__)
constexpr WORD our_machine = IMAGE_FILE_MACHINE_I386;
#else
#error "name this processor's IMAGE_FILE_MACHINE"
#endif

std::string processor_text(WORD machine) {
    switch (machine) {
        case IMAGE_FILE_MACHINE_AMD64: return "x86-64";
        case IMAGE_FILE_MACHINE_I386: return "x86 of 32 bits";
        case IMAGE_FILE_MACHINE_ARM64: return "aarch64";
        case IMAGE_FILE_MACHINE_ARMNT: return "arm";
        default: return "PE machine " + std::to_string(machine);
    }
}

// A DLL's file. If it is of another word size, only its headers are read.
class Image {
public:
    explicit Image(const std::string& path) {
        std::ifstream file(base::path_from_utf8(path), std::ios::binary);
        bytes_.assign(std::istreambuf_iterator<char>(file), {});
        const auto dos = read<IMAGE_DOS_HEADER>(0);
        if (!dos || dos->e_magic != IMAGE_DOS_SIGNATURE || dos->e_lfanew < 0) {
            return;
        }
        const auto at = static_cast<std::size_t>(dos->e_lfanew);
        const auto signature = read<DWORD>(at);
        if (signature && *signature == IMAGE_NT_SIGNATURE) {
            header_ = read<IMAGE_FILE_HEADER>(at + sizeof(DWORD));
            optional_header_at_ = at + sizeof(DWORD) + sizeof(IMAGE_FILE_HEADER);
        }
    }

    [[nodiscard]] const std::optional<IMAGE_FILE_HEADER>& header() const noexcept {
        return header_;
    }

    template <class T>
    [[nodiscard]] std::optional<T> read(std::size_t offset) const {
        if (offset > bytes_.size() || bytes_.size() - offset < sizeof(T)) {
            return std::nullopt;
        }
        T value{};
        std::memcpy(&value, bytes_.data() + offset, sizeof value);
        return value;
    }

    // The offset of an address in the file.
    [[nodiscard]] std::optional<std::size_t> offset_of(DWORD address) const {
        const std::size_t sections = optional_header_at_ + header_->SizeOfOptionalHeader;
        for (unsigned i = 0; i < header_->NumberOfSections; ++i) {
            const auto section = read<IMAGE_SECTION_HEADER>(sections +
                                                            i * sizeof(IMAGE_SECTION_HEADER));
            if (section && address >= section->VirtualAddress &&
                address - section->VirtualAddress < section->SizeOfRawData) {
                return std::size_t{section->PointerToRawData} + (address - section->VirtualAddress);
            }
        }
        return std::nullopt;
    }

    [[nodiscard]] std::string text_at(DWORD address) const {
        const std::optional<std::size_t> offset = offset_of(address);
        const std::size_t end = offset && *offset < bytes_.size() ? bytes_.find('\0', *offset)
                                                                  : std::string::npos;
        return end == std::string::npos ? std::string() : bytes_.substr(*offset, end - *offset);
    }

    [[nodiscard]] DWORD address_of(unsigned directory) const {
        const auto optional_header = read<IMAGE_OPTIONAL_HEADER>(optional_header_at_);
        return optional_header && directory < optional_header->NumberOfRvaAndSizes
                   ? optional_header->DataDirectory[directory].VirtualAddress
                   : 0;
    }

private:
    std::string bytes_;
    std::optional<IMAGE_FILE_HEADER> header_;
    std::size_t optional_header_at_ = 0;
};

// Adds the names of a table of imports. `name` is the member of Entry that leads to one; the last
// entry is all zero.
template <class Entry>
void add_names(const Image& image, unsigned directory, DWORD Entry::*name,
               std::vector<std::string>& names) {
    const DWORD table = image.address_of(directory);
    std::optional<std::size_t> at = table != 0 ? image.offset_of(table) : std::nullopt;
    for (; at; *at += sizeof(Entry)) {
        const std::optional<Entry> entry = image.read<Entry>(*at);
        if (!entry || (*entry).*name == 0) {
            return;
        }
        if (std::string text = image.text_at((*entry).*name);
            !text.empty() && text.find_first_of("/\\:") == std::string::npos) {
            names.push_back(std::move(text));
        }
    }
}

}  // namespace

std::string fault_of_library(const std::string& path) {
    const Image image(path);
    if (!image.header() || image.header()->Machine == our_machine) {
        return {};  // the system reports anything else
    }
    return "it is built for another processor (" + processor_text(image.header()->Machine) +
           ", this host runs on " + processor_text(our_machine) + ")";
}

Needs needs_of_library(const std::string& path) {
    Needs needs;
    const Image image(path);
    if (image.header() && image.header()->Machine == our_machine) {
        add_names(image, IMAGE_DIRECTORY_ENTRY_IMPORT, &IMAGE_IMPORT_DESCRIPTOR::Name,
                  needs.libraries);
        add_names(image, IMAGE_DIRECTORY_ENTRY_DELAY_IMPORT,
                  &IMAGE_DELAYLOAD_DESCRIPTOR::DllNameRVA, needs.libraries);
    }
    return needs;
}

}  // namespace portico::plugin
