#include "apps/common/findings_json.hpp"

#include <cstdint>

#include "base/json_text.hpp"

namespace berth::apps {

using base::append_number;
using base::append_string;

void append_text_or_null(std::string& out, const berth_string& text) {
  if (text.data == nullptr) {
    out += "null";
  } else {
    append_string(out, {text.data, text.size});
  }
}

void append_offsets(std::string& out, const berth_finding& finding) {
  if (finding.has_offsets == 0) {
    out += ",\"start\":null,\"end\":null";
    return;
  }
  out += ",\"start\":";
  append_number(out, std::uint64_t{finding.begin});
  out += ",\"end\":";
  append_number(out, std::uint64_t{finding.end});
}

void append_entity(std::string& out, const berth_finding& entity, bool grouped) {
  out += grouped ? "{\"entity_group\":" : "{\"entity\":";
  append_string(out, {entity.label.data, entity.label.size});
  out += ",\"score\":";
  append_number(out, entity.score);
  if (!grouped) {
    out += ",\"index\":";
    append_number(out, std::uint64_t{entity.first_token});
  }
  out += ",\"word\":";
  append_text_or_null(out, entity.text);
  append_offsets(out, entity);
  out += '}';
}

std::vector<std::span<const berth_finding>> by_mask(std::span<const berth_finding> found) {
  std::vector<std::span<const berth_finding>> masks;
  for (std::size_t begin = 0; begin < found.size();) {
    std::size_t end = begin + 1;
    while (end < found.size() && found[end].first_token == found[begin].first_token) ++end;
    masks.push_back(found.subspan(begin, end - begin));
    begin = end;
  }
  return masks;
}

namespace {

void append_mask(std::string& out, std::span<const berth_finding> fills) {
  out += '[';
  for (const berth_finding& fill : fills) {
    if (out.back() != '[') out += ',';
    out += "{\"score\":";
    append_number(out, fill.score);
    out += ",\"token\":";
    append_number(out, static_cast<std::uint64_t>(fill.id));
    out += ",\"token_str\":";
    append_text_or_null(out, fill.text);
    out += ",\"sequence\":";
    append_text_or_null(out, fill.sequence);
    out += '}';
  }
  out += ']';
}

}  // namespace

void append_fills(std::string& out, std::span<const berth_finding> found) {
  const auto masks = by_mask(found);
  if (masks.size() == 1) return append_mask(out, masks.front());
  out += '[';
  for (const auto& mask : masks) {
    if (out.back() != '[') out += ',';
    append_mask(out, mask);
  }
  out += ']';
}

namespace {

void append_answer(std::string& out, const berth_finding* answer) {
  if (answer == nullptr) {
    out += "\"score\":null,\"start\":null,\"end\":null,\"answer\":null";
    return;
  }
  out += "\"score\":";
  append_number(out, answer->score);
  append_offsets(out, *answer);
  out += ",\"answer\":";
  append_text_or_null(out, answer->text);
}

}  // namespace

void append_answers(std::string& out, std::span<const berth_finding> found, std::size_t most) {
  append_answer(out, found.empty() ? nullptr : found.data());
  if (most <= 1) return;
  out += ",\"answers\":[";
  for (const berth_finding& answer : found) {
    out += out.back() == '[' ? "{" : ",{";
    append_answer(out, &answer);
    out += '}';
  }
  out += ']';
}

}  // namespace berth::apps
