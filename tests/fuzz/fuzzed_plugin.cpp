#include "fuzz/fuzzed_plugin.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "portico/ext/settings.h"

namespace portico::fuzz {

namespace {

// The plugin of this input: create has no other way to find it, and may store NULL as self.
FuzzedPlugin* current = nullptr;

// A connection's byte number `position`: no two connections have the same stream.
char byte_at(portico_connection handle, std::size_t position) noexcept {
    // The handle without its salt, which differs in each run: slot and generation.
    const std::uint64_t mixed = ((handle & ((std::uint64_t{1} << 51) - 1)) * 0x9E3779B97F4A7C15 +
                                 position) *
                                0xD6E8FEB86659FD93;
    return static_cast<char>(mixed >> 56);
}

}  // namespace

// A posted function's argument; its one run frees it.
struct FuzzedPlugin::Token {
    portico_connection handle;
};

// No callback runs inside another, and none for a refused or closed connection.
struct FuzzedPlugin::Callback {
    Callback(FuzzedPlugin& its_plugin, portico_connection handle, void* state)
        : plugin(its_plugin), known(plugin.know(handle)) {
        PORTICO_ASSERT(!plugin.in_callback_ && plugin.created_ && !plugin.destroyed_);
        PORTICO_ASSERT(plugin.host_->worker_index(plugin.instance_) == 0);
        PORTICO_ASSERT(!known.refused && !known.closed && known.state == state);
        known.told = true;
        plugin.in_callback_ = true;
        plugin.inside_ = handle;
        plugin.learn_peer(known);
    }
    ~Callback() {
        plugin.in_callback_ = false;
        plugin.inside_ = 0;
    }
    Callback(const Callback&) = delete;
    Callback& operator=(const Callback&) = delete;

    // The callback's answer.
    portico_status answers(portico_status status) {
        if (status < 0 && status != PORTICO_GONE && status != PORTICO_CLOSING) {
            fails_with(status);
        }
        return status;
    }
    void fails_with(portico_status status) {
        known.failed = true;
        known.failed_with = status;
    }

    FuzzedPlugin& plugin;
    Known& known;
};

// ---- the table

FuzzedPlugin::FuzzedPlugin(Input& input, const config::Listener& listener)
    : input_(input), listener_(listener) {
    PORTICO_ASSERT(current == nullptr);
    current = this;
    static constexpr char name[] = "fuzzed";
    table_.struct_size = sizeof table_;
    table_.abi_major = PORTICO_ABI_MAJOR;
    table_.abi_minor = PORTICO_ABI_MINOR;
    table_.name = name;
    table_.name_size = sizeof name - 1;
    const std::uint8_t missing = input.byte();
    const std::uint8_t more = input.byte();
    table_.flags = (more & 1) != 0 ? PORTICO_PLUGIN_SERIAL : 0;
    self_is_null_ = (more & 2) != 0;
    table_.optional_flags = input.byte();
    table_.callbacks = &callbacks_;
    callbacks_.struct_size = sizeof callbacks_;
    table_.create = [](const portico_setup* setup, void** self) -> portico_status {
        PORTICO_ASSERT(*self == nullptr);
        *self = current->self_is_null_ ? nullptr : current;
        const portico_status status = current->control(*setup, PORTICO_SETUP_CREATE);
        current->created_ = status >= 0;
        return status;
    };
    if ((missing & 1) == 0) {
        table_.validate = [](const portico_setup* setup) {
            return current->control(*setup, PORTICO_SETUP_VALIDATE);
        };
    }
    if ((missing & 64) == 0) {
        table_.on_stop = [](void* self, const portico_draining* draining) {
            PORTICO_ASSERT(self == (current->self_is_null_ ? nullptr : current));
            return current->on_stop(*draining);
        };
    }
    table_.destroy = [](void* self) {
        PORTICO_ASSERT(self == (current->self_is_null_ ? nullptr : current) && current->created_ &&
                       !current->destroyed_);
        current->check_finished();
        current->destroyed_ = true;
    };
    callbacks_.on_data = [](void* self, portico_connection connection, void* state,
                            const std::uint8_t* data, std::uint64_t size,
                            const portico_frame* frame, std::uint64_t* consumed) {
        PORTICO_ASSERT(self == (current->self_is_null_ ? nullptr : current) && frame != nullptr);
        return current->on_data(connection, state, data, size, *frame, *consumed);
    };
    if ((missing & 2) == 0) {
        callbacks_.on_open = [](void*, portico_connection connection, const portico_opened* opened,
                                void** state) {
            PORTICO_ASSERT(opened->struct_size == sizeof *opened && opened->listen_index == 0 &&
                           opened->origin == PORTICO_ORIGIN_ACCEPTED && opened->reserved == 0);
            return current->on_open(connection, state);
        };
    }
    if ((missing & 4) == 0) {
        callbacks_.on_writable = [](void*, portico_connection connection, void* state) {
            return current->on_writable(connection, state);
        };
    }
    if ((missing & 8) == 0) {
        callbacks_.on_end = [](void*, portico_connection connection, void* state,
                               const portico_ended* ended) {
            return current->on_end(connection, state, *ended);
        };
    }
    if ((missing & 16) == 0) {
        callbacks_.on_drain = [](void*, portico_connection connection, void* state,
                                 const portico_draining* draining) {
            return current->on_drain(connection, state, *draining);
        };
    }
    if ((missing & 32) == 0) {
        callbacks_.on_close = [](void*, portico_connection connection, void* state,
                                 const portico_closed* closed) {
            current->on_close(connection, state, *closed);
        };
    }
}

FuzzedPlugin::~FuzzedPlugin() {
    current = nullptr;
}

// ---- what it knows

FuzzedPlugin::Known* FuzzedPlugin::find(portico_connection handle) {
    const auto found = connections_.find(handle);
    return found == connections_.end() ? nullptr : &found->second;
}

FuzzedPlugin::Known& FuzzedPlugin::know(portico_connection handle) {
    if (Known* known = find(handle); known != nullptr) {
        return *known;
    }
    Known& known = connections_[handle];
    known.handle = handle;
    handles_.push_back(handle);
    return known;
}

// One of the handles that it knows, however old; now and then something else.
portico_connection FuzzedPlugin::draw_handle() {
    const std::uint8_t which = input_.byte();
    if (handles_.empty()) {
        return which;
    }
    const portico_connection handle =
        handles_[handles_.size() - 1 - (which & 0x0F) % handles_.size()];
    switch (which >> 4) {
        case 9: return 0;
        case 10: return handle ^ (std::uint64_t{1} << input_.byte() % 64);
        case 11: return handle + (std::uint64_t{1} << 24);  // of the slot's next connection
        case 12: return handle + 1;                         // the next slot's
        case 13: return UINT64_MAX;
        default: return handle;
    }
}

portico_status FuzzedPlugin::draw_answer() {
    switch (input_.byte() % 32) {
        case 27: return PORTICO_ERROR;
        case 28: return INT32_MIN;
        case 29: return INT32_MAX;
        case 30: return PORTICO_HOLD;
        case 31: return PORTICO_GONE;
        case 26: return PORTICO_CLOSING;
        case 25: return PORTICO_WAIT;
        default: return PORTICO_OK;
    }
}

// PORTICO_WOULD_BLOCK is a hold if an on_writable is to come, and an error if none is. It is drawn
// only if the plugin knows which. While closing and without on_writable it does not, nor after an
// on_writable: a refusal just before it is owed another one.
portico_status FuzzedPlugin::draw_answer_to_data(const Known& known) {
    const portico_status status = draw_answer();
    const std::uint8_t more = input_.byte();
    const bool is_sure = known.blocked ? callbacks_.on_writable != nullptr : !known.ever_blocked;
    if (more >= 0xF8 && !known.ends() && is_sure) {
        return PORTICO_WOULD_BLOCK;
    }
    return more >= 0xF0 ? PORTICO_HOLD : more >= 0xE8 ? PORTICO_WAIT : status;
}

std::uint64_t FuzzedPlugin::draw_consumed(std::uint64_t size) {
    switch (input_.byte() % 16) {
        case 8:
        case 9:
        case 10: return 0;
        case 11: return 1;
        case 12: return size / 2;
        case 13: return size - 1;
        case 14: return size + 1;
        case 15: return input_.flag() ? UINT64_MAX : std::uint64_t{1} << 32;
        default: return size;
    }
}

void FuzzedPlugin::learn_peer(Known& known) {
    if (known.peer != nullptr) {
        return;
    }
    portico_connection_info info{};
    info.struct_size = sizeof info;
    const portico_status status = host_->info(instance_, known.handle, &info);
    PORTICO_ASSERT(status == PORTICO_OK || inside_ != known.handle);
    if (status == PORTICO_OK) {
        const std::string text(info.peer.text, info.peer.text_size);
        PORTICO_ASSERT(info.peer.family == PORTICO_ADDRESS_IPV4 &&
                       text.ends_with(":" + std::to_string(info.peer.port)));
        const std::size_t number = std::stoul(text.substr(text.rfind(':') + 1));
        PORTICO_ASSERT(number >= 1 && number <= port_->peers().size());
        known.peer = &port_->peers()[number - 1];
        PORTICO_ASSERT(known.peer->is_open || inside_ == known.handle);  // not in on_close
    }
}

// ---- host functions

void FuzzedPlugin::act_elsewhere() {
    PORTICO_ASSERT(!in_callback_);
    PORTICO_ASSERT(host_->worker_index(instance_) == UINT32_MAX);
    act();
}

void FuzzedPlugin::act() {
    for (int calls = input_.byte() % 8; calls > 3; --calls) {
        const std::uint8_t what = input_.byte();
        switch (what % 16) {
            case 0:
            case 1:
            case 2:
            case 3: send(draw_handle()); break;
            case 4: finish_sending(draw_handle()); break;
            case 5: close(draw_handle()); break;
            case 6: pause(draw_handle()); break;
            case 7:
            case 8: resume(draw_handle()); break;
            case 9:
            case 10: post(draw_handle()); break;
            case 11: post_instance(); break;
            case 12: info(draw_handle()); break;
            case 13: log(); break;
            case 14: extensions(); break;
            default: PORTICO_ASSERT(host_->now(instance_) != 0); break;
        }
    }
}

FuzzedPlugin::Known& FuzzedPlugin::accepted(portico_connection handle) {
    Known& known = know(handle);
    PORTICO_ASSERT(!known.closed);
    return known;
}

void FuzzedPlugin::send(portico_connection handle) {
    const std::uint32_t high = listener_.limits.send_queue_bytes;
    const std::uint32_t most = listener_.limits.max_send_bytes;
    const std::uint8_t kind = input_.byte();
    if (kind == 0xFF) {
        PORTICO_ASSERT(host_->send(instance_, handle, nullptr, 1) == PORTICO_INVALID);
        return;
    }
    const std::uint32_t size = kind < 0x80   ? kind % 32
                               : kind < 0xF0 ? input_.from_to(0, most)
                                             : most + 1;
    Known* known = find(handle);
    const std::size_t position = known != nullptr ? known->accepted : 0;
    // Exactly that long, so that a read past it is found, and freed at once, so that a kept
    // reference is found.
    const std::unique_ptr<char[]> bytes(new char[size]);
    for (std::size_t i = 0; i < size; ++i) {
        bytes[i] = byte_at(handle, position + i);
    }
    // An odd kind goes in parts, which are one message all the same.
    const portico_part parts[] = {
        {bytes.get(), size / 2}, {nullptr, 0}, {bytes.get() + size / 2, size - size / 2}};
    const portico_status status = kind % 2 == 0 ? host_->send(instance_, handle, bytes.get(), size)
                                                : host_->send_parts(instance_, handle, parts, 3,
                                                                    sizeof parts[0]);
    switch (status) {
        case PORTICO_OK:
            known = &accepted(handle);
            PORTICO_ASSERT(size <= most && !known->ends() && !known->finished);
            PORTICO_ASSERT(known->peer == nullptr || position - known->peer->taken.size() < high);
            known->accepted += size;
            return;
        case PORTICO_WOULD_BLOCK: {
            Known& blocked = accepted(handle);
            PORTICO_ASSERT(!blocked.ends() && !blocked.finished);
            blocked.blocked = blocked.ever_blocked = true;
            return;
        }
        case PORTICO_TOO_LARGE: PORTICO_ASSERT(size > most); return;
        case PORTICO_CLOSING: PORTICO_ASSERT(accepted(handle).finished); return;
        case PORTICO_GONE: return;
        default: PORTICO_ASSERT(!"send answers something else");
    }
}

void FuzzedPlugin::finish_sending(portico_connection handle) {
    const portico_status status = host_->finish_sending(instance_, handle);
    PORTICO_ASSERT(status == PORTICO_OK || status == PORTICO_GONE);
    if (status == PORTICO_OK) {
        Known& known = accepted(handle);
        PORTICO_ASSERT(!known.ends());
        known.finished = true;
    }
}

void FuzzedPlugin::close(portico_connection handle) {
    static constexpr std::uint32_t ways[] = {PORTICO_CLOSE_GRACEFUL, PORTICO_CLOSE_ABORT,
                                             PORTICO_CLOSE_GRACEFUL, UINT32_MAX};
    const std::uint32_t how = ways[input_.byte() % 4];
    const portico_status status = host_->close(instance_, handle, how);
    PORTICO_ASSERT((status == PORTICO_INVALID) == (how == UINT32_MAX));
    PORTICO_ASSERT(status == PORTICO_OK || status == PORTICO_GONE || status == PORTICO_INVALID);
    if (status == PORTICO_OK) {
        Known& known = accepted(handle);
        // an abort may follow any other end, once
        PORTICO_ASSERT(!known.aborting && (how == PORTICO_CLOSE_ABORT || !known.ends()));
        known.closing = true;
        known.aborting = known.aborting || how == PORTICO_CLOSE_ABORT;
    }
}

void FuzzedPlugin::pause(portico_connection handle) {
    const portico_status status = host_->pause_reading(instance_, handle);
    PORTICO_ASSERT(status == PORTICO_OK || status == PORTICO_GONE);
    if (status == PORTICO_OK) {
        Known& known = accepted(handle);
        PORTICO_ASSERT(!known.ends());
        known.paused = true;
    }
}

void FuzzedPlugin::resume(portico_connection handle) {
    const portico_status status = host_->resume_reading(instance_, handle);
    PORTICO_ASSERT(status == PORTICO_OK || status == PORTICO_GONE);
    if (status == PORTICO_OK) {
        Known& known = accepted(handle);
        PORTICO_ASSERT(!known.ends());
        known.paused = false;
        known.held = known.may_be_held = false;
        known.waits = false;
        known.resume_on_its_way = true;
        known.resumed_in_data = known.in_data || known.resumed_in_data;
    }
}

void FuzzedPlugin::post(portico_connection handle) {
    if (input_.byte() == 0xFF) {
        PORTICO_ASSERT(host_->post(instance_, handle, nullptr, nullptr) == PORTICO_INVALID);
        return;
    }
    const auto function = [](void* self, portico_connection connection, void* state, void* argument,
                             portico_status status) {
        PORTICO_ASSERT(self == (current->self_is_null_ ? nullptr : current));
        const std::unique_ptr<Token> token(static_cast<Token*>(argument));
        current->on_posted(connection, state, *token, status);
    };
    auto token = std::make_unique<Token>(Token{handle});
    const portico_status status = host_->post(instance_, handle, function, token.get());
    PORTICO_ASSERT(status == PORTICO_OK || status == PORTICO_GONE);
    if (status == PORTICO_OK) {
        Known& known = accepted(handle);
        PORTICO_ASSERT(!known.ends());
        ++known.posts;
        static_cast<void>(token.release());
    }
}

void FuzzedPlugin::post_instance() {
    if (input_.byte() == 0xFF) {
        PORTICO_ASSERT(host_->post_instance(instance_, nullptr, nullptr) == PORTICO_INVALID);
        return;
    }
    const auto function = [](void* self, portico_connection connection, void* state, void* argument,
                             portico_status status) {
        PORTICO_ASSERT(connection == 0 && state == nullptr);
        PORTICO_ASSERT(self == (current->self_is_null_ || !current->created_ ? nullptr : current));
        const std::unique_ptr<Token> token(static_cast<Token*>(argument));
        PORTICO_ASSERT(token->handle == 0 && !current->in_callback_ && !current->destroyed_);
        PORTICO_ASSERT(status == PORTICO_OK ? current->created_
                                            : status == PORTICO_CLOSING && current->unwinding_);
        PORTICO_ASSERT(current->instance_posts_ != 0);
        --current->instance_posts_;
        if (current->created_) {
            current->in_callback_ = true;
            PORTICO_ASSERT(current->host_->worker_index(current->instance_) == 0);
            current->act();
            current->in_callback_ = false;
        }
    };
    auto token = std::make_unique<Token>(Token{0});
    ++instance_posts_;
    const portico_status status = host_->post_instance(instance_, function, token.get());
    if (status == PORTICO_OK) {
        static_cast<void>(token.release());
    } else {
        // inside validate, or too late
        PORTICO_ASSERT(status == PORTICO_GONE && (port_ == nullptr || unwinding_));
        --instance_posts_;
    }
}

void FuzzedPlugin::info(portico_connection handle) {
    if (input_.byte() == 0xFF) {
        PORTICO_ASSERT(host_->info(instance_, handle, nullptr) == PORTICO_INVALID);
        return;
    }
    // Exactly as large as an older or a newer plugin's may be.
    const std::uint32_t size = input_.flag()
                                   ? sizeof(portico_connection_info)
                                   : input_.from_to(0, sizeof(portico_connection_info) + 16);
    const std::size_t room = std::max<std::size_t>(size, sizeof size);
    const std::unique_ptr<std::byte[]> bytes(new std::byte[room]());
    std::memcpy(bytes.get(), &size, sizeof size);
    const portico_status status = host_->info(
        instance_, handle, reinterpret_cast<portico_connection_info*>(bytes.get()));
    PORTICO_ASSERT((status == PORTICO_INVALID) == (size < 8));
    if (status != PORTICO_OK) {
        PORTICO_ASSERT(status == PORTICO_INVALID ||
                       (status == PORTICO_GONE && (handle == 0 || handle != inside_)));
        return;
    }
    const Known& known = know(handle);
    PORTICO_ASSERT(handle == inside_ || (!known.closed && !known.ends()));
    portico_connection_info filled{};
    std::memcpy(&filled, bytes.get(), std::min<std::size_t>(size, sizeof filled));
    PORTICO_ASSERT(filled.struct_size == size && filled.reserved == 0);
    if (size >= sizeof filled) {
        PORTICO_ASSERT(filled.peer.text_size != 0 &&
                       std::string(filled.local.text, filled.local.text_size) == "127.0.0.1:5000" &&
                       filled.local.port == 5'000);
        PORTICO_ASSERT(known.peer == nullptr || handle == inside_ ||
                       filled.queued_bytes >= known.accepted - known.peer->taken.size());
        PORTICO_ASSERT(std::all_of(bytes.get() + sizeof filled, bytes.get() + size,
                                   [](std::byte byte) { return byte == std::byte{0}; }));
    }
}

void FuzzedPlugin::log() {
    const std::uint32_t level = input_.byte() % 8 == 7 ? UINT32_MAX : input_.byte() % 6;
    const std::string text = input_.text(input_.byte() % 16);
    host_->log(instance_, draw_handle(), level, text.data(), text.size());
    host_->log(instance_, 0, level, nullptr, input_.byte());
}

void FuzzedPlugin::extensions() {
    PORTICO_ASSERT(host_->get_extension(instance_, nullptr, 0) == nullptr);
    const std::string id = input_.text(input_.byte() % 24);
    const void* found = host_->get_extension(instance_, id.data(), id.size());
    PORTICO_ASSERT(found == nullptr || id.starts_with("portico."));
    const auto* settings = static_cast<const portico_settings*>(
        host_->get_extension(instance_, PORTICO_EXT_SETTINGS, sizeof PORTICO_EXT_SETTINGS - 1));
    const std::string key = input_.text(input_.byte() % 8);
    const portico_status status = settings->read_anything(instance_, key.data(), key.size());
    PORTICO_ASSERT(in_control_ ? status != PORTICO_UNSUPPORTED : status == PORTICO_UNSUPPORTED);
}

// ---- what was sent, what was received, why it ended

void FuzzedPlugin::check_sent(const Known& known) const {
    if (known.peer == nullptr) {
        return;
    }
    const std::string& taken = known.peer->taken;
    PORTICO_ASSERT(taken.size() <= known.accepted);
    for (std::size_t i = 0; i < taken.size(); ++i) {
        PORTICO_ASSERT(taken[i] == byte_at(known.handle, i));
    }
    // An end of stream that the peer reads says that this was all.
    PORTICO_ASSERT(!known.peer->host_ended || taken.size() == known.accepted);
}

// The bytes are the peer's next ones after the consumed ones; with framing they are exactly one
// message.
void FuzzedPlugin::check_message(const Known& known, const std::uint8_t* data, std::uint64_t size,
                                 const portico_frame& frame) const {
    PORTICO_ASSERT(size != 0 && frame.struct_size == sizeof frame);
    PORTICO_ASSERT(frame.payload_offset + frame.payload_size <= size);
    PORTICO_ASSERT(frame.offered_before == known.left && frame.offered_before <= size);
    PORTICO_ASSERT(((frame.flags & PORTICO_FRAME_AGAIN) != 0) == (known.left != 0));
    const bool is_last = (frame.flags & PORTICO_FRAME_LAST) != 0;
    PORTICO_ASSERT((frame.flags & ~(PORTICO_FRAME_AGAIN | PORTICO_FRAME_LAST)) == 0);
    PORTICO_ASSERT(is_last || !known.last_offered);
    PORTICO_ASSERT(!is_last || (listener_.framing.type == config::Framing::Type::none &&
                                (known.peer == nullptr || known.peer->end_delivered)));
    const std::string bytes(reinterpret_cast<const char*>(data), size);
    if (known.peer != nullptr) {
        PORTICO_ASSERT(known.consumed + size <= known.peer->delivered);
        PORTICO_ASSERT(known.peer->stream.compare(known.consumed, size, bytes) == 0);
    }
    const config::Framing& framing = listener_.framing;
    switch (framing.type) {
        case config::Framing::Type::none:
            PORTICO_ASSERT(frame.payload_offset == 0 && frame.payload_size == size);
            return;
        case config::Framing::Type::delimiter:
            PORTICO_ASSERT(frame.payload_offset == 0 &&
                           frame.payload_size == size - framing.delimiter.size());
            PORTICO_ASSERT(frame.payload_size <= framing.max_bytes &&
                           bytes.find(framing.delimiter) == frame.payload_size);
            return;
        case config::Framing::Type::length_prefix: {
            std::uint64_t length = 0;
            for (std::size_t i = 0; i < framing.prefix_bytes; ++i) {
                const std::size_t at = framing.order == config::Framing::ByteOrder::big
                                           ? i
                                           : framing.prefix_bytes - 1 - i;
                length = length << 8 | data[at];
            }
            PORTICO_ASSERT(frame.payload_offset == framing.prefix_bytes &&
                           frame.payload_size == length && length <= framing.max_bytes);
            PORTICO_ASSERT(size == framing.prefix_bytes + length);
            return;
        }
    }
}

// The reason needs its cause.
void FuzzedPlugin::check_reason(const Known& known, std::uint32_t reason) const {
    const io::Error broken = known.peer != nullptr ? known.peer->broken : io::Error::reset;
    switch (reason) {
        case PORTICO_REASON_PLUGIN: PORTICO_ASSERT(known.closing); return;
        case PORTICO_REASON_PEER:
            PORTICO_ASSERT(callbacks_.on_end == nullptr &&
                           (known.peer == nullptr || known.peer->end_delivered));
            return;
        case PORTICO_REASON_RESET:
            PORTICO_ASSERT(broken == io::Error::reset || known.peer == nullptr);
            return;
        case PORTICO_REASON_ERROR:
            PORTICO_ASSERT(known.peer == nullptr || broken != io::Error::none);
            return;
        case PORTICO_REASON_PLUGIN_ERROR: PORTICO_ASSERT(known.failed); return;
        case PORTICO_REASON_IDLE: PORTICO_ASSERT(listener_.limits.idle_timeout_ms != 0); return;
        case PORTICO_REASON_HALF_CLOSE: PORTICO_ASSERT(known.end_told); return;
        case PORTICO_REASON_FRAME:
            PORTICO_ASSERT(listener_.framing.type != config::Framing::Type::none);
            return;
        case PORTICO_REASON_UNCONSUMED: PORTICO_ASSERT(known.unconsumed); return;
        case PORTICO_REASON_DRAIN:
            PORTICO_ASSERT(draining_ && callbacks_.on_drain == nullptr);
            return;
        case PORTICO_REASON_DRAIN_DEADLINE: PORTICO_ASSERT(cut_); return;
        default: PORTICO_ASSERT(!"there is no such reason here");
    }
}

// The figures agree with the peer's, and the status with what the plugin answered.
void FuzzedPlugin::check_closed(const Known& known, const portico_closed& closed) const {
    check_reason(known, closed.reason);
    const bool is_of_system = closed.reason == PORTICO_REASON_RESET ||
                              closed.reason == PORTICO_REASON_ERROR;
    PORTICO_ASSERT(closed.struct_size == sizeof closed && closed.opened_ns != 0);
    PORTICO_ASSERT(closed.status == (is_of_system ? PORTICO_ERROR
                                     : closed.reason == PORTICO_REASON_PLUGIN_ERROR
                                         ? known.failed_with
                                         : PORTICO_OK));
    PORTICO_ASSERT(is_of_system || closed.native_error == 0);
    if (known.peer == nullptr) {
        return;
    }
    const Peer& peer = *known.peer;
    PORTICO_ASSERT(closed.received_bytes == peer.delivered &&
                   closed.sent_bytes == peer.taken.size());
    const std::uint64_t not_taken = known.accepted - peer.taken.size();
    PORTICO_ASSERT(closed.unsent_bytes == not_taken ||
                   closed.unsent_bytes == not_taken + peer.unacknowledged.value_or(0));
}

void FuzzedPlugin::check_idle() {
    for (auto& [handle, known] : connections_) {
        portico_connection_info info{};
        info.struct_size = sizeof info;
        if (known.closed || known.refused || host_->info(instance_, handle, &info) != PORTICO_OK) {
            continue;
        }
        learn_peer(known);
        PORTICO_ASSERT(!known.failed && !known.closing && known.posts == 0);
        if (known.peer->send == nullptr) {
            PORTICO_ASSERT(known.peer->taken.size() == known.accepted && info.queued_bytes == 0);
            PORTICO_ASSERT(!known.blocked || callbacks_.on_writable == nullptr);
            PORTICO_ASSERT(!known.finished || known.peer->host_ended);
        }
        known.resume_on_its_way = false;
        const bool reading = !known.paused && !known.may_be_held && !known.end_told;
        PORTICO_ASSERT(!reading || known.peer->receive != nullptr);
        check_sent(known);
    }
}

void FuzzedPlugin::check_over() {
    for (const auto& [handle, known] : connections_) {
        PORTICO_ASSERT(known.posts == 0);
        // A connection without any callback was closed before its first.
        PORTICO_ASSERT(known.closed || known.refused || !known.told ||
                       callbacks_.on_close == nullptr);
        check_sent(known);
    }
    PORTICO_ASSERT(instance_posts_ == 0);
}

void FuzzedPlugin::check_finished() {
    PORTICO_ASSERT(instance_posts_ == 0);
    const auto never = [](void*, portico_connection, void*, void*, portico_status) {
        PORTICO_ASSERT(!"posted after the end");
    };
    PORTICO_ASSERT(host_->post_instance(instance_, never, nullptr) == PORTICO_GONE);
    PORTICO_ASSERT(host_->worker_index(instance_) == UINT32_MAX);
    for (const portico_connection handle : handles_) {
        PORTICO_ASSERT(host_->send(instance_, handle, "x", 1) == PORTICO_GONE &&
                       host_->close(instance_, handle, PORTICO_CLOSE_ABORT) == PORTICO_GONE);
        PORTICO_ASSERT(host_->post(instance_, handle, never, nullptr) == PORTICO_GONE);
    }
}

void FuzzedPlugin::check_destroyed() const {
    PORTICO_ASSERT(destroyed_ == created_);
    PORTICO_ASSERT(!created_ || !draining_ || stop_told_ == (table_.on_stop != nullptr));
    check_gone();
}

void FuzzedPlugin::check_gone() const {
    if (host_ == nullptr) {
        return;
    }
    const auto never = [](void*, portico_connection, void*, void*, portico_status) {
        PORTICO_ASSERT(!"posted after the end");
    };
    std::vector<portico_connection> handles = handles_;
    handles.push_back(0);
    for (const portico_connection handle : handles) {
        const portico_part part{"x", 1};
        portico_connection_info info{};
        info.struct_size = sizeof info;
        PORTICO_ASSERT(host_->send(instance_, handle, "x", 1) == PORTICO_GONE);
        PORTICO_ASSERT(host_->send_parts(instance_, handle, &part, 1, sizeof part) == PORTICO_GONE);
        PORTICO_ASSERT(host_->finish_sending(instance_, handle) == PORTICO_GONE);
        PORTICO_ASSERT(host_->close(instance_, handle, PORTICO_CLOSE_ABORT) == PORTICO_GONE);
        PORTICO_ASSERT(host_->pause_reading(instance_, handle) == PORTICO_GONE);
        PORTICO_ASSERT(host_->resume_reading(instance_, handle) == PORTICO_GONE);
        PORTICO_ASSERT(host_->post(instance_, handle, never, nullptr) == PORTICO_GONE);
        PORTICO_ASSERT(host_->info(instance_, handle, &info) == PORTICO_GONE);
        host_->log(instance_, handle, PORTICO_LOG_ERROR, "x", 1);
    }
    PORTICO_ASSERT(host_->post_instance(instance_, never, nullptr) == PORTICO_GONE);
    PORTICO_ASSERT(host_->worker_index(instance_) == UINT32_MAX && host_->now(instance_) != 0);
    PORTICO_ASSERT(host_->get_extension(instance_, PORTICO_EXT_SETTINGS,
                                        sizeof PORTICO_EXT_SETTINGS - 1) == nullptr);
}

// ---- callbacks

void FuzzedPlugin::check_setup(const portico_setup& setup) const {
    const config::Limits& limits = listener_.limits;
    const bool is_framed = listener_.framing.type != config::Framing::Type::none;
    PORTICO_ASSERT(setup.struct_size == sizeof setup && setup.plugin == &table_);
    PORTICO_ASSERT(setup.host->struct_size == sizeof *setup.host &&
                   setup.host->abi_major == PORTICO_ABI_MAJOR &&
                   setup.host->abi_minor == PORTICO_ABI_MINOR);
    PORTICO_ASSERT(std::string(setup.settings, setup.settings_size) == listener_.settings.json);
    PORTICO_ASSERT(std::string(setup.listener_name, setup.listener_name_size) == listener_.name);
    PORTICO_ASSERT(std::all_of(setup.error, setup.error + setup.error_capacity,
                               [](char letter) { return letter == 0; }));
    PORTICO_ASSERT(setup.worker_count == 1 &&
                   (setup.framing == PORTICO_FRAMING_NONE) == !is_framed);
    PORTICO_ASSERT(setup.max_send_bytes == limits.max_send_bytes &&
                   setup.send_high_bytes == limits.send_queue_bytes &&
                   setup.send_low_bytes == (limits.send_queue_low_bytes != 0
                                                ? limits.send_queue_low_bytes
                                                : limits.send_queue_bytes / 2));
    PORTICO_ASSERT(setup.max_message_bytes ==
                   (is_framed ? listener_.framing.max_bytes : limits.unconsumed_bytes));
}

portico_status FuzzedPlugin::control(const portico_setup& setup, std::uint32_t mode) {
    PORTICO_ASSERT(setup.mode == mode);
    check_setup(setup);
    host_ = setup.host;
    instance_ = setup.instance;
    PORTICO_ASSERT(host_->worker_index(instance_) == UINT32_MAX);
    in_control_ = true;
    act();
    in_control_ = false;
    const std::string text = input_.text(input_.byte() % 8);
    std::memset(setup.error, 'x', text.empty() && input_.flag() ? setup.error_capacity : 0);
    std::memcpy(setup.error, text.data(), text.size());
    const portico_status status = draw_answer();
    // what no create would answer
    return status == PORTICO_GONE || status == PORTICO_CLOSING ? PORTICO_ERROR : status;
}

void FuzzedPlugin::check_draining(const portico_draining& draining) const {
    PORTICO_ASSERT(draining_ && draining.struct_size == sizeof draining &&
                   draining.reason == PORTICO_DRAIN_STOP && draining.deadline_ns == deadline_ns_);
}

portico_status FuzzedPlugin::on_stop(const portico_draining& draining) {
    check_draining(draining);
    PORTICO_ASSERT(created_ && !destroyed_ && !in_callback_ && !stop_told_);
    stop_told_ = true;
    in_callback_ = true;
    act();
    in_callback_ = false;
    return draw_answer();
}

portico_status FuzzedPlugin::on_open(portico_connection handle, void** state) {
    Callback callback(*this, handle, *state);
    PORTICO_ASSERT(*state == nullptr && !callback.known.in_data);
    act();
    const std::uint8_t kind = input_.byte();
    const portico_status status = kind >= 0xE0 ? PORTICO_REFUSED : draw_answer();
    // what a refusing on_open stores there is ignored
    *state = (kind & 1) != 0 ? nullptr : &callback.known;
    callback.known.state = status < 0 ? nullptr : *state;
    callback.known.refused = status < 0;
    return status;
}

portico_status FuzzedPlugin::on_data(portico_connection handle, void* state,
                                     const std::uint8_t* data, std::uint64_t size,
                                     const portico_frame& frame, std::uint64_t& consumed) {
    Callback callback(*this, handle, state);
    Known& known = callback.known;
    PORTICO_ASSERT(consumed == 0);
    PORTICO_ASSERT(!known.failed && !known.closing && !known.paused && !known.end_told);
    // the call that it would have got ended the hold
    PORTICO_ASSERT(!known.held || (known.blocked && callbacks_.on_writable == nullptr));
    PORTICO_ASSERT(!known.held || !known.waits);
    check_message(known, data, size, frame);
    known.last_offered = (frame.flags & PORTICO_FRAME_LAST) != 0;
    known.in_data = true;
    known.resumed_in_data = false;
    act();
    known.in_data = false;
    check_message(known, data, size, frame);  // they were the host's to keep as they are
    consumed = draw_consumed(size);
    const portico_status status = draw_answer_to_data(known);
    const bool would_block = status == PORTICO_WOULD_BLOCK && known.blocked;
    const bool holds = status == PORTICO_HOLD || status == PORTICO_WAIT || would_block;
    std::uint64_t taken = would_block ? 0 : consumed;
    if (listener_.framing.type != config::Framing::Type::none) {
        taken = taken != 0 || !holds ? size : 0;
    }
    if (consumed > size && !would_block) {
        callback.fails_with(PORTICO_INVALID);
    } else {
        known.consumed += taken;
        known.left = size - taken;
        known.unconsumed = !holds && known.left >= listener_.limits.unconsumed_bytes;
    }
    known.may_be_held = holds && !known.resumed_in_data;
    known.held = known.may_be_held && !known.resume_on_its_way;
    known.waits = known.may_be_held && status == PORTICO_WAIT;
    return would_block ? status : callback.answers(status);
}

portico_status FuzzedPlugin::on_writable(portico_connection handle, void* state) {
    Callback callback(*this, handle, state);
    Known& known = callback.known;
    // (A close that is on its way by mail does not forbid it.)
    PORTICO_ASSERT(!known.failed && known.blocked);
    known.blocked = false;
    known.held = known.held && known.waits;
    known.may_be_held = known.may_be_held && known.waits;
    act();
    return callback.answers(draw_answer());
}

portico_status FuzzedPlugin::on_end(portico_connection handle, void* state,
                                    const portico_ended& ended) {
    Callback callback(*this, handle, state);
    Known& known = callback.known;
    PORTICO_ASSERT(!known.failed && !known.closing && !known.paused && !known.end_told);
    PORTICO_ASSERT(!known.held || (known.blocked && callbacks_.on_writable == nullptr));
    PORTICO_ASSERT((!known.held || !known.waits) && ended.struct_size == sizeof ended);
    const bool is_truncated = listener_.framing.type != config::Framing::Type::none &&
                              ended.remaining != 0;
    PORTICO_ASSERT(ended.flags == (is_truncated ? PORTICO_ENDED_TRUNCATED : 0U));
    if (known.peer != nullptr) {
        PORTICO_ASSERT(known.peer->end_delivered &&
                       ended.remaining == known.peer->stream.size() - known.consumed);
    }
    known.end_told = true;
    act();
    return callback.answers(draw_answer());
}

portico_status FuzzedPlugin::on_drain(portico_connection handle, void* state,
                                      const portico_draining& draining) {
    check_draining(draining);
    PORTICO_ASSERT(stop_told_ || table_.on_stop == nullptr);
    Callback callback(*this, handle, state);
    Known& known = callback.known;
    PORTICO_ASSERT(draining_ && !known.failed && !known.drain_told);
    known.drain_told = true;
    act();
    return callback.answers(draw_answer());
}

void FuzzedPlugin::on_close(portico_connection handle, void* state, const portico_closed& closed) {
    Callback callback(*this, handle, state);
    Known& known = callback.known;
    PORTICO_ASSERT(known.posts == 0);
    check_closed(known, closed);
    check_sent(known);
    known.closed = true;
    PORTICO_ASSERT(host_->send(instance_, handle, nullptr, 0) == PORTICO_GONE &&
                   host_->finish_sending(instance_, handle) == PORTICO_GONE);
    act();
}

void FuzzedPlugin::on_posted(portico_connection handle, void* state, Token& token,
                             portico_status status) {
    Known& known = know(handle);
    PORTICO_ASSERT(!in_callback_ && token.handle == handle && known.posts != 0 && !known.closed &&
                   known.state == state);
    PORTICO_ASSERT(status == PORTICO_OK || status == PORTICO_CLOSING);
    PORTICO_ASSERT(status == PORTICO_CLOSING || !known.ends());
    PORTICO_ASSERT(host_->worker_index(instance_) == 0);
    --known.posts;
    in_callback_ = true;
    inside_ = handle;
    act();
    inside_ = 0;
    in_callback_ = false;
}

}  // namespace portico::fuzz
