// Any bytes as JSON: an error, or the document that the library itself would give; and the streaming reader agrees with the other.
#include "base/json.hpp"
#include "fuzz/fuzz.hpp"

namespace {

using namespace berth;
using base::Json;

// Puts the streamed elements back where they came from.
Json stream_and_rebuild(std::string_view text, const std::string& key) {
  Json rebuilt;
  const std::string path = key.empty() ? "" : "/" + key;
  const auto sink = [&](const base::JsonStreamElement& element) {
    fuzz::require(element.path == path && element.index == rebuilt.size(), "an element out of order");
    if (element.key) {
      rebuilt[std::string(*element.key)] = *element.value;
    } else {
      rebuilt.push_back(*element.value);
    }
  };
  Json document = base::parse_json_streaming(text, "f.json", {path}, sink, {1 << 20, 64});
  if (rebuilt.is_null()) return document;  // nothing was streamed, or an empty container: null stands for it
  (key.empty() ? document : document[key]) = rebuilt;
  return document;
}

void look_at_fields(const Json& document) {
  const base::JsonObject object(document, "f.json");
  for (const char* key : {"a", "vocab", "n"}) {
    fuzz::only_errors([&] { object.integer(key, -5, INT64_MAX); });
    fuzz::only_errors([&] { object.number_or(key, 0.5, -1e300, 1e300); });
    fuzz::only_errors([&] { static_cast<void>(object.string(key)); });
    fuzz::only_errors([&] { object.boolean_or(key, true); });
    fuzz::only_errors([&] { look_at_fields(object.object(key).json()); });
  }
}

}  // namespace

std::vector<std::string> berth::fuzz::seeds() {
  return {
      R"({"a":[1,-2,3.5e2,"x\u00e9\ud83d\ude00",true,false,null],"vocab":{"a":0,"b":[1,2]},"n":{"n":{"n":512.0}}})",
      R"({"vocab":{"[PAD]":0,"[UNK]":1,"the":2,"##s":3},"a":{"vocab":[["x",-1.5],["y",-2]]}})",
      R"({"n":123456789012345678901234567890,"a":-0,"vocab":9223372036854775808})",
      R"({"a":1,"b":2,"a":3})",
      R"(["\u0041\n\"\\\/","\ud800"])",
      std::string("{\"a\":\0}", 7),
      "[" + std::string(70, '['),
      "\xef\xbb\xbf{}",
      "[1e308,1e999,01,+1,NaN]",
  };
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Json document;
  const bool good = fuzz::only_errors([&] { document = base::parse_json(text, "f.json"); });
  if (good) {
    fuzz::require(Json::parse(text) == document, "a document other than the library's");
    fuzz::require(base::parse_json(document.dump(), "f.json", {std::size_t{16} << 20, 64}) == document, "a document that does not survive writing");
    fuzz::only_errors([&] { look_at_fields(document); });
  }
  for (const std::string key : {"", "vocab", "a"}) {
    Json streamed;
    const bool streams = fuzz::only_errors([&] { streamed = stream_and_rebuild(text, key); });
    if (!streams) continue;  // its elements have limits of their own
    fuzz::require(good, "the streaming reader takes what the other refuses");
    Json expected = document;
    Json* place = key.empty() ? &expected : expected.is_object() && expected.contains(key) ? &expected[key] : nullptr;
    if (place != nullptr && place->is_structured() && place->empty()) *place = nullptr;
    fuzz::require(streamed == expected, "the streaming reader gives another document");
  }
  return 0;
}
