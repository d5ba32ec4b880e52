// BERT (Devlin et al. 2018), as transformers' BertModel: learned absolute positions, token types, post-norm layers.
#include "engine/architectures/common.hpp"
#include "engine/architectures/registry.hpp"
#include "engine/architectures/relative_keys.hpp"

namespace berth::engine {

const ArchitectureSpec kBert{
    .model_type = "bert",
    .summary = "learned positions, token types, norms behind the blocks",
    .prefixes = {"", "bert."},
    .position_types = kLearnedPositions,
    .body = {.names = kBertNames},
    .pooler = kBertPooler,
    .heads = {pooled_classifier(), token_classifier(), span_head(), bert_masked_lm(), bert_masked_lm(kForPreTraining)},
    .read = read_learned_positions,
};

}  // namespace berth::engine
