#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include "io/append_file.hpp"

namespace portico::io {

namespace {

// O_NONBLOCK affects nobody else: each open() makes its own description, which nobody shares.
constexpr int append_flags = O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
constexpr mode_t append_mode = 0666;
constexpr std::size_t regular_write_max = 65'536;

// A pipe is opened for both directions: then the open needs no reader, and the pipe outlives its
// reader. A pipe that may not be read needs its reader first.
int open_native(const char* name) noexcept {
    struct stat found {};
    if (::stat(name, &found) == 0 && S_ISFIFO(found.st_mode)) {
        if (const int both = ::open(name, O_RDWR | append_flags, append_mode);
            both >= 0 || errno != EACCES) {
            return both;
        }
    }
    return ::open(name, O_WRONLY | append_flags, append_mode);
}

}  // namespace

base::Result<std::unique_ptr<AppendFile>> AppendFile::open(const std::string& name) {
    std::unique_ptr<AppendFile> made(new AppendFile);  // before the file, so that it has an owner
    made->name_ = name;
    const int native = open_native(name.c_str());
    struct stat found {};
    if (native < 0 || ::fstat(native, &found) != 0) {
        return base::Failure{"cannot open the log file \"" + name + "\": " + error_text(errno)};
    }
    made->handle_ = native;
    made->volume_ = found.st_dev;
    made->number_ = found.st_ino;
    made->is_regular_ = S_ISREG(found.st_mode);
    return made;
}

std::unique_ptr<AppendFile> AppendFile::standard_error() {
    std::unique_ptr<AppendFile> made(new AppendFile);
    made->handle_ = STDERR_FILENO;
    return made;
}

AppendFile::~AppendFile() {
    if (!name_.empty() && handle_ >= 0) {
        ::close(static_cast<int>(handle_));
    }
}

bool AppendFile::writable_within(std::uint32_t wait_ms) noexcept {
    pollfd asked{static_cast<int>(handle_), POLLOUT, 0};
    // If there is an error, write() reports it.
    return ::poll(&asked, 1, static_cast<int>(wait_ms)) != 0;
}

AppendFile::Written AppendFile::write(std::string_view bytes) noexcept {
    // Other programs share standard error, so it cannot be made non-blocking. A pipe that can be
    // written takes write_max() without waiting.
    const std::size_t most = name_.empty() ? std::min(bytes.size(), write_max()) : bytes.size();
    ssize_t written = 0;
    do {
        written = ::write(static_cast<int>(handle_), bytes.data(), most);
    } while (written < 0 && errno == EINTR);
    if (written >= 0) {
        return {static_cast<std::size_t>(written), 0};
    }
    return {0, errno == EAGAIN || errno == EWOULDBLOCK ? 0 : errno};
}

std::size_t AppendFile::write_max() const noexcept {
    return is_regular_ ? regular_write_max : PIPE_BUF;
}

std::uint64_t AppendFile::size() const noexcept {
    struct stat found {};
    if (!is_regular_ || ::fstat(static_cast<int>(handle_), &found) != 0) {
        return 0;
    }
    return static_cast<std::uint64_t>(found.st_size);
}

bool AppendFile::try_lock() noexcept {
    int result = 0;
    do {
        result = ::flock(static_cast<int>(handle_), LOCK_EX | LOCK_NB);
    } while (result != 0 && errno == EINTR);
    if (result != 0 && errno == EWOULDBLOCK) {
        return false;
    }
    if (was_moved()) {  // before it was locked
        unlock();
        return false;
    }
    return true;
}

void AppendFile::unlock() noexcept {
    ::flock(static_cast<int>(handle_), LOCK_UN);
}

std::string AppendFile::error_text(int error) {
    return std::generic_category().message(error);
}

bool AppendFile::was_moved() const noexcept {
    struct stat found {};
    return !name_.empty() && (::stat(name_.c_str(), &found) != 0 || found.st_dev != volume_ ||
                              found.st_ino != number_);
}

bool standard_error_is_journal() noexcept {
    const char* stream = std::getenv("JOURNAL_STREAM");
    unsigned long long device = 0;
    unsigned long long number = 0;
    struct stat found {};
    return stream != nullptr && std::sscanf(stream, "%llu:%llu", &device, &number) == 2 &&
           ::fstat(STDERR_FILENO, &found) == 0 && found.st_dev == device && found.st_ino == number;
}

void take_write_errors_as_values() noexcept {
    sigset_t signals;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGXFSZ);
    ::sigaddset(&signals, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

std::uint32_t this_thread_number() noexcept {
    return 0;
}

void cancel_waits_of(std::uint32_t) noexcept {}  // a write never waits for long

}  // namespace portico::io
