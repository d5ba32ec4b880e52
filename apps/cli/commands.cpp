#include "apps/cli/commands.hpp"

namespace berth::cli {

void describe(CommandLine& line) {
  add_classify(line);
  add_encode(line);
  add_similarity(line);
  add_tag(line);
  add_rerank(line);
  add_zero_shot(line);
  add_fill_mask(line);
  add_answer(line);
  add_tokenize(line);
  add_info(line);
  add_calibrate_ranges(line);
  add_bench(line);
  add_eval(line);
  add_verify(line);
  add_profile(line);
  add_serve(line);
  add_health(line);
}

}  // namespace berth::cli
