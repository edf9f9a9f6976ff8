#include "messages/script.hpp"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "messages/message_sequence.hpp"
#include "messages/message_template.hpp"
#include "messages/text.hpp"

namespace portico::client {

namespace {

using Sources = std::vector<std::unique_ptr<MessageSource>>;

struct ScriptError {
    std::string text;
};

[[noreturn]] void refuse(const std::string& place, const std::string& why) {
    throw ScriptError{place + ": " + why};
}

template <class T>
T value_of(const std::string& place, base::Result<T> result) {
    if (!result) {
        refuse(place, result.error());
    }
    return *std::move(result);
}

const std::string& text_of(const std::string& place, const nlohmann::json& value) {
    if (!value.is_string()) {
        refuse(place, "found " + std::string(value.type_name()) + ", expected a string");
    }
    return value.get_ref<const std::string&>();
}

// Turns the steps, one by one, into exchanges.
class ScriptMaker {
public:
    ScriptMaker(Framing framing, Framing reply_framing, std::uint64_t seed) : seed_(seed) {
        script_.framing = std::move(framing);
        script_.reply_framing = std::move(reply_framing);
    }

    void take(const std::string& place, const std::string& name, const nlohmann::json& value) {
        const std::string its = place + "." + name;
        if (name == "send") {
            send(its, value);
        } else if (name == "expect") {
            expect(its, value);
        } else if (name == "expect_pattern") {
            expect_pattern(its, value);
        } else if (name == "pause") {
            pause(its, value);
        } else {
            refuse(place, "\"" + name + "\" is not one of send, expect, expect_pattern and pause");
        }
    }

    Script made() {
        end_exchange();
        script_.messages = make_messages_in_turn(std::move(messages_));
        script_.replies = make_messages_in_turn(std::move(replies_));
        return std::move(script_);
    }

private:
    void send(const std::string& place, const nlohmann::json& value) {
        if (!expected_.empty() || pattern_) {
            end_exchange();
        }
        sent_.push_back(text(place, value, script_.framing));
    }
    void expect(const std::string& place, const nlohmann::json& value) {
        if (pattern_) {
            end_exchange();
        }
        expected_.push_back(text(place, value, script_.reply_framing));
    }
    void expect_pattern(const std::string& place, const nlohmann::json& value) {
        if (script_.reply_framing.type == Framing::Type::none) {
            refuse(place,
                   "a pattern needs \"reply_framing\" to know where the reply ends, such as "
                   "\"idle:100ms\": when nothing more comes");
        }
        if (pattern_ || !expected_.empty()) {
            end_exchange();
        }
        const std::string_view end = script_.reply_framing.type == Framing::Type::delimiter
                                         ? std::string_view(script_.reply_framing.delimiter)
                                         : std::string_view();
        pattern_ = value_of(place, Pattern::parse(text_of(place, value), end));
    }
    void pause(const std::string& place, const nlohmann::json& value) {
        if (!sent_.empty() || !expected_.empty() || pattern_) {
            end_exchange();
        }
        pause_ns_ += value_of(place, parse_duration_ns(text_of(place, value)));
    }

    std::unique_ptr<MessageSource> text(const std::string& place, const nlohmann::json& value,
                                        const Framing& framing) {
        std::vector<MessagePiece> pieces = value_of(place, parse_template(text_of(place, value)));
        if (pieces.empty() && framing.adds_nothing()) {
            refuse(place, "the text is empty");
        }
        for (const MessagePiece& piece : pieces) {
            if (framing.type == Framing::Type::delimiter &&
                piece.text.find(framing.delimiter) != std::string::npos) {
                refuse(
                    place,
                    "the text contains the delimiter, which is added to each: it would be several");
            }
        }
        auto payloads = make_template_messages(seed_, std::move(pieces));
        if (framing.type == Framing::Type::length_prefix &&
            payloads->size_max() > framing.payload_max()) {
            refuse(place, "the text may become too long for a " +
                              std::to_string(framing.prefix_bytes) + "-byte length prefix");
        }
        return make_framed_messages(std::move(payloads), framing);
    }

    void end_exchange() {
        messages_.push_back(make_joined_messages(std::exchange(sent_, {})));
        replies_.push_back(make_joined_messages(std::exchange(expected_, {})));
        script_.patterns.push_back(std::exchange(pattern_, std::nullopt));
        script_.pauses_ns.push_back(std::exchange(pause_ns_, 0));
    }

    const std::uint64_t seed_;
    Script script_;
    Sources messages_, replies_;
    // The exchange that is being made.
    Sources sent_, expected_;
    std::optional<Pattern> pattern_;
    std::uint64_t pause_ns_ = 0;
};

Framing framing_of(const nlohmann::json& json, const char* name, const Framing& otherwise) {
    return json.contains(name) ? value_of(name, parse_framing(text_of(name, json[name])))
                               : otherwise;
}

Script script_of(const nlohmann::json& json, std::uint64_t seed) {
    if (!json.is_object()) {
        refuse("the script",
               "found " + std::string(json.type_name()) + ", expected an object with \"steps\"");
    }
    for (const auto& [name, value] : json.items()) {
        if (name != "framing" && name != "reply_framing" && name != "steps") {
            refuse("the script", "\"" + name + "\" is not one of framing, reply_framing and steps");
        }
    }
    const Framing framing = framing_of(json, "framing", {});
    if (framing.type == Framing::Type::idle || framing.type == Framing::Type::fixed) {
        refuse("framing", "for what is sent it must be none, delimiter or length_prefix");
    }
    ScriptMaker maker(framing, framing_of(json, "reply_framing", framing), seed);
    if (!json.contains("steps") || !json["steps"].is_array() || json["steps"].empty()) {
        refuse("steps", "expected an array of one step or more");
    }
    const nlohmann::json& steps = json["steps"];
    bool does_something = false;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        const std::string place = "steps[" + std::to_string(i) + "]";
        if (!steps[i].is_object() || steps[i].size() != 1) {
            refuse(place,
                   "expected an object with one member: send, expect, expect_pattern or pause");
        }
        const auto step = steps[i].items().begin();
        maker.take(place, step.key(), step.value());
        does_something = does_something || step.key() != "pause";
    }
    if (!does_something) {
        refuse("steps", "nothing is sent and nothing expected");
    }
    return maker.made();
}

}  // namespace

base::Result<Script> parse_script(std::string_view json, std::uint64_t seed) {
    try {
        return script_of(nlohmann::json::parse(json), seed);
    } catch (const nlohmann::json::exception& error) {
        const std::string_view text = error.what();  // begins with the library's name in brackets
        const std::size_t bracket = text.find("] ");
        return base::Failure{std::string(text.substr(bracket == text.npos ? 0 : bracket + 2))};
    } catch (const ScriptError& error) {
        return base::Failure{error.text};
    }
}

}  // namespace portico::client
