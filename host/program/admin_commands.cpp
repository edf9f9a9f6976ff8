#include "program/admin_commands.hpp"

#include <nlohmann/json.hpp>

#include <cstdio>

#include "admin/client.hpp"
#include "admin/token_file.hpp"
#include "config/load.hpp"
#include "program/exit_codes.hpp"
#include "program/status_table.hpp"

namespace portico {

namespace {

int fail(int code, const std::string& text) {
    std::fprintf(stderr, "host: %s\n", text.c_str());
    return code;
}

// Of an answer that is not 2xx.
std::string error_of(const admin::Answer& answer) {
    const nlohmann::json body = nlohmann::json::parse(answer.body, nullptr, false);
    const auto found = body.is_object() ? body.find("error") : body.end();
    return body.is_object() && found != body.end() && found->is_string()
               ? found->get<std::string>()
               : "HTTP status " + std::to_string(answer.status);
}

admin::Call call_for(const AdminCommand& command) {
    admin::Call call;
    call.method = "POST";
    nlohmann::json body = nlohmann::json::object();
    switch (command.verb) {
        case AdminCommand::Verb::status:
            call.method = "GET";
            call.path = "/api/status";
            return call;
        case AdminCommand::Verb::drain:
            call.path = "/api/drain";
            if (command.listener.empty()) {
                body["all"] = true;
            } else {
                body["listener"] = command.listener;
            }
            if (command.undo) {
                body["undo"] = true;
            }
            break;
        case AdminCommand::Verb::log_level:
            call.path = "/api/log-level";
            body["level"] = command.level;
            break;
        case AdminCommand::Verb::reopen_log: call.path = "/api/reopen-log"; break;
    }
    call.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    return call;
}

std::string sentence_for(const AdminCommand& command) {
    switch (command.verb) {
        case AdminCommand::Verb::status: break;
        case AdminCommand::Verb::drain: {
            const std::string what = command.listener.empty() ? "all listeners" : command.listener;
            return what + (command.undo ? ": listening again"
                                        : ": port closed, connections are asked to end; see host "
                                          "status");
        }
        case AdminCommand::Verb::log_level: return "log level: " + command.level;
        case AdminCommand::Verb::reopen_log: return "the log's files are opened again";
    }
    return {};
}

int print(const AdminCommand& command, const admin::Answer& answer) {
    std::string text = command.json ? answer.body : sentence_for(command) + "\n";
    if (!command.json && command.verb == AdminCommand::Verb::status) {
        text = status_table(answer.body);
        if (text.empty()) {
            return fail(exit_failed, "the host's answer is not understood; see host status --json");
        }
    }
    std::fputs(text.c_str(), stdout);
    return exit_done;
}

}  // namespace

int run_admin_command(const AdminCommand& command) {
    const config::Loaded loaded = config::load_file(command.configuration);
    for (const std::string& mistake : loaded.mistakes) {
        static_cast<void>(fail(exit_usage, mistake));
    }
    if (!loaded.mistakes.empty()) {
        return exit_usage;
    }
    const config::Admin& admin = loaded.config.admin;
    if (admin.listen.text.empty()) {
        return fail(exit_usage, command.configuration +
                                    " has no \"admin\", so its host cannot be asked; add "
                                    "\"admin\": { \"listen\": \"127.0.0.1:9900\" } and start it "
                                    "again");
    }
    admin::Call call = call_for(command);
    call.address = admin.listen.text;
    if (!admin.token_file.empty()) {
        base::Result<std::string> token = admin::read_token(admin.token_file);
        if (!token) {
            return fail(exit_usage, "admin.token_file: " + token.error());
        }
        call.token = std::move(*token);
    }
    base::Result<admin::Answer> answer = admin::call(call);
    if (!answer) {
        return fail(exit_failed,
                    answer.kind() == admin::not_running
                        ? "no host with this configuration is running (" + answer.error() + ")"
                        : call.address + ": " + answer.error());
    }
    if (answer->status == 401) {
        return fail(exit_failed, "the host refuses the token of " + admin.token_file +
                                     ": it has read another one when it started");
    }
    if (answer->status / 100 != 2) {
        return fail(exit_failed, error_of(*answer));
    }
    return print(command, *answer);
}

}  // namespace portico
