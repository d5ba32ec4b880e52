// What several routes write.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "apps/server/job.hpp"
#include "base/json_text.hpp"

namespace berth::server {

inline Response json_response(std::string body) { return {200, "application/json", std::move(body), {}}; }

// [each, each]
template <class Range, class Append>
void append_list(std::string& out, const Range& range, const Append& append) {
  out += '[';
  bool first = true;
  for (const auto& each : range) {
    if (!first) out += ',';
    first = false;
    append(each);
  }
  out += ']';
}

inline void append_key(std::string& out, std::string_view key) { out.append("\"").append(key).append("\":"); }

}  // namespace berth::server
