// ByteLevel as a post-processor, which only trims offsets, and Sequence.
#include "base/error.hpp"
#include "tokenizer/post_processors/post_processors.hpp"

namespace berth::tokenizer {
namespace {

constexpr std::size_t kMaxParts = 16;

[[noreturn]] void unsupported(const StageSource& source, const std::string& problem) {
  throw base::Error(base::ErrorCode::unsupported, source.object.label() + ": field \"" + source.path + ".processors\": " + problem);
}

}  // namespace

PostProcessor load_byte_level_processing(const StageSource& source) {
  PostProcessor result = default_post_processor();
  result.trim_offsets = source.boolean("trim_offsets");
  result.add_prefix_space = source.boolean("add_prefix_space");
  return result;
}

// What files have: perhaps one ByteLevel that trims, then perhaps one that adds special tokens. Any other order would process the special
// tokens, or trim twice, which nobody means.
PostProcessor load_post_processor_sequence(const StageSource& source) {
  PostProcessor result = default_post_processor();
  const base::Json& list = source.array("processors");
  if (list.size() > kMaxParts) source.object.fail("processors", "expected at most " + std::to_string(kMaxParts) + " parts");
  bool has_template = false;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const StageSource child = source.child(list[i], ".processors[" + std::to_string(i) + "]");
    PostProcessor part = make_post_processor(child);
    const bool adds = part.added(false) + part.added(true) > 0;
    if (has_template) unsupported(source, "a part after the one that adds special tokens is not supported");
    if (part.trim_offsets && result.trim_offsets) unsupported(source, "two parts with trim_offsets are not supported");
    const bool trims = part.trim_offsets || result.trim_offsets;
    const bool prefix = part.trim_offsets ? part.add_prefix_space : result.add_prefix_space;
    if (child.type() != "ByteLevel") {
      has_template = adds || child.type() == "TemplateProcessing";
      result = std::move(part);
    }
    result.trim_offsets = trims;
    result.add_prefix_space = prefix;
  }
  return result;
}

}  // namespace berth::tokenizer
