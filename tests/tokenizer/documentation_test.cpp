// docs/tokenizers.md lists what the tables of stages hold.
#include "tests/support/documentation.hpp"
#include "tokenizer/stages.hpp"

namespace berth::tokenizer {
namespace {

// To write it anew after a change: BERTH_UPDATE_DOCS=1 tokenizer_test.
TEST(TokenizerDocumentation, ListsEveryStage) {
  std::string table = "| section of `tokenizer.json` | `type` |\n|---|---|\n";
  for (const auto& [section, types] : supported_stages()) {
    table += "| `" + std::string(section) + "` |";
    for (const std::string_view type : types) table += (type == types.front() ? " `" : ", `") + std::string(type) + "`";
    table += " |\n";
  }
  test::expect_documented("tokenizers.md", table);
}

}  // namespace
}  // namespace berth::tokenizer
