// The large parts of a model as they stream by: model.vocab and model.merges of tokenizer.json, or files that hold nothing else.
#pragma once

#include <string>
#include <string_view>

#include "base/json.hpp"
#include "tokenizer/stages.hpp"

namespace berth::tokenizer {

// A number as the reference's JSON reader sees it: up to 19 digits as an integer, rounded to a double, times a power of ten, rounded again. That may
// be the double next to the nearest one, and decides between cuts of a word that would otherwise be equal.
double read_score(std::string_view text);

class ModelReader {
 public:
  // `label` names the file; `vocabulary` and `merges` the fields in it.
  explicit ModelReader(std::string label, std::string vocabulary = "model.vocab", std::string merges = "model.merges");

  void add_token(const base::JsonStreamElement& element);  // a member "token": id, or an element ["token", score]
  void add_merge(const base::JsonStreamElement& element);  // "left right", or ["left", "right"]
  void add_merge(std::string_view both);                   // "left right"
  ModelData take();

 private:
  void check_token(std::string_view token) const;
  std::int32_t id_of(std::string_view token, const base::Json& value) const;
  [[noreturn]] void fail(const std::string& field, const std::string& problem) const;

  std::string label_, vocabulary_, merges_;
  ModelData data_;
};

}  // namespace berth::tokenizer
