// Watches whether the program's output can be written. The writers go on after a failure; the
// program reports it at its end.
#pragma once

#include <cerrno>
#include <ostream>
#include <streambuf>

namespace portico::client {

class WatchedOutput {
public:
    // Watches everything that `stream` writes from now on, until this object ends. `is_there`:
    // false for an output that the program was started without, so that nothing can be written.
    WatchedOutput(std::ostream& stream, bool is_there)
        : stream_(stream), buffer_(*stream.rdbuf(), is_there) {
        stream.rdbuf(&buffer_);
    }
    ~WatchedOutput() {
        stream_.flush();
        stream_.rdbuf(&buffer_.into);
    }
    WatchedOutput(const WatchedOutput&) = delete;
    WatchedOutput& operator=(const WatchedOutput&) = delete;

    // The errno of the first failure, 0 if all has been written.
    [[nodiscard]] int error() {
        stream_.flush();
        return buffer_.error;
    }

private:
    struct Buffer : std::streambuf {
        Buffer(std::streambuf& to, bool may_be_written) : into(to), is_there(may_be_written) {}

        int_type overflow(int_type character) override {
            if (traits_type::eq_int_type(character, traits_type::eof())) {
                return traits_type::not_eof(character);
            }
            return noted([&] {
                return !traits_type::eq_int_type(into.sputc(traits_type::to_char_type(character)),
                                                 traits_type::eof());
            })
                       ? character
                       : traits_type::eof();
        }
        std::streamsize xsputn(const char* bytes, std::streamsize count) override {
            return noted([&] { return into.sputn(bytes, count) == count; }) ? count : 0;
        }
        int sync() override {
            return is_used && !noted([&] { return into.pubsync() == 0; }) ? -1 : 0;
        }

        template <class Write>
        bool noted(const Write& write) {
            is_used = true;
            errno = is_there ? 0 : EBADF;
            if (is_there && write()) {
                return true;
            }
            if (error == 0) {
                error = errno != 0 ? errno : EIO;
            }
            return false;
        }

        std::streambuf& into;
        const bool is_there;
        bool is_used = false;  // a flush of nothing fails nowhere
        int error = 0;
    };

    std::ostream& stream_;
    Buffer buffer_;
};

}  // namespace portico::client
