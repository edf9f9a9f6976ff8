#include "support/replaced_import.hpp"

#include <windows.h>

#include <cstddef>
#include <stdexcept>

namespace portico::test {

namespace {

// Where the loader has put the addresses of the program's imports (the PE format: "The .idata
// Section").
std::vector<void**> entries_of(void* function) {
    auto* const image = reinterpret_cast<std::byte*>(::GetModuleHandleW(nullptr));
    const auto& dos = *reinterpret_cast<const IMAGE_DOS_HEADER*>(image);
    const auto& headers = *reinterpret_cast<const IMAGE_NT_HEADERS*>(image + dos.e_lfanew);
    const IMAGE_DATA_DIRECTORY& directory = headers.OptionalHeader
                                                .DataDirectory[IMAGE_DIRECTORY_ENTRY_IMPORT];
    std::vector<void**> entries;
    auto* library = reinterpret_cast<const IMAGE_IMPORT_DESCRIPTOR*>(image +
                                                                     directory.VirtualAddress);
    for (; library->Name != 0; ++library) {
        for (auto** entry = reinterpret_cast<void**>(image + library->FirstThunk);
             *entry != nullptr; ++entry) {
            if (*entry == function) {
                entries.push_back(entry);
            }
        }
    }
    return entries;
}

void write(void** entry, void* function) noexcept {
    DWORD before = 0;
    if (::VirtualProtect(entry, sizeof *entry, PAGE_READWRITE, &before)) {
        *entry = function;
        ::VirtualProtect(entry, sizeof *entry, before, &before);
    }
}

}  // namespace

void* imported_address(void* function) {
    return function;
}

ReplacedImport::ReplacedImport(void* function, void* replacement)
    : function_(function), entries_(entries_of(function)) {
    if (entries_.empty()) {
        throw std::logic_error("this program does not import the function that is to be replaced");
    }
    for (void** entry : entries_) {
        write(entry, replacement);
    }
}

ReplacedImport::~ReplacedImport() {
    for (void** entry : entries_) {
        write(entry, function_);
    }
}

}  // namespace portico::test
