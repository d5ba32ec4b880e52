// Ranks sentences by how close their meaning is to a query's.
//
//   similar_sentences weights/intent "How do I change my PIN?" "Play some jazz" "I want to set a new pin code"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <span>
#include <vector>

#include <berth/berth.hpp>

namespace {

float dot(std::span<const float> a, std::span<const float> b) { return std::inner_product(a.begin(), a.end(), b.begin(), 0.0f); }

float cosine(std::span<const float> a, std::span<const float> b) { return dot(a, b) / std::sqrt(dot(a, a) * dot(b, b)); }

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: %s MODEL_DIRECTORY QUERY SENTENCE...\n", argv[0]);
    return 2;
  }
  try {
    const berth::Model model = berth::Model::load(argv[1]);

    // The query is row 0. Rows of any length run together; none is padded, and none changes another's result.
    const std::vector<berth::Input> inputs(argv + 2, argv + argc);
    const berth::Matrix embeddings = model.encode(inputs);

    std::vector<std::size_t> order(inputs.size() - 1);
    std::iota(order.begin(), order.end(), std::size_t{1});
    const auto score = [&](std::size_t row) { return cosine(embeddings[0], embeddings[row]); };
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return score(a) > score(b); });

    std::printf("%s\n", argv[2]);
    for (std::size_t rank = 0; rank < order.size(); ++rank)
      std::printf("%zu  %6.3f  %s\n", rank + 1, static_cast<double>(score(order[rank])), argv[order[rank] + 2]);
    return 0;
  } catch (const berth::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());  // names the file, the field and the value
    return 1;
  }
}
