// include/berth/berth.h over the engine. Nothing throws past this file.
#include "engine/c_api_support.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "engine/info.hpp"
#include "engine/inputs.hpp"

#ifndef BERTH_VERSION
#error "the build gives BERTH_VERSION"
#endif

using berth::base::Error;
using berth::base::ErrorCode;
using namespace berth::engine::c_api;  // NOLINT: they were made for this file

static_assert(static_cast<int>(ErrorCode::invalid_argument) == BERTH_INVALID_ARGUMENT && static_cast<int>(ErrorCode::not_found) == BERTH_NOT_FOUND &&
              static_cast<int>(ErrorCode::corrupt_file) == BERTH_CORRUPT_FILE && static_cast<int>(ErrorCode::unsupported) == BERTH_UNSUPPORTED &&
              static_cast<int>(ErrorCode::too_long) == BERTH_TOO_LONG && static_cast<int>(ErrorCode::non_finite) == BERTH_NON_FINITE &&
              static_cast<int>(ErrorCode::out_of_memory) == BERTH_OUT_OF_MEMORY && static_cast<int>(ErrorCode::internal) == BERTH_INTERNAL);

struct berth_encoding : HandleOf<HandleKind::encoding> {
  berth::tokenizer::Encoding encoding;
  std::vector<std::uint32_t> offsets;  // [size, 2]
  std::vector<std::string> tokens;
};

struct berth_token_embeddings : HandleOf<HandleKind::token_embeddings> {
  berth::engine::TokenValues values;
};

namespace {

// The message of this thread's last failure. A message that cannot be stored for lack of memory becomes a shorter one.
thread_local std::string last_error;

std::optional<berth::tokenizer::TruncationSide> side_of(const berth_tokenize_options& options) {
  if (options.truncate_left == 0) return std::nullopt;
  return berth::tokenizer::TruncationSide::left;
}

// The caller's.
berth_encoding* handle_of(berth::tokenizer::Encoding encoding, const berth::tokenizer::Tokenizer& tokenizer) {
  auto handle = std::make_unique<berth_encoding>();
  handle->encoding = std::move(encoding);
  for (const auto& [begin, end] : handle->encoding.offsets) {
    handle->offsets.push_back(begin);
    handle->offsets.push_back(end);
  }
  for (const std::int32_t id : handle->encoding.ids) handle->tokens.emplace_back(tokenizer.token(id));
  return handle.release();
}

}  // namespace

namespace berth::engine::c_api {

berth_status fail(berth_status status, const char* message) noexcept {
  try {
    last_error = message;
  } catch (...) {
    last_error.clear();
  }
  return status;
}

void require(bool condition, const char* message) {
  if (!condition) throw Error(ErrorCode::invalid_argument, message);
}

void read_long_text(const char* long_text, std::size_t stride, RunOptions& run) {
  if (stride > 0) run.long_text = LongText::window;
  if (long_text != nullptr) run.long_text = long_text_by_name(long_text);
  if (stride > 0 && run.long_text != LongText::window)
    throw Error(ErrorCode::invalid_argument, "stride: only windows share tokens, but long_text is " + base::quoted(long_text));
  run.stride = stride;
}

void read_normalize(std::int32_t normalize, RunOptions& run) {
  if (normalize < -1 || normalize > 1) throw Error(ErrorCode::invalid_argument, "normalize: expected -1, 0 or 1, got " + std::to_string(normalize));
  run.normalize = normalize == 1;
  run.keep_lengths = normalize == -1;
}

void read_prompt(const char* prompt_name, const berth_string& prompt, RunOptions& run) {
  if (prompt_name != nullptr) run.prompt_name = prompt_name;
  if (prompt.data != nullptr) run.prompt = checked_text(prompt, "prompt");
}

std::span<const berth_input> checked_inputs(const berth_model* model, const berth_input* inputs, std::size_t count) {
  require(model != nullptr, "model is NULL");
  require(inputs != nullptr || count == 0, "inputs is NULL");
  return {inputs, count};
}

}  // namespace berth::engine::c_api

extern "C" {

const char* berth_last_error(void) { return last_error.c_str(); }

const char* berth_version(void) { return BERTH_VERSION; }

berth_status berth_system_info(const char** json) {
  return guarded([&] {
    require(json != nullptr, "json is NULL");
    thread_local std::string text;
    text = berth::engine::describe_system();
    *json = text.c_str();
  });
}

berth_status berth_model_load(const char* directory, const berth_model_options* options, berth_model** model) {
  return guarded([&] {
    require(directory != nullptr, "directory is NULL");
    require(model != nullptr, "model is NULL");
    const berth_model_options given = read_options(options, "berth_model_options");
    berth::engine::LoadOptions load;
    load.threads = given.threads;
    load.mmap = given.no_mmap == 0;
    if (given.precision != nullptr) load.precision = given.precision;
    if (given.isa != nullptr) load.isa = given.isa;
    if (given.adapter != nullptr) load.adapter = given.adapter;
    auto handle = std::make_unique<berth_model>();
    handle->model = berth::engine::Model::load(directory, load);
    handle->tokenizer.tokenizer = handle->model->tokenizer();
    *model = handle.release();
  });
}

// The model's tokenizer goes with it.
berth_status berth_model_free(berth_model* model) {
  if (model == nullptr) return BERTH_OK;
  std::uint64_t state = model->state();
  if (!Handle::is(state, HandleKind::model)) return fail_misuse(HandleKind::model, state);
  berth_tokenizer& tokenizer = model->tokenizer;
  if (!tokenizer.close(HandleKind::tokenizer, state)) return fail_misuse(state == 0 ? HandleKind::model : HandleKind::tokenizer, state);
  if (!model->close(HandleKind::model, state)) {
    tokenizer.reopen(HandleKind::tokenizer);
    return fail_misuse(HandleKind::model, state);
  }
  void* tokenizers_place = &tokenizer;
  bury(model);
  ::new (tokenizers_place) Handle(HandleKind::none);
  keep_for_a_while(model);
  return BERTH_OK;
}

const char* berth_model_info(const berth_model* model) { return alive(model) ? model->model->info().c_str() : "{}"; }
size_t berth_model_hidden_size(const berth_model* model) { return alive(model) ? model->model->config().hidden_size : 0; }
size_t berth_model_embedding_size(const berth_model* model) { return alive(model) ? model->model->embedding_size() : 0; }
size_t berth_model_num_labels(const berth_model* model) { return alive(model) ? model->model->config().labels.size() : 0; }
size_t berth_model_vocab_size(const berth_model* model) { return alive(model) ? model->model->config().vocab_size : 0; }
size_t berth_model_max_length(const berth_model* model) { return alive(model) ? model->model->max_length() : 0; }

const char* berth_model_label(const berth_model* model, size_t index) {
  if (!alive(model) || index >= model->model->config().labels.size()) return nullptr;
  return model->model->config().labels[index].c_str();
}

berth_status berth_model_measure_peak(const berth_model* model, double seconds, double* operations_per_second) {
  return guarded(model, [&] {
    require(operations_per_second != nullptr, "operations_per_second is NULL");
    require(seconds > 0.0 && seconds <= 60.0, "seconds: expected more than 0 and at most 60");
    *operations_per_second = model->model->measure_peak(seconds);
  });
}

const berth_tokenizer* berth_model_tokenizer(const berth_model* model) {
  return alive(model) && model->tokenizer.tokenizer != nullptr ? &model->tokenizer : nullptr;
}

berth_status berth_encode(const berth_model* model, const berth_input* inputs, size_t count, const berth_run_options* options, float* embeddings,
                          berth_row* rows) {
  return guarded(model, [&] {
    const auto checked = checked_inputs(model, inputs, count);
    model->model->need_embeddings();  // else whoever has made room for none would read of NULL
    require(embeddings != nullptr || count == 0, "embeddings is NULL");
    model->model->encode(checked, run_options(read_options(options, "berth_run_options")), embeddings, rows, nullptr);
  });
}

berth_status berth_encode_tokens(const berth_model* model, const berth_input* inputs, size_t count, const berth_run_options* options, float* embeddings,
                                 berth_row* rows, berth_token_embeddings** token_embeddings) {
  return guarded(model, [&] {
    const auto checked = checked_inputs(model, inputs, count);
    require(token_embeddings != nullptr, "token_embeddings is NULL");
    auto handle = std::make_unique<berth_token_embeddings>();
    model->model->encode(checked, run_options(read_options(options, "berth_run_options")), embeddings, rows, &handle->values);
    *token_embeddings = handle.release();
  });
}

berth_status berth_encode_chunks(const berth_model* model, const berth_input* inputs, size_t count, const berth_span* spans, const size_t* span_counts,
                                 const berth_run_options* options, float* embeddings, uint32_t* tokens, berth_row* rows) {
  return guarded(model, [&] {
    const auto checked = checked_inputs(model, inputs, count);
    model->model->need_embeddings();
    require(span_counts != nullptr || count == 0, "span_counts is NULL");
    std::vector<std::span<const berth_span>> of_inputs;
    std::size_t all = 0;
    for (size_t i = 0; i < count; ++i) {
      require(spans != nullptr || span_counts[i] == 0, "spans is NULL");
      of_inputs.emplace_back(spans == nullptr ? nullptr : spans + all, span_counts[i]);
      all += span_counts[i];
    }
    require(embeddings != nullptr || all == 0, "embeddings is NULL");
    model->model->encode_chunks(checked, of_inputs, run_options(read_options(options, "berth_run_options")), embeddings, tokens, rows);
  });
}

const float* berth_token_embeddings_row(const berth_token_embeddings* handle, size_t index, size_t* tokens) {
  if (tokens != nullptr) *tokens = 0;
  if (!alive(handle) || index >= handle->values.first_token.size() || index + 1 == handle->values.first_token.size()) return nullptr;
  const auto& first = handle->values.first_token;
  if (tokens != nullptr) *tokens = first[index + 1] - first[index];
  return handle->values.values.data() + first[index] * handle->values.size;
}

berth_status berth_token_embeddings_free(berth_token_embeddings* handle) { return release(handle); }

berth_status berth_classify(const berth_model* model, const berth_input* inputs, size_t count, const berth_run_options* options, float* scores,
                            berth_row* rows) {
  return guarded(model, [&] {
    const auto checked = checked_inputs(model, inputs, count);
    model->model->need_row_head();  // else whoever has made room for no labels would read of NULL
    require(scores != nullptr || count == 0, "scores is NULL");
    const berth_run_options given = read_options(options, "berth_run_options");
    model->model->classify(checked, run_options(given), given.raw_scores != 0, scores, rows);
  });
}

berth_status berth_tokenizer_load(const char* directory, berth_tokenizer** tokenizer) {
  return guarded([&] {
    require(directory != nullptr, "directory is NULL");
    require(tokenizer != nullptr, "tokenizer is NULL");
    auto handle = std::make_unique<berth_tokenizer>();
    handle->owned = std::make_unique<berth::tokenizer::Tokenizer>(berth::tokenizer::Tokenizer::load(directory));
    handle->tokenizer = handle->owned.get();
    *tokenizer = handle.release();
  });
}

berth_status berth_tokenizer_free(berth_tokenizer* tokenizer) {
  if (tokenizer == nullptr) return BERTH_OK;
  if (!alive(tokenizer)) return BERTH_INVALID_ARGUMENT;
  if (tokenizer->owned == nullptr) return fail(BERTH_INVALID_ARGUMENT, "tokenizer belongs to a model: it goes when the model is freed");
  return release(tokenizer);
}

berth_string berth_tokenizer_token(const berth_tokenizer* tokenizer, int32_t id) {
  const std::string_view token = alive(tokenizer) ? tokenizer->tokenizer->token(id) : std::string_view();
  return token.empty() ? berth_string{nullptr, 0} : berth_string{token.data(), token.size()};
}

berth_status berth_tokenize(const berth_tokenizer* tokenizer, const berth_input* input, const berth_tokenize_options* options, berth_encoding** encoding) {
  return guarded(tokenizer, [&] {
    require(input != nullptr, "input is NULL");
    require(encoding != nullptr, "encoding is NULL");
    require(input->ids == nullptr, "input.ids: only text can be tokenized");
    const berth_tokenize_options given = read_options(options, "berth_tokenize_options");
    berth::tokenizer::EncodeOptions encode;
    encode.add_special_tokens = given.no_special_tokens == 0;
    if (given.max_length > 0)
      encode.truncation =
          berth::tokenizer::Truncation{.max_length = given.max_length, .side = side_of(given).value_or(tokenizer->tokenizer->truncation_side())};
    const std::string_view text = berth::engine::checked_text(input->text, "text");
    *encoding =
        handle_of(input->text_pair.data == nullptr ? tokenizer->tokenizer->encode(text, encode)
                                                   : tokenizer->tokenizer->encode(text, berth::engine::checked_text(input->text_pair, "text_pair"), encode),
                  *tokenizer->tokenizer);
  });
}

berth_status berth_model_tokenize(const berth_model* model, const berth_input* input, const berth_tokenize_options* options, berth_encoding** encoding) {
  return guarded(model, [&] {
    require(input != nullptr, "input is NULL");
    require(encoding != nullptr, "encoding is NULL");
    require(input->ids == nullptr, "input.ids: only text can be tokenized");
    const berth_tokenize_options given = read_options(options, "berth_tokenize_options");
    require(given.no_special_tokens == 0, "no_special_tokens: a row has its special tokens");
    berth::tokenizer::Encoding row = model->model->tokenize(*input, given.max_length, side_of(given));
    *encoding = handle_of(std::move(row), *model->model->tokenizer());
  });
}

berth_status berth_decode(const berth_tokenizer* tokenizer, const int32_t* ids, size_t count, int skip_special_tokens, char* text, size_t capacity,
                          size_t* size) {
  return guarded(tokenizer, [&] {
    require(ids != nullptr || count == 0, "ids is NULL");
    require(text != nullptr || capacity == 0, "text is NULL");
    require(size != nullptr, "size is NULL");
    const std::string decoded = tokenizer->tokenizer->decode({ids, count}, skip_special_tokens != 0);
    std::copy_n(decoded.data(), std::min(decoded.size(), capacity), text);
    *size = decoded.size();
  });
}

berth_status berth_encoding_free(berth_encoding* encoding) { return release(encoding); }

size_t berth_encoding_size(const berth_encoding* encoding) { return alive(encoding) ? encoding->encoding.size() : 0; }
const int32_t* berth_encoding_ids(const berth_encoding* encoding) { return alive(encoding) ? encoding->encoding.ids.data() : nullptr; }
const int32_t* berth_encoding_type_ids(const berth_encoding* encoding) { return alive(encoding) ? encoding->encoding.type_ids.data() : nullptr; }
const uint8_t* berth_encoding_special_mask(const berth_encoding* encoding) { return alive(encoding) ? encoding->encoding.special_mask.data() : nullptr; }
const uint32_t* berth_encoding_offsets(const berth_encoding* encoding) { return alive(encoding) ? encoding->offsets.data() : nullptr; }
int berth_encoding_truncated(const berth_encoding* encoding) { return alive(encoding) && encoding->encoding.truncated ? 1 : 0; }

berth_string berth_encoding_token(const berth_encoding* encoding, size_t index) {
  if (!alive(encoding) || index >= encoding->tokens.size()) return {nullptr, 0};
  return {encoding->tokens[index].data(), encoding->tokens[index].size()};
}

}  // extern "C"
