#include "tokenizer/tokenizer.hpp"

#include <algorithm>
#include <functional>

#include "base/error.hpp"
#include "base/files.hpp"
#include "tokenizer/directory_config.hpp"
#include "tokenizer/encoder.hpp"
#include "tokenizer/loading.hpp"

namespace berth::tokenizer {
namespace {

std::int32_t largest_id(const TokenizerParts& parts) {
  std::int32_t largest = std::max(parts.model->vocabulary().max_id(), parts.added->max_id());
  for (const auto* pieces : {&parts.post_processor.single, &parts.post_processor.pair}) {
    for (const auto& piece : *pieces) {
      for (const std::int32_t id : piece.ids) largest = std::max(largest, id);
    }
  }
  return largest;
}

TokenizerParts load_json_file(const std::filesystem::path& directory) {
  const DirectoryConfig files(directory);
  const bool python_only = files.fitting_class(kFastBpeClasses) != nullptr && base::file_exists(directory / "vocab.txt");
  if (python_only && base::file_exists(directory / kFastBpeCodes)) return load_fast_bpe(files);
  const std::filesystem::path path = directory / "tokenizer.json";
  const std::string text = base::read_file(path, kMaxTokenizerFile);
  base::reject_impostor(text, base::display(path));
  return load_tokenizer_json(text, base::display(path), &files);
}

// The files of a directory that say the same are read in this order.
struct Files {
  std::function<TokenizerParts(const std::filesystem::path&)> load;
};
std::optional<Files> find_files(const std::filesystem::path& directory) {
  const auto has = [&](const char* name) { return base::file_exists(directory / name); };
  if (has("tokenizer.json")) return Files{load_json_file};
  if (has("vocab.txt")) return Files{load_vocab_txt};
  if (has("vocab.json") && has("merges.txt")) return Files{load_vocab_json};
  for (const char* name : kSentencePieceFiles) {
    if (has(name)) return Files{[name](const std::filesystem::path& path) { return load_sentencepiece(path, name); }};
  }
  return std::nullopt;
}

}  // namespace

struct Tokenizer::Impl {
  Encoder encoder;
  ConfigLimits limits;
  std::int32_t max_id;

  Impl(TokenizerParts parts, ConfigLimits config) : encoder(std::move(parts)), limits(config), max_id(largest_id(encoder.parts())) {}
};

Tokenizer::Tokenizer(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

bool Tokenizer::present(const std::filesystem::path& directory) { return find_files(directory).has_value(); }

Tokenizer Tokenizer::load(const std::filesystem::path& directory) {
  const auto files = find_files(directory);
  if (!files)
    throw base::Error(
        base::ErrorCode::not_found,
        base::display(directory) + ": no tokenizer.json, vocab.txt (with bpe.codes or without), vocab.json with merges.txt, or sentencepiece model");
  ConfigLimits limits;
  const std::filesystem::path config_path = directory / "tokenizer_config.json", map_path = directory / "special_tokens_map.json";
  if (base::file_exists(config_path)) {
    const base::Json config = base::read_json_file(config_path, {.max_bytes = kMaxConfigFile});
    limits = read_config_limits(base::JsonObject(config, base::display(config_path)));
  }
  if (base::file_exists(map_path)) {
    const base::Json map = base::read_json_file(map_path, {.max_bytes = kMaxConfigFile});
    read_roles(base::JsonObject(map, base::display(map_path)), limits);
  }
  return Tokenizer(std::make_unique<const Impl>(files->load(directory), limits));
}

Tokenizer Tokenizer::from_json(std::string_view json, const std::string& label) {
  return Tokenizer(std::make_unique<const Impl>(load_tokenizer_json(json, label, nullptr), ConfigLimits{}));
}

Encoding Tokenizer::encode(std::string_view text, const EncodeOptions& options) const { return impl_->encoder.encode(text, nullptr, options); }

Encoding Tokenizer::encode(std::string_view text, std::string_view pair, const EncodeOptions& options) const {
  return impl_->encoder.encode(text, &pair, options);
}

std::string Tokenizer::decode(std::span<const std::int32_t> ids, bool skip_special) const {
  const TokenizerParts& parts = impl_->encoder.parts();
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const std::int32_t id : ids) {
    const std::string_view text = token(id);
    if (text.empty() || (skip_special && parts.added->is_special(text))) continue;
    tokens.emplace_back(text);
  }
  return decode(std::move(tokens));
}

std::string Tokenizer::decode(std::vector<std::string> tokens) const {
  const TokenizerParts& parts = impl_->encoder.parts();
  if (parts.decoder) parts.decoder->apply(tokens);
  std::string result;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (i > 0 && !parts.decoder) result += ' ';
    result += tokens[i];
  }
  return result;
}

std::string Tokenizer::clean_up(std::string text) const {
  if (!impl_->limits.clean_up_tokenization_spaces) return text;
  // In this order, each all over the text before the next.
  constexpr std::pair<std::string_view, std::string_view> kReplaced[] = {{" .", "."},     {" ?", "?"},   {" !", "!"},   {" ,", ","},     {" ' ", "'"},
                                                                         {" n't", "n't"}, {" 'm", "'m"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : kReplaced) {
    std::string result;
    std::size_t done = 0;
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, done)) {
      result.append(text, done, at - done).append(to);
      done = at + from.size();
    }
    text = result.append(text, done);
  }
  return text;
}

std::string_view Tokenizer::token(std::int32_t id) const { return impl_->encoder.token(id); }

std::optional<std::int32_t> Tokenizer::id(std::string_view token) const {
  const TokenizerParts& parts = impl_->encoder.parts();
  const auto added = parts.added->id(token);
  return added ? added : parts.model->vocabulary().id(token);
}

std::size_t Tokenizer::vocab_size() const { return impl_->encoder.parts().model->vocabulary().size() + impl_->encoder.parts().added->new_tokens(); }

std::int32_t Tokenizer::max_id() const { return impl_->max_id; }
std::optional<std::size_t> Tokenizer::model_max_length() const { return impl_->limits.model_max_length; }
const std::optional<Truncation>& Tokenizer::file_truncation() const { return impl_->encoder.parts().truncation; }

bool Tokenizer::gives_types() const { return impl_->limits.gives_types; }

TruncationSide Tokenizer::truncation_side() const {
  if (impl_->limits.truncation_side) return *impl_->limits.truncation_side;
  return file_truncation() ? file_truncation()->side : TruncationSide::right;
}
std::size_t Tokenizer::num_special_tokens(bool pair) const { return impl_->encoder.parts().post_processor.added(pair); }

bool Tokenizer::is_frame(std::int32_t id) const {
  const PostProcessor& post = impl_->encoder.parts().post_processor;
  for (const auto* pieces : {&post.single, &post.pair})
    for (const auto& piece : *pieces)
      if (std::find(piece.ids.begin(), piece.ids.end(), id) != piece.ids.end()) return true;
  return false;
}

namespace {
std::optional<std::int32_t> role_id(const Tokenizer& tokenizer, const std::optional<std::string>& named, std::initializer_list<std::string_view> usual) {
  if (named) return tokenizer.id(*named);
  for (const std::string_view token : usual)
    if (const auto id = tokenizer.id(token)) return id;
  return std::nullopt;
}
}  // namespace

std::optional<std::int32_t> Tokenizer::mask_id() const { return role_id(*this, impl_->limits.mask_token, {"[MASK]", "<mask>"}); }
std::optional<std::int32_t> Tokenizer::unknown_id() const { return role_id(*this, impl_->limits.unknown_token, {"[UNK]", "<unk>"}); }
std::optional<std::int32_t> Tokenizer::pad_id() const { return role_id(*this, impl_->limits.pad_token, {"[PAD]", "<pad>"}); }
std::string_view Tokenizer::continuing_prefix() const { return impl_->encoder.parts().model->continuing_prefix(); }
std::string_view Tokenizer::type() const { return impl_->encoder.parts().model->type(); }

}  // namespace berth::tokenizer
