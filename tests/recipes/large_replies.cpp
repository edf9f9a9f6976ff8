// Recipe: replies that are larger than the send queue, whole and as a stream. A line "whole 5000"
// or "stream 5000" asks for so many bytes.
#include <algorithm>
#include <charconv>
#include <string>

#include <portico/plugin.hpp>

struct large_replies : portico::plugin<large_replies> {
    static constexpr std::uint32_t framing = PORTICO_FRAMING_DELIMITER;

    struct session {
        explicit session(portico::connection c) : connection(c) {}

        portico::flow on_data(portico::message m) {
            if (left > 0) return portico::flow::hold();  // a stream goes on: on_writable will come
            const std::string_view line = m.payload();
            const std::size_t space = std::min(line.find(' '), line.size());
            std::uint64_t bytes = 0;
            (void)std::from_chars(line.data() + std::min(space + 1, line.size()),
                                  line.data() + line.size(), bytes);
            if (line.substr(0, 5) == "whole") {
                return connection.send_all(std::string(bytes, 'w'));
            }
            left = bytes;
            return stream(m.size());
        }

        // Makes the next piece only when the last one was taken.
        portico::flow stream(std::uint64_t consumed) {
            const std::string piece(16'384, 's');
            while (left > 0) {
                const std::uint64_t size = std::min<std::uint64_t>(left, piece.size());
                const portico_status status = connection.send(piece.data(), size);
                if (status == PORTICO_WOULD_BLOCK) return portico::flow::hold(consumed);
                if (status != PORTICO_OK) return status;
                left -= size;
            }
            return portico::flow::all();
        }
        portico_status on_writable() {
            const portico_status status = stream(0).status();
            return status < 0 ? status : PORTICO_OK;
        }

        portico::connection connection;
        std::uint64_t left = 0;
    };
};
PORTICO_PLUGIN(large_replies, "large_replies", "1.0")
