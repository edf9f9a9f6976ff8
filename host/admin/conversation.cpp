#include "admin/conversation.hpp"

namespace portico::admin {

Conversation::Step Conversation::step(std::string_view bytes) {
    std::size_t used = 0;
    const HttpReader::Event event = reader_.read(bytes, used);
    const Request& request = reader_.request();
    switch (event) {
        case HttpReader::Event::more: return {used, {}, false};
        case HttpReader::Event::failed: return {used, to_bytes(reader_.error(), true, true), true};
        case HttpReader::Event::expects_continue: {
            // A refusal comes before the body, which the client then keeps.
            const Response refusal = router_.answer(request, false);
            return refusal.status == 0 ? Step{used, std::string(continue_bytes), false}
                                       : answer(used, refusal, true);
        }
        case HttpReader::Event::request: break;
    }
    return answer(used, router_.answer(request), !request.keeps_alive);
}

Conversation::Step Conversation::answer(std::size_t used, const Response& response,
                                        bool closes) const {
    return {used, to_bytes(response, reader_.request().method != "HEAD", closes), closes};
}

std::string Conversation::too_slow() {
    return to_bytes(Response::error(408, "the request has taken too long"), true, true);
}

}  // namespace portico::admin
