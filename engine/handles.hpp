// What stands behind the opaque handles of include/berth/berth.h, and how their misuse is found at the price of two atomic operations a call.
//
// Every handle begins with a word: its kind in the upper half, the number of calls under way in the lower one, 0 once it was freed. So a call tells a
// handle that was freed, one of another kind, and NULL from a good one; and freeing tells that a call still runs. The memory of freed handles (not
// what they held) is kept until kKept more were freed: reading their word is no undefined behaviour that long.
#pragma once

#include <berth/berth.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <type_traits>

#include "base/error.hpp"

namespace berth::engine::c_api {

enum class HandleKind : std::uint32_t { none = 0, model = 0xbe270001, tokenizer, encoding, token_embeddings, findings, vectors, classifier, decisions };

class Handle {
 public:
  explicit Handle(HandleKind kind) noexcept : state_(idle(kind)) {}

  std::uint64_t state() const noexcept { return state_.load(std::memory_order_acquire); }
  // Counts a call, unless the handle is freed in the meantime: then `state` says so. `state` is what was seen last.
  bool enter(std::uint64_t& state) const noexcept {
    const std::uint64_t kind = state >> 32;
    while (!state_.compare_exchange_weak(state, state + 1, std::memory_order_acquire))
      if (state >> 32 != kind) return false;
    return true;
  }
  void leave() const noexcept { state_.fetch_sub(1, std::memory_order_release); }
  // From idle to freed; false, with the state in its way, where it is not an idle handle of this kind.
  bool close(HandleKind kind, std::uint64_t& state) noexcept {
    state = idle(kind);
    return state_.compare_exchange_strong(state, 0, std::memory_order_acq_rel);
  }
  void reopen(HandleKind kind) noexcept { state_.store(idle(kind), std::memory_order_release); }

  static std::uint64_t idle(HandleKind kind) noexcept { return std::uint64_t{static_cast<std::uint32_t>(kind)} << 32; }
  static bool is(std::uint64_t state, HandleKind kind) noexcept { return state >> 32 == static_cast<std::uint32_t>(kind); }

 private:
  mutable std::atomic<std::uint64_t> state_;
};

// "model was freed already", "model is a berth_tokenizer", ...
std::string misuse(HandleKind wanted, std::uint64_t state);

template <HandleKind kKind>
struct HandleOf : Handle {
  static constexpr HandleKind kKindOfHandle = kKind;
  HandleOf() noexcept : Handle(kKind) {}
};

// One call's use of a handle. Throws invalid_argument where it is none.
template <class Type>
class Use {
 public:
  explicit Use(const Type* handle) : handle_(handle) {
    if (handle == nullptr) throw base::Error(base::ErrorCode::invalid_argument, misuse(Type::kKindOfHandle, ~std::uint64_t{0}));
    std::uint64_t state = handle->state();
    if (!Handle::is(state, Type::kKindOfHandle) || !handle->enter(state))
      throw base::Error(base::ErrorCode::invalid_argument, misuse(Type::kKindOfHandle, state));
  }
  ~Use() { handle_->leave(); }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

 private:
  const Type* handle_;
};

// Remembers the message of this thread's last failure.
berth_status fail(berth_status status, const char* message) noexcept;
berth_status fail_misuse(HandleKind wanted, std::uint64_t state) noexcept;

// For functions that have no status: false leaves a message.
template <class Type>
bool alive(const Type* handle) noexcept {
  const std::uint64_t state = handle == nullptr ? ~std::uint64_t{0} : handle->state();
  if (handle != nullptr && Handle::is(state, Type::kKindOfHandle)) return true;
  fail_misuse(Type::kKindOfHandle, state);
  return false;
}

// Keeps the memory of a freed handle for a while.
void keep_for_a_while(void* memory) noexcept;

// Destroys what a closed handle holds. Its word stays as close() left it: destroying an atomic writes nothing, and other threads may be reading it.
template <class Type>
void bury(Type* closed) noexcept {
  static_assert(std::is_trivially_destructible_v<Handle>);
  std::destroy_at(closed);
}

// `handle` must have come from make_unique<Type>(); NULL is good.
template <class Type>
berth_status release(Type* handle) noexcept {
  if (handle == nullptr) return BERTH_OK;
  std::uint64_t state = 0;
  if (!handle->close(Type::kKindOfHandle, state)) return fail_misuse(Type::kKindOfHandle, state);
  bury(handle);
  keep_for_a_while(handle);
  return BERTH_OK;
}

}  // namespace berth::engine::c_api
