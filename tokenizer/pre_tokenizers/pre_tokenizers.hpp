// The loaders of the pre-tokenizer types; stages.cpp lists them.
#pragma once

#include <memory>

#include "tokenizer/stages.hpp"

namespace berth::tokenizer {

std::unique_ptr<PreTokenizer> load_bert_pre_tokenizer(const StageSource& source);
std::unique_ptr<PreTokenizer> load_byte_level_pre_tokenizer(const StageSource& source);
std::unique_ptr<PreTokenizer> load_metaspace(const StageSource& source);
std::unique_ptr<PreTokenizer> load_whitespace(const StageSource& source);
std::unique_ptr<PreTokenizer> load_whitespace_split(const StageSource& source);
std::unique_ptr<PreTokenizer> load_punctuation(const StageSource& source);
std::unique_ptr<PreTokenizer> load_digits(const StageSource& source);
std::unique_ptr<PreTokenizer> load_split(const StageSource& source);
std::unique_ptr<PreTokenizer> load_char_delimiter_split(const StageSource& source);
std::unique_ptr<PreTokenizer> load_unicode_scripts(const StageSource& source);
std::unique_ptr<PreTokenizer> load_fixed_length(const StageSource& source);
std::unique_ptr<PreTokenizer> load_pre_tokenizer_sequence(const StageSource& source);
std::unique_ptr<PreTokenizer> make_bert_pre_tokenizer();
// What Python finds as \S+\n?: words, each with the line feed that follows it.
std::unique_ptr<PreTokenizer> make_fast_bpe_pre_tokenizer();

}  // namespace berth::tokenizer
