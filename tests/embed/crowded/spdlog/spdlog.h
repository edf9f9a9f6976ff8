// A stand-in for another version of spdlog.
#pragma once

#include <string>

namespace spdlog {

class logger {
public:
    virtual ~logger();
    virtual int log(const std::string& text);
};

logger* default_logger_raw();
int info(const std::string& text);
void shutdown();

}  // namespace spdlog
