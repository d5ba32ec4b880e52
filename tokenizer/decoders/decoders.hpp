// The loaders of the decoder types; stages.cpp lists them.
#pragma once

#include <memory>

#include "tokenizer/stages.hpp"

namespace berth::tokenizer {

std::unique_ptr<Decoder> make_wordpiece_decoder(std::string prefix, bool cleanup);
// Words with spaces between them, and what the texts of tokens inside a word end in taken away: "@@".
std::unique_ptr<Decoder> make_fast_bpe_decoder();
std::unique_ptr<Decoder> load_wordpiece_decoder(const StageSource& source);
std::unique_ptr<Decoder> load_byte_level_decoder(const StageSource& source);
std::unique_ptr<Decoder> load_metaspace_decoder(const StageSource& source);
std::unique_ptr<Decoder> load_byte_fallback_decoder(const StageSource& source);
std::unique_ptr<Decoder> load_fuse_decoder(const StageSource& source);
std::unique_ptr<Decoder> load_replace_decoder(const StageSource& source);
std::unique_ptr<Decoder> load_strip_decoder(const StageSource& source);
std::unique_ptr<Decoder> load_bpe_decoder(const StageSource& source);
std::unique_ptr<Decoder> load_ctc_decoder(const StageSource& source);
std::unique_ptr<Decoder> load_decoder_sequence(const StageSource& source);

}  // namespace berth::tokenizer
