// That the comparison of API keys takes as long for a wrong key as for the right one, as memcheck sees it: the bytes of both are marked as undefined, so that
// every branch and address that depends on them is an error. Run by valgrind; "secret_test early" compares as one would without care, and has to fail.
#include <cstdio>
#include <string>
#include <string_view>

#include <valgrind/memcheck.h>

#include "apps/server/secret.hpp"

namespace {

bool same_with_an_early_end(std::string_view given, std::string_view key) {
  if (given.size() != key.size()) return false;
  for (std::size_t i = 0; i < given.size(); ++i)
    if (given[i] != key[i]) return false;
  return true;
}

}  // namespace

int main(int argc, char**) {
  const auto same = argc > 1 ? same_with_an_early_end : berth::server::same_secret;
  const struct {
    const char *given, *key;
    bool same;
  } cases[] = {{"a-key-of-berth", "a-key-of-berth", true},
               {"b-key-of-berth", "a-key-of-berth", false},
               {"a-key-of-bertH", "a-key-of-berth", false},
               {"a", "a-key", false},
               {"a-key-and-more", "a-key", false},
               {"", "a-key", false},
               {"a-key", "", false},
               {"", "", true}};
  for (const auto& each : cases) {
    std::string given = each.given, key = each.key;
    VALGRIND_MAKE_MEM_UNDEFINED(given.data(), given.size());
    VALGRIND_MAKE_MEM_UNDEFINED(key.data(), key.size());
    bool result = same(given, key);
    VALGRIND_MAKE_MEM_DEFINED(&result, sizeof(result));
    if (result != each.same) {
      std::printf("%s, %s: %d\n", each.given, each.key, static_cast<int>(result));
      return 1;
    }
  }
  return 0;
}
