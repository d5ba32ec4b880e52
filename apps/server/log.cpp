#include "apps/server/log.hpp"

#include <charconv>
#include <chrono>
#include <cstdio>
#include <ctime>

#include <unistd.h>

#include "base/error.hpp"
#include "base/json_text.hpp"

namespace berth::server {
namespace {

// "2026-11-21T10:20:30.123Z"
std::string timestamp() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t second = std::chrono::system_clock::to_time_t(now);
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm parts{};
  gmtime_r(&second, &parts);
  char buffer[64];
  const std::size_t size = std::strftime(buffer, sizeof(buffer), "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(buffer + size, sizeof(buffer) - size, ".%03dZ", static_cast<int>(milliseconds));
  return buffer;
}

void append_value(std::string& out, const LogValue& value, bool json) {
  if (const auto* text = std::get_if<std::string_view>(&value)) {
    const std::string safe = base::printable(*text);
    if (json || safe.find_first_of(" \"=") != std::string::npos || safe.empty()) {
      base::append_string(out, safe);
    } else {
      out += safe;
    }
  } else if (const auto* whole = std::get_if<std::uint64_t>(&value)) {
    out += std::to_string(*whole);
  } else if (const auto* number = std::get_if<double>(&value)) {
    char buffer[32];
    const auto result = std::to_chars(buffer, buffer + sizeof(buffer), *number, std::chars_format::fixed, 3);
    out.append(buffer, result.ptr);
  } else {
    out += std::get<bool>(value) ? "true" : "false";
  }
}

}  // namespace

void Log::write(std::string_view level, std::string_view event, std::initializer_list<LogField> fields) const {
  std::string line;
  if (format_ == LogFormat::json) {
    line.append("{\"time\":\"").append(timestamp()).append("\",\"level\":\"").append(level).append("\",\"event\":");
    base::append_string(line, event);
    for (const auto& [name, value] : fields) {
      line.append(",\"").append(name).append("\":");
      append_value(line, value, true);
    }
    line += "}\n";
  } else {
    line.append(timestamp()).append(" ").append(level).append(" ").append(event);
    for (const auto& [name, value] : fields) {
      line.append(" ").append(name).append("=");
      append_value(line, value, false);
    }
    line += '\n';
  }
  // One call: lines of several threads do not mix. Nobody can be told that it failed.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace berth::server
