#include "engine/handles.hpp"

#include <array>

namespace berth::engine::c_api {
namespace {

constexpr std::size_t kKept = 64;

struct KindName {
  HandleKind kind;
  const char* type;      // as the header has it
  const char* argument;  // as its functions call it
};

constexpr KindName kNames[] = {{HandleKind::model, "berth_model", "model"},
                               {HandleKind::tokenizer, "berth_tokenizer", "tokenizer"},
                               {HandleKind::encoding, "berth_encoding", "encoding"},
                               {HandleKind::token_embeddings, "berth_token_embeddings", "token_embeddings"},
                               {HandleKind::findings, "berth_findings", "findings"},
                               {HandleKind::vectors, "berth_vectors", "vectors"},
                               {HandleKind::classifier, "berth_classifier", "classifier"},
                               {HandleKind::decisions, "berth_decisions", "decisions"}};

const KindName* find(std::uint64_t state) {
  for (const KindName& name : kNames)
    if (Handle::is(state, name.kind)) return &name;
  return nullptr;
}

}  // namespace

std::string misuse(HandleKind wanted, std::uint64_t state) {
  const KindName* expected = find(Handle::idle(wanted));
  const std::string argument = expected->argument;
  if (state == ~std::uint64_t{0}) return argument + " is NULL";
  if (state == 0) return argument + " was freed already";
  if (Handle::is(state, wanted)) return argument + " is in use by " + std::to_string(state & 0xffffffff) + " calls of other threads: it was not freed";
  const KindName* other = find(state);
  return argument + (other == nullptr ? " is no " : std::string(" is a ") + other->type + ", not a ") + expected->type;
}

berth_status fail_misuse(HandleKind wanted, std::uint64_t state) noexcept {
  try {
    return fail(BERTH_INVALID_ARGUMENT, misuse(wanted, state).c_str());
  } catch (...) {
    return fail(BERTH_INVALID_ARGUMENT, "");
  }
}

// No lock: a process may fork while one of its threads is here.
void keep_for_a_while(void* memory) noexcept {
  static std::array<std::atomic<void*>, kKept> kept{};
  static std::atomic<std::size_t> next = 0;
  ::operator delete(kept[next.fetch_add(1, std::memory_order_relaxed) % kKept].exchange(memory, std::memory_order_acq_rel));
}

}  // namespace berth::engine::c_api
