#include "admin/plugin.hpp"

#include <cstdint>
#include <string>
#include <string_view>

#include "admin/conversation.hpp"
#include "portico/plugin.hpp"

namespace portico::admin {

namespace {

// From the first byte of a request to its last one.
constexpr std::uint32_t request_timeout_ms = 5'000;
// Until a client has taken all answers, or another one could be begun. A client that reads nothing
// is cut after twice this time at the latest. That must be before its idle timeout (endpoint.cpp),
// which would read and drop its requests for the close timeout.
constexpr std::uint32_t answer_timeout_ms = 10'000;

}  // namespace

class AdminPlugin : public portico::plugin<AdminPlugin> {
public:
    explicit AdminPlugin(const portico::setup& setup)
        : router_(*static_cast<const LinkedPlugin::Table*>(setup.raw().plugin)->router) {}

    class session {
    public:
        session(AdminPlugin& plugin, portico::connection connection)
            : connection_(connection), conversation_(plugin.router_) {}

        portico::flow on_data(portico::message message) {
            std::string_view bytes = message.bytes();
            while (!bytes.empty() && !connection_.is_sending_rest()) {
                const Conversation::Step step = conversation_.step(bytes);
                bytes.remove_prefix(step.used);
                if (!step.output.empty()) {
                    send(step.output);
                }
                if (step.closes) {
                    return portico::flow::close();
                }
                if (step.output.empty()) {
                    break;
                }
            }
            watch_request();
            return portico::flow::consumed(message.size() - bytes.size());
        }

    private:
        void send(const std::string& output) {
            static_cast<void>(connection_.send_all(output));
            ++answers_;
            if (!is_watching_answers_) {
                watch_answers();
            }
        }

        // Looks again and again, as long as something is to be sent. A client for which nothing new
        // could be begun in between does not read.
        void watch_answers() {
            const std::uint64_t before = answers_;
            is_watching_answers_ = static_cast<bool>(
                connection_.after(answer_timeout_ms, [this, before] {
                    is_watching_answers_ = false;
                    if (!is_sending()) {
                        return;
                    }
                    if (answers_ == before) {
                        static_cast<void>(connection_.abort());
                    } else {
                        watch_answers();
                    }
                }));
        }

        [[nodiscard]] bool is_sending() const {
            const auto info = connection_.info();
            return connection_.is_sending_rest() || (info && info->queued_bytes != 0);
        }

        // Starts the clock of a request, and stops it.
        void watch_request() {
            if (conversation_.is_inside() == static_cast<bool>(request_timer_)) {
                return;
            }
            if (!conversation_.is_inside()) {
                static_cast<void>(request_timer_.cancel());
                request_timer_ = {};
                return;
            }
            request_timer_ = connection_.after(request_timeout_ms, [this] {
                request_timer_ = {};
                if (!conversation_.is_inside()) {
                    return;
                }
                if (!connection_.is_sending_rest()) {
                    static_cast<void>(connection_.send_all(Conversation::too_slow()));
                }
                static_cast<void>(connection_.close());
            });
        }

        portico::connection connection_;
        Conversation conversation_;
        portico::timer request_timer_;
        std::uint64_t answers_ = 0;  // begun so far
        bool is_watching_answers_ = false;
    };

private:
    Router& router_;
};

LinkedPlugin::LinkedPlugin(Router& router)
    : table_{portico::detail::entry<AdminPlugin>::table("admin", "1.0"), &router},
      plugins_{&table_},
      module_{sizeof(portico_module), PORTICO_ABI_MAJOR, PORTICO_ABI_MINOR, 1, plugins_} {}

}  // namespace portico::admin
