// The C++ wrapper over the plugin ABI: a plugin is one class and one macro. Header-only; it needs
// C++17 and exceptions. The C headers beside it are the reference for what each callback and
// function promises.
//
//     struct echo : portico::plugin<echo> {
//         portico::flow on_data(portico::connection c, portico::message m) {
//             return c.send_all(m);
//         }
//     };
//     PORTICO_PLUGIN(echo, "echo", "1.0")
//
// The class. Its object is an instance: one for each listener that names the plugin.
//     the constructor                      create; takes a const portico::setup& or nothing, and
//                                          throws to fail
//     the destructor                       destroy
//     static validate(const portico::setup&)   checks the settings, and starts nothing
//     on_stop(const portico::draining&)    tell the plugin's own threads to finish
//
// Callbacks of a connection. If the class names a type `session`, each connection has an object of
// it, and the session has the callbacks:
//     session(P&, portico::connection, const portico::opened&), or with fewer of them from the end
//                                          on_open; throws to refuse
//     on_data(portico::message)            required; returns portico::flow, a status or nothing
//     on_writable()
//     on_end(const portico::ended&)
//     on_drain(const portico::draining&)
//     on_close(const portico::closed&)     the session is destroyed after it
// Without a session type the plugin's class has them, with a portico::connection as first argument,
// and on_open(portico::connection, const portico::opened&). Except for on_data, they return a
// status or nothing. One that is not there is NULL in the table: plugin.h says what that means.
//
// Every callback is guarded (cpp/error.hpp): an exception is logged and closes its connection.
#ifndef PORTICO_PLUGIN_HPP
#define PORTICO_PLUGIN_HPP

#include "cpp/callbacks.hpp"
#include "cpp/connect.hpp"
#include "cpp/connection.hpp"
#include "cpp/error.hpp"
#include "cpp/groups.hpp"
#include "cpp/handle.hpp"
#include "cpp/resolve.hpp"
#include "cpp/run.hpp"
#include "cpp/setup.hpp"
#include "cpp/task.hpp"
#include "portico.h"

namespace portico {

// The base of a plugin's class. Its functions work from the constructor on.
template <class P>
class plugin {
public:
    // Declare these in the class to change them: static constexpr bool serial = true;
    static constexpr bool serial = false;                          // PORTICO_PLUGIN_SERIAL
    static constexpr bool blocking = false;                        // PORTICO_PLUGIN_BLOCKING
    static constexpr bool unloadable = false;                      // PORTICO_PLUGIN_UNLOADABLE
    static constexpr std::uint32_t framing = PORTICO_FRAMING_ANY;  // those that it can serve

    plugin(const plugin &) = delete;
    plugin &operator=(const plugin &) = delete;

    // May be copied, and used from any thread.
    instance_handle instance() const noexcept { return {core().host, core().instance}; }
    void log(level how, std::string_view text) const noexcept { instance().log(how, text); }
    std::uint64_t now() const noexcept { return instance().now(); }
    std::uint32_t worker_index() const noexcept { return instance().worker_index(); }

    // Groups of its connections, and broadcasts (cpp/groups.hpp).
    portico::groups groups() const noexcept {
        return portico::groups(instance(), core().connections);
    }

    // Connects to another server. The connection has a session of type S, made of `arguments`
    // (cpp/connect.hpp).
    template <class S, class... Arguments>
    connected connect(const target &to, Arguments &&...arguments) const {
        return detail::connect<P, S>(core(), to, std::forward<Arguments>(arguments)...);
    }

    // Runs `function` on the instance's own strand (cpp/task.hpp). The plugin's object outlives it.
    template <class F>
    portico_status post(F &&function) const {
        return instance().post(std::forward<F>(function));
    }
    // Runs `work` on a helper thread, and then `done` on the instance's own strand (cpp/run.hpp).
    template <class W, class D>
    portico_status run(W &&work, D &&done) const {
        return instance().run(std::forward<W>(work), std::forward<D>(done));
    }
    template <class F>
    timer after(std::uint32_t milliseconds, F &&function) const {
        return detail::start_timer(core(), 0, milliseconds, false, std::forward<F>(function));
    }
    template <class F>
    timer every(std::uint32_t milliseconds, F &&function) const {
        return detail::start_timer(core(), 0, milliseconds, true, std::forward<F>(function));
    }

protected:
    plugin() = default;
    ~plugin() = default;

private:
    // The wrapper makes every plugin's object as the member `object` of a holder.
    const detail::core &core() const noexcept {
        constexpr std::size_t alignment = alignof(P);
        constexpr std::size_t offset = (sizeof(detail::core) + alignment - 1) / alignment *
                                       alignment;
        const auto *const object = reinterpret_cast<const char *>(static_cast<const P *>(this));
        return *reinterpret_cast<const detail::core *>(object - offset);
    }
};

}  // namespace portico

// The entry of a module with one plugin. Use it once, outside of all functions and namespaces,
// without a semicolon after it. Its second and third arguments are the name and the plugin's own
// version, as literals.
#define PORTICO_PLUGIN(type, name, version) \
    PORTICO_PLUGIN_AS(portico_plugin_query, type, name, version)

// The same with another name for the entry, for plugins that are linked statically into a program.
#define PORTICO_PLUGIN_AS(query, type, name, version)                                      \
    static constexpr portico_plugin query##_table = ::portico::detail::entry<type>::table( \
        name, version);                                                                    \
    PORTICO_PLUGIN_ENTRY_AS(query, query##_table)

#endif
