// The loaders of the post-processor types; stages.cpp lists them.
#pragma once

#include <string>

#include "tokenizer/stages.hpp"

namespace berth::tokenizer {

PostProcessor load_template_processing(const StageSource& source);
PostProcessor load_bert_processing(const StageSource& source);
PostProcessor load_roberta_processing(const StageSource& source);
PostProcessor load_byte_level_processing(const StageSource& source);
PostProcessor load_post_processor_sequence(const StageSource& source);

PostProcessor bert_post_processor(std::int32_t cls, std::int32_t sep);
// What transformers builds for MPNet: two separators between the texts, the second text and what follows of type 1.
PostProcessor mpnet_post_processor(std::int32_t cls, std::int32_t sep);
// What it builds for XLM-RoBERTa and its kin: as RobertaProcessing, without a word about offsets.
PostProcessor xlm_roberta_post_processor(std::int32_t cls, std::int32_t sep);
PostProcessor t5_post_processor(std::int32_t eos);
PostProcessor roberta_post_processor(std::int32_t cls, std::int32_t sep, bool trim_offsets, bool add_prefix_space);

}  // namespace berth::tokenizer
