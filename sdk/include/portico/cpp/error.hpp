// Exceptions of a plugin: how one gives a status, and what becomes of one that nobody catches.
//
// No exception may cross the C boundary, so the wrapper guards every callback. An exception closes
// its connection, or fails create; it never ends the process. A destructor that throws does end it:
// destructors are noexcept, and no guard can help.
#ifndef PORTICO_CPP_ERROR_HPP
#define PORTICO_CPP_ERROR_HPP

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>

#include "../host.h"

namespace portico {

// Ends a callback with a status of its own. In a connection's callback the status aborts the
// connection, and the text goes to the log. In create and validate the text is the reason that the
// host gives; if it is empty, the host uses its own (about a wrong setting, for example).
class error : public std::runtime_error {
public:
    explicit error(portico_status status, const std::string &text = std::string())
        : std::runtime_error(text), status_(is_error(status) ? status : PORTICO_ERROR) {}

    portico_status status() const noexcept { return status_; }

private:
    // Others would not end the callback as an error does.
    static bool is_error(portico_status status) noexcept {
        return status < 0 && status != PORTICO_GONE && status != PORTICO_CLOSING &&
               status != PORTICO_WOULD_BLOCK;
    }

    portico_status status_;
};

// Keeps what is rare out of the code that runs for each message.
#if defined(__GNUC__)
#define PORTICO_DETAIL_RARE __attribute__((noinline, cold))
#elif defined(_MSC_VER)
#define PORTICO_DETAIL_RARE __declspec(noinline)
#else
#define PORTICO_DETAIL_RARE
#endif

namespace detail {

inline void log_failure(const portico_host *host, portico_instance *instance,
                        portico_connection connection, const char *where,
                        const char *what) noexcept {
    char line[512];
    const int size = std::snprintf(line, sizeof line, "%s threw: %s", where, what);
    if (size > 0) {
        host->log(instance, connection, PORTICO_LOG_ERROR, line, std::strlen(line));
    }
}

// Only inside a catch block. Logs the exception and returns its status. (Lack of memory is not
// logged here: the host logs what a callback returns.)
PORTICO_DETAIL_RARE inline portico_status failed(const portico_host *host,
                                                 portico_instance *instance,
                                                 portico_connection connection,
                                                 const char *where) noexcept {
    try {
        throw;
    } catch (const std::bad_alloc &) {
        return PORTICO_NO_MEMORY;
    } catch (const error &thrown) {
        if (thrown.what()[0] != '\0') {
            log_failure(host, instance, connection, where, thrown.what());
        }
        return thrown.status();
    } catch (const std::exception &thrown) {
        log_failure(host, instance, connection, where, thrown.what());
    } catch (...) {
        log_failure(host, instance, connection, where, "something that is no std::exception");
    }
    return PORTICO_ERROR;
}

// The same for posted functions and timers, which return nothing: it closes the connection itself.
PORTICO_DETAIL_RARE inline void failed_alone(const portico_host *host, portico_instance *instance,
                                             portico_connection connection,
                                             const char *where) noexcept {
    if (failed(host, instance, connection, where) == PORTICO_NO_MEMORY) {
        log_failure(host, instance, connection, where, "out of memory");
    }
    if (connection != 0) {
        (void)host->close(instance, connection, PORTICO_CLOSE_ABORT);
    }
}

}  // namespace detail
}  // namespace portico

#endif
