// The loaders of the pre-tokenizer types; stages.cpp lists them.
#pragma once

#include <memory>

#include "tokenizer/stages.hpp"

namespace berth::tokenizer {

std::unique_ptr<PreTokenizer> load_bert_pre_tokenizer(const StageSource& source);
std::unique_ptr<PreTokenizer> load_pre_tokenizer_sequence(const StageSource& source);
std::unique_ptr<PreTokenizer> make_bert_pre_tokenizer();

}  // namespace berth::tokenizer
