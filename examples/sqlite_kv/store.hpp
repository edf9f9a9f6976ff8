// Keys and values in an SQLite database. The functions block, and may be called from several
// threads at once.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace sqlite_kv {

class Store {
public:
    // Makes the file if there is none. Like the functions below it throws std::runtime_error, with
    // SQLite's words.
    explicit Store(std::string file);
    ~Store();
    Store(const Store &) = delete;
    Store &operator=(const Store &) = delete;

    std::optional<std::string> get(const std::string &key);
    // When it returns, the value is on the disk.
    void set(const std::string &key, const std::string &value);

private:
    class Database;
    class Lease;

    const std::string file_;
    // SQLite lets one write at a time. Those that wait here need not ask it again and again.
    std::mutex writing_;
    // One for each thread that has ever used the store at the same time as others. Those that
    // nobody uses just now:
    std::mutex mutex_;
    std::vector<std::unique_ptr<Database>> idle_;
};

}  // namespace sqlite_kv
