// echo: sends back exactly the bytes that came, in order.
//
// A slow receiver slows down its own sender and nobody else: what does not fit into the send queue
// is not consumed, reading stops, and the host offers the same bytes again when there is room.
//
// Settings:
//   "print"  boolean; true prints each message to standard output, as the article's server does:
//                Thread N: The following message was received: TEXT
//            N is the worker, from 1; TEXT is the message made safe for a terminal, cut if it is
//            long (common/print.h). Default false.
#include <memory>

#include <portico/plugin.hpp>

extern "C" {
#include "common/printer.h"
}

namespace {

struct stop {
    void operator()(printer *running) const noexcept { printer_stop(running); }
};

std::unique_ptr<printer, stop> start() {
    std::unique_ptr<printer, stop> started(printer_start("echo"));
    if (started) return started;
    throw portico::error(PORTICO_NO_MEMORY, "no memory or no thread to print with");
}

struct echo : portico::plugin<echo> {
    static constexpr bool unloadable = true;
    static bool prints(const portico::setup &setup) { return setup.settings().get("print", false); }
    static void validate(const portico::setup &setup) { (void)prints(setup); }

    explicit echo(const portico::setup &setup) : output(prints(setup) ? start() : nullptr) {}

    portico::flow on_data(portico::connection c, portico::message m) {
        const portico::flow sent = c.send_all(m);
        if (output && sent.is_done()) print(m);
        return sent;
    }

    void print(portico::message m) {
        const std::string_view text = m.payload();
        printer_print(output.get(), worker_index(),
                      reinterpret_cast<const std::uint8_t *>(text.data()), text.size());
    }

    std::unique_ptr<printer, stop> output;  // empty: nothing is printed
};

}  // namespace
PORTICO_PLUGIN(echo, "echo", PORTICO_VERSION)
