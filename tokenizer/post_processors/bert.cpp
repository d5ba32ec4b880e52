// BertProcessing and RobertaProcessing: two fixed templates.
#include "tokenizer/post_processors/post_processors.hpp"

namespace berth::tokenizer {
namespace {

PostProcessor::Piece text_piece(int sequence, std::int32_t type_id) { return {sequence, {}, type_id}; }
PostProcessor::Piece special_piece(std::int32_t id, std::int32_t type_id) { return {-1, {id}, type_id}; }

// ["[SEP]", 102]
std::int32_t token_id(const StageSource& source, const char* key) {
  const base::Json& value = source.array(key);
  if (value.size() != 2 || !value[0].is_string() || !value[1].is_number_integer()) source.object.fail(key, "expected [token, id]");
  const auto id = value[1].get<std::int64_t>();
  if (id < 0 || id > kMaxTokenId) source.object.fail(key, "expected an id in [0, " + std::to_string(kMaxTokenId) + "]");
  return static_cast<std::int32_t>(id);
}

}  // namespace

std::size_t PostProcessor::added(bool is_pair) const {
  std::size_t count = 0;
  for (const Piece& piece : is_pair ? pair : single) count += piece.ids.size();
  return count;
}

PostProcessor default_post_processor() {
  PostProcessor result;
  result.single = {text_piece(0, 0)};
  result.pair = {text_piece(0, 0), text_piece(1, 1)};
  return result;
}

PostProcessor bert_post_processor(std::int32_t cls, std::int32_t sep) {
  PostProcessor result;
  result.single = {special_piece(cls, 0), text_piece(0, 0), special_piece(sep, 0)};
  result.pair = result.single;
  result.pair.push_back(text_piece(1, 1));
  result.pair.push_back(special_piece(sep, 1));
  return result;
}

PostProcessor roberta_post_processor(std::int32_t cls, std::int32_t sep, bool trim_offsets, bool add_prefix_space) {
  PostProcessor result;
  result.single = {special_piece(cls, 0), text_piece(0, 0), special_piece(sep, 0)};
  result.pair = result.single;
  result.pair.push_back(special_piece(sep, 0));
  result.pair.push_back(text_piece(1, 0));
  result.pair.push_back(special_piece(sep, 0));
  result.overflow_keeps_type = true;
  result.trim_offsets = trim_offsets;
  result.add_prefix_space = add_prefix_space;
  return result;
}

PostProcessor mpnet_post_processor(std::int32_t cls, std::int32_t sep) {
  PostProcessor result = bert_post_processor(cls, sep);
  result.pair.insert(result.pair.begin() + 3, special_piece(sep, 0));
  return result;
}

PostProcessor xlm_roberta_post_processor(std::int32_t cls, std::int32_t sep) {
  PostProcessor result = roberta_post_processor(cls, sep, false, false);
  result.overflow_keeps_type = false;
  return result;
}

PostProcessor t5_post_processor(std::int32_t eos) {
  PostProcessor result;
  result.single = {text_piece(0, 0), special_piece(eos, 0)};
  result.pair = {text_piece(0, 0), special_piece(eos, 0), text_piece(1, 0), special_piece(eos, 0)};
  return result;
}

PostProcessor load_bert_processing(const StageSource& source) { return bert_post_processor(token_id(source, "cls"), token_id(source, "sep")); }

PostProcessor load_roberta_processing(const StageSource& source) {
  return roberta_post_processor(token_id(source, "cls"), token_id(source, "sep"), source.boolean("trim_offsets"), source.boolean("add_prefix_space"));
}

}  // namespace berth::tokenizer
