// For a while replaces a system function that this program calls (Windows): its entries in the
// program's table of imports. So tests can do what this system does not: refuse calls, lack
// providers.
#pragma once

#include <type_traits>
#include <vector>

namespace portico::test {

// The function behind the table, for a replacement to call. Ask for it before the first
// replacement. A plain pointer would not do: if it is static, GCC initialises it through the table.
[[nodiscard]] void* imported_address(void* function);
template <class Function>
[[nodiscard]] Function* imported(Function* function) {
    return reinterpret_cast<Function*>(imported_address(reinterpret_cast<void*>(function)));
}

class ReplacedImport {
public:
    // While this lives, the program calls the replacement instead of the imported `function`. No
    // thread may be calling it when this begins or ends.
    template <class Function>
    ReplacedImport(Function* function, std::type_identity_t<Function>* replacement)
        : ReplacedImport(reinterpret_cast<void*>(function), reinterpret_cast<void*>(replacement)) {}
    ~ReplacedImport();
    ReplacedImport(const ReplacedImport&) = delete;
    ReplacedImport& operator=(const ReplacedImport&) = delete;

private:
    ReplacedImport(void* function, void* replacement);

    void* const function_;
    std::vector<void**> entries_;
};

}  // namespace portico::test
