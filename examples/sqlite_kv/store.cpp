#include "store.hpp"

#include <sqlite3.h>

#include <stdexcept>
#include <utility>

namespace sqlite_kv {

// One of SQLite's connections to the file, with its statements. For one thread at a time.
class Store::Database {
public:
    explicit Database(const std::string &file) {
        constexpr int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
        if (sqlite3_open_v2(file.c_str(), &database_, flags, nullptr) != SQLITE_OK) {
            const std::string why = database_ != nullptr ? sqlite3_errmsg(database_)
                                                         : "out of memory";
            close();
            throw std::runtime_error(file + ": " + why);
        }
        try {
            // Another process, or the next instance in a reload, may be writing.
            (void)sqlite3_busy_timeout(database_, 5'000);
            // Readers do not wait for the writer, and a commit is on the disk when it returns.
            execute("PRAGMA journal_mode = WAL");
            execute("PRAGMA synchronous = FULL");
            execute(
                "CREATE TABLE IF NOT EXISTS pairs (key TEXT PRIMARY KEY, value BLOB NOT NULL)"
                " WITHOUT ROWID");
            get_ = prepare("SELECT value FROM pairs WHERE key = ?1");
            set_ = prepare(
                "INSERT INTO pairs VALUES (?1, ?2)"
                " ON CONFLICT (key) DO UPDATE SET value = excluded.value");
        } catch (...) {
            close();
            throw;
        }
    }
    ~Database() { close(); }
    Database(const Database &) = delete;
    Database &operator=(const Database &) = delete;

    std::optional<std::string> get(const std::string &key) {
        const Use use(get_);
        bind(get_, 1, key);
        if (!step(get_)) return std::nullopt;
        const void *const bytes = sqlite3_column_blob(get_, 0);
        const int size = sqlite3_column_bytes(get_, 0);
        return size == 0
                   ? std::string()
                   : std::string(static_cast<const char *>(bytes), static_cast<std::size_t>(size));
    }
    void set(const std::string &key, const std::string &value) {
        const Use use(set_);
        bind(set_, 1, key);
        bind(set_, 2, value);
        (void)step(set_);
    }

private:
    // Leaves a statement ready for its next use, and no transaction open.
    class Use {
    public:
        explicit Use(sqlite3_stmt *statement) : statement_(statement) {}
        ~Use() {
            (void)sqlite3_reset(statement_);
            (void)sqlite3_clear_bindings(statement_);
        }
        Use(const Use &) = delete;
        Use &operator=(const Use &) = delete;

    private:
        sqlite3_stmt *statement_;
    };

    [[noreturn]] void fail() const { throw std::runtime_error(sqlite3_errmsg(database_)); }
    void execute(const char *sql) {
        if (sqlite3_exec(database_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail();
    }
    sqlite3_stmt *prepare(const char *sql) {
        sqlite3_stmt *made = nullptr;
        if (sqlite3_prepare_v2(database_, sql, -1, &made, nullptr) != SQLITE_OK) fail();
        return made;
    }
    // The text must live until the statement is reset.
    void bind(sqlite3_stmt *statement, int place, const std::string &text) {
        const int done = place == 1 ? sqlite3_bind_text64(statement, place, text.data(),
                                                          text.size(), nullptr, SQLITE_UTF8)
                                    : sqlite3_bind_blob64(statement, place, text.data(),
                                                          text.size(), nullptr);
        if (done != SQLITE_OK) fail();
    }
    // True: there is a row.
    bool step(sqlite3_stmt *statement) {
        const int done = sqlite3_step(statement);
        if (done != SQLITE_ROW && done != SQLITE_DONE) fail();
        return done == SQLITE_ROW;
    }
    void close() noexcept {
        (void)sqlite3_finalize(get_);
        (void)sqlite3_finalize(set_);
        (void)sqlite3_close(database_);
    }

    sqlite3 *database_ = nullptr;
    sqlite3_stmt *get_ = nullptr;
    sqlite3_stmt *set_ = nullptr;
};

// A database for as long as one call needs it.
class Store::Lease {
public:
    explicit Lease(Store &store) : store_(store) {
        {
            const std::lock_guard<std::mutex> lock(store.mutex_);
            if (!store.idle_.empty()) {
                database_ = std::move(store.idle_.back());
                store.idle_.pop_back();
            }
        }
        if (database_ == nullptr) database_ = std::make_unique<Database>(store.file_);
    }
    ~Lease() {
        const std::lock_guard<std::mutex> lock(store_.mutex_);
        try {
            store_.idle_.push_back(std::move(database_));
        } catch (...) {
            // no memory for the list: this one is closed
        }
    }
    Lease(const Lease &) = delete;
    Lease &operator=(const Lease &) = delete;

    Database *operator->() const { return database_.get(); }

private:
    Store &store_;
    std::unique_ptr<Database> database_;
};

Store::Store(std::string file) : file_(std::move(file)) {
    const Lease first(*this);  // throws now if the file cannot be used
}

Store::~Store() = default;

std::optional<std::string> Store::get(const std::string &key) { return Lease(*this)->get(key); }

void Store::set(const std::string &key, const std::string &value) {
    const Lease database(*this);
    const std::lock_guard<std::mutex> lock(writing_);
    database->set(key, value);
}

}  // namespace sqlite_kv
