#include "host_log.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace portico::soak {

HostLog::HostLog(const std::string& pipe, const std::string& file) {
    std::remove(pipe.c_str());
    if (::mkfifo(pipe.c_str(), 0600) != 0) {
        std::perror(pipe.c_str());
        std::exit(1);
    }
    reader_ = std::thread([this, pipe, file] { read(pipe, file); });
}

HostLog::~HostLog() {
    reader_.join();
}

void HostLog::read(const std::string& pipe, const std::string& file) {
    std::ofstream copy(file);
    std::ifstream lines(pipe);  // opened when the host opens it, and ended when the host ends
    for (std::string line; std::getline(lines, line);) {
        const std::scoped_lock lock(mutex_);
        if (line.ends_with(" connected")) {
            ++clients_;
        } else if (line.find(" debug ") == std::string::npos) {
            copy << line << std::endl;
            lines_.push_back(line);
        }
    }
}

std::string HostLog::line_with(const std::string& text) const {
    const std::scoped_lock lock(mutex_);
    for (const std::string& line : lines_) {
        if (line.find(text) != std::string::npos) {
            return line;
        }
    }
    return {};
}

std::vector<std::string> HostLog::lines_with(const std::string& text) const {
    const std::scoped_lock lock(mutex_);
    std::vector<std::string> found;
    std::copy_if(lines_.begin(), lines_.end(), std::back_inserter(found),
                 [&](const std::string& line) { return line.find(text) != std::string::npos; });
    return found;
}

std::string HostLog::last_line() const {
    const std::scoped_lock lock(mutex_);
    return lines_.empty() ? std::string() : lines_.back();
}

std::uint64_t HostLog::clients() const {
    const std::scoped_lock lock(mutex_);
    return clients_;
}

}  // namespace portico::soak
