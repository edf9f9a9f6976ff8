// A function of the system that this program calls, replaced for a while (Windows): its entries in
// the program's table of imports. For what a system does that this one does not: calls that it
// refuses, providers that it lacks.
#pragma once

#include <type_traits>
#include <vector>

namespace portico::test {

// The function behind the table, for a replacement to call. Asked for before the first replacement;
// a plain pointer would not do: a static one that GCC initialises leads through the table.
[[nodiscard]] void* imported_address(void* function);
template <class Function>
[[nodiscard]] Function* imported(Function* function) {
    return reinterpret_cast<Function*>(imported_address(reinterpret_cast<void*>(function)));
}

class ReplacedImport {
public:
    // `function` as the program imports it, and what is called in its place while this lives. No
    // thread may be calling it meanwhile.
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
