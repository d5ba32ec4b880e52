// What a model needs while it tokenizes a word: it belongs to the call, and keeps its memory from word to word.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tokenizer/models/merge_queue.hpp"

namespace berth::tokenizer {

// Unigram: the best last piece of a prefix of the word.
struct PathNode {
  double score;
  std::uint32_t begin;
  std::int32_t id;
};

// BPE: a symbol of the word, in a list of those that are left.
struct MergeSymbol {
  std::int32_t id;
  std::uint32_t length;  // bytes of the word; 0: merged into the one before
  std::int32_t previous;
  std::int32_t next;
};

struct ModelScratch {
  std::vector<PathNode> path;
  std::vector<MergeSymbol> symbols;
  MergeQueue queue;
  std::vector<std::uint32_t> places;  // fastBPE: of symbols whose pairs are new
  std::string text;

  std::size_t bytes() const {
    return path.capacity() * sizeof(PathNode) + symbols.capacity() * sizeof(MergeSymbol) + queue.bytes() + places.capacity() * sizeof(std::uint32_t) +
           text.capacity();
  }
};

}  // namespace berth::tokenizer
