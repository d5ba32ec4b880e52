// Lines for whoever operates the server, on standard error: text or JSON, one event each. Texts of requests never get here.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "apps/server/options.hpp"

namespace berth::server {

using LogValue = std::variant<std::string_view, std::uint64_t, double, bool>;
using LogField = std::pair<std::string_view, LogValue>;

class Log {
 public:
  explicit Log(LogFormat format) : format_(format) {}
  void info(std::string_view event, std::initializer_list<LogField> fields = {}) const { write("info", event, fields); }
  void warning(std::string_view event, std::initializer_list<LogField> fields = {}) const { write("warning", event, fields); }
  void error(std::string_view event, std::initializer_list<LogField> fields = {}) const { write("error", event, fields); }

 private:
  void write(std::string_view level, std::string_view event, std::initializer_list<LogField> fields) const;
  LogFormat format_;
};

}  // namespace berth::server
