// What becomes of texts with more tokens than a row may have.
#pragma once

#include <cstddef>
#include <string_view>

namespace berth::engine {

enum class LongText {
  truncate,  // they are cut, and the row says so
  error,     // base::Error{too_long}
  window,    // they run as windows that share tokens, whose results become one
};
enum class WindowScores { automatic, mean, max };  // automatic: the mean for labels, the largest for reranking

inline constexpr std::size_t kDefaultStride = 64;  // tokens that neighbouring windows share, at most half a window

// base::Error{invalid_argument} listing the names: "truncate", "error", "window"; "mean", "max".
LongText long_text_by_name(std::string_view name);
WindowScores window_scores_by_name(std::string_view name);

}  // namespace berth::engine
