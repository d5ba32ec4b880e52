#include "kernels/packed_matrix.hpp"

#include <algorithm>

namespace berth::kernels {

PackedF32::PackedF32(std::size_t n, std::size_t k, const KernelTable& kernels)
    : data_((n + kernels.lanes - 1) / kernels.lanes * kernels.lanes * k, base::Lifetime::long_lived),
      n_(n),
      k_(k),
      panel_width_(kernels.panel_width),
      lanes_(kernels.lanes) {
  // Only the padding behind the last output needs zeros, and it is never followed by values: rows overwrite the rest.
  const std::size_t last_panel = n / panel_width_ * panel_width_ * k;
  std::fill(data_.data() + last_panel, data_.data() + data_.size(), 0.0F);
}

void PackedF32::set_rows(std::size_t first, std::size_t count, const float* rows) noexcept {
  for (std::size_t done = 0; done < count;) {
    // The rows of one panel together, so that a packed vector's cache line is written once.
    const std::size_t row = first + done;
    const std::size_t column = row / panel_width_ * panel_width_;
    const std::size_t left = (n_ - column + lanes_ - 1) / lanes_ * lanes_;
    const std::size_t width = std::min(panel_width_, left);
    const std::size_t some = std::min(count - done, column + panel_width_ - row);
    float* to = data_.data() + column * k_ + (row - column);
    const float* from = rows + done * k_;
    for (std::size_t j = 0; j < k_; ++j)
      for (std::size_t i = 0; i < some; ++i) to[j * width + i] = from[i * k_ + j];
    done += some;
  }
}

}  // namespace berth::kernels
