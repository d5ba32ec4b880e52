#include <algorithm>
#include <cmath>
#include <iterator>
#include <string_view>

#include "base/error.hpp"
#include "tokenizer/loading.hpp"

namespace berth::tokenizer {

namespace {

// The classes of transformers whose model_input_names lack token_type_ids; all others have PreTrainedTokenizerBase's, or their own with them.
constexpr std::string_view kWithoutTypes[] = {"BartTokenizer",  "CamembertTokenizer",  "DistilBertTokenizer", "GPT2Tokenizer",    "GemmaTokenizer",
                                              "LlamaTokenizer", "LongformerTokenizer", "MPNetTokenizer",      "RobertaTokenizer", "XLMRobertaTokenizer"};

bool gives_types(const base::JsonObject& config) {
  if (const base::Json* names = config.find("model_input_names")) {
    const auto is_name = [](const base::Json& name) { return name.is_string(); };
    if (!names->is_array() || !std::all_of(names->begin(), names->end(), is_name)) config.fail("model_input_names", "expected a list of strings");
    return std::find(names->begin(), names->end(), "token_type_ids") != names->end();
  }
  std::string name = config.string_or("tokenizer_class", "");
  if (name.ends_with("Fast")) name.resize(name.size() - 4);
  return std::find(std::begin(kWithoutTypes), std::end(kWithoutTypes), name) == std::end(kWithoutTypes);
}

}  // namespace

ConfigLimits read_config_limits(const base::JsonObject& config) {
  ConfigLimits limits;
  // Tokenizers without a limit are saved with 1e30 or so, as a float or as a very long integer.
  constexpr double kNoLimit = 1e9;
  const char* key = config.has("model_max_length") ? "model_max_length" : "max_len";  // the name of old releases
  if (config.has(key)) {
    const double length = config.number(key, 1, std::numeric_limits<double>::max());
    if (length < kNoLimit) {
      if (length != std::floor(length)) config.fail(key, "expected an integer");
      limits.model_max_length = static_cast<std::size_t>(length);
    }
  }
  if (config.has("truncation_side")) {
    const std::string side = config.string("truncation_side");
    if (side != "left" && side != "right") config.fail("truncation_side", "expected \"left\" or \"right\"");
    limits.truncation_side = side == "left" ? TruncationSide::left : TruncationSide::right;
  }
  limits.clean_up_tokenization_spaces = config.boolean_or("clean_up_tokenization_spaces", true);
  limits.gives_types = gives_types(config);
  read_roles(config, limits);
  return limits;
}

void read_roles(const base::JsonObject& config, ConfigLimits& limits) {
  const auto read = [&](const char* key, std::optional<std::string>& token) {
    const base::Json* value = config.find(key);
    if (value == nullptr || token) return;
    if (value->is_object()) {
      token = base::JsonObject(*value, config.label(), config.field(key)).string("content");
    } else {
      token = config.string(key);
    }
  };
  read("mask_token", limits.mask_token);
  read("unk_token", limits.unknown_token);
  read("pad_token", limits.pad_token);
}

}  // namespace berth::tokenizer
