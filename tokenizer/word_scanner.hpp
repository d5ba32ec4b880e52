// The splitting patterns of byte-level BPE, written by hand: what the regular expressions below match, one word after another. They match all of
// any text, so a word begins where the one before it ends.
#pragma once

#include <cstddef>
#include <string_view>

namespace berth::tokenizer {

// GPT-2's, which ByteLevel has built in.
inline constexpr std::string_view kGpt2Pattern = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
// GPT-4's (cl100k), and the same with its spelling in later models.
inline constexpr std::string_view kGpt4Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// Where the word that begins at `at` ends; at < text.size().
std::size_t end_of_gpt2_word(std::string_view text, std::size_t at) noexcept;
std::size_t end_of_gpt4_word(std::string_view text, std::size_t at) noexcept;

// The same for the first word of `text` with a space put before it; `text` does not begin with one.
std::size_t end_of_gpt2_word_after_space(std::string_view text) noexcept;

}  // namespace berth::tokenizer
