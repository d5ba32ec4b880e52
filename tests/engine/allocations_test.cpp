// Encoding token ids into the caller's memory allocates nothing once it has run: every way to the allocator is counted, in the whole process and on all
// threads, oneTBB's tasks included.
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <berth/berth.h>
#include <berth/berth.hpp>

namespace {
std::atomic<bool> counting{false};
std::atomic<long> allocations{0};
void count() noexcept {
  if (counting.load(std::memory_order_relaxed)) allocations.fetch_add(1, std::memory_order_relaxed);
}
}  // namespace

// operator new, std::aligned_alloc and oneTBB's pools all end in these; glibc's own names are what they were before.
#pragma GCC visibility push(default)
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

void* malloc(std::size_t size) {
  count();
  return __libc_malloc(size);
}
void* calloc(std::size_t number, std::size_t size) {
  count();
  return __libc_calloc(number, size);
}
void* realloc(void* old, std::size_t size) {
  count();
  return __libc_realloc(old, size);
}
void* memalign(std::size_t alignment, std::size_t size) {
  count();
  return __libc_memalign(alignment, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  count();
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** to, std::size_t alignment, std::size_t size) {
  count();
  *to = __libc_memalign(alignment, size);
  return *to == nullptr ? ENOMEM : 0;
}
void* mmap(void* address, std::size_t length, int protection, int flags, int file, off_t offset) {
  count();
  using Mmap = void* (*)(void*, std::size_t, int, int, int, off_t);
  static const auto real = reinterpret_cast<Mmap>(dlsym(RTLD_NEXT, "mmap"));
  return real(address, length, protection, flags, file, offset);
}
}
#pragma GCC visibility pop

namespace berth::test {
namespace {

struct Parameter {
  const char* model;
  const char* precision;
  int threads;
};
void PrintTo(const Parameter& parameter, std::ostream* out) { *out << parameter.model << " " << parameter.precision << " " << parameter.threads; }

template <class Call>
long in_steady_state(const Call& call) {
  for (int i = 0; i < 200; ++i) call();  // workspaces, oneTBB's threads and pools of tasks grow; what a larger call needed is let go
  allocations = 0;
  counting = true;
  for (int i = 0; i < 20; ++i) call();
  counting = false;
  return allocations;
}

class Allocations : public testing::TestWithParam<Parameter> {
 protected:
  // Rows of several lengths, the same number of tokens at a time; so large that they are run as chunks, too, in low precision.
  static std::vector<std::vector<std::int32_t>> rows() {
    std::vector<std::vector<std::int32_t>> rows;
    for (const std::size_t length : {5, 100, 17, 64, 30, 90, 12, 77, 3, 50, 100, 100}) {
      auto& row = rows.emplace_back(length);
      for (std::size_t i = 0; i < length; ++i) row[i] = static_cast<std::int32_t>(5 + (i * 37) % 1000);
    }
    return rows;
  }

  static Model load(const Parameter& parameter) {
    LoadOptions options;
    options.threads = parameter.threads;
    options.precision = parameter.precision;
    return Model::load(std::string(BERTH_SOURCE_DIR) + "/weights/" + parameter.model, options);
  }

  Model model_ = load(GetParam());
};

TEST_P(Allocations, OfIdsIntoTheCallersMemory) {
  const auto rows = this->rows();
  std::vector<Input> inputs;
  for (const auto& row : rows) inputs.push_back(Input::from_ids(row));
  std::vector<float> embeddings(inputs.size() * model_.embedding_size());
  std::vector<Row> facts(inputs.size());
  EXPECT_EQ(in_steady_state([&] { model_.encode(inputs, embeddings, facts); }), 0) << "a batch";
  const std::span<const Input> one(inputs.data() + 1, 1);
  EXPECT_EQ(in_steady_state([&] { model_.encode(one, std::span(embeddings).first(model_.embedding_size()), {}); }), 0) << "a row";
}

// Layers that are built otherwise: keys that heads share, norms of heads and behind blocks, windows, causal attention, a table of relative positions for each layer;
// experts that are picked anew in every call.
TEST(AllocationsOfReferenceCases, OfIdsIntoTheCallersMemory) {
  for (const char* name : {"eurobert", "gemma3", "qwen3", "umt5", "nomic-bert-moe", "bart"})
    for (const char* precision : {"fp32", "bf16", "int8"}) {
      LoadOptions options;
      options.threads = 2;
      options.precision = precision;
      const Model model = Model::load(std::string(BERTH_SOURCE_DIR) + "/tests/reference/" + name, options);
      std::vector<std::vector<std::int32_t>> rows;
      for (const std::size_t length : {5, 40, 17, 2}) rows.emplace_back(length, static_cast<std::int32_t>(length + 7));
      std::vector<Input> inputs;
      for (const auto& row : rows) inputs.push_back(Input::from_ids(row));
      std::vector<float> embeddings(inputs.size() * model.embedding_size());
      EXPECT_EQ(in_steady_state([&] { model.encode(inputs, embeddings, {}); }), 0) << name << " " << precision;
    }
}

TEST(AllocationCount, SeesAllocations) {
  counting = true;
  allocations = 0;
  std::vector<int> some(100);
  volatile int* address = some.data();
  std::free(std::aligned_alloc(64, 4096));
  counting = false;
  EXPECT_NE(address, nullptr);
  EXPECT_GE(allocations, 2);
}

INSTANTIATE_TEST_SUITE_P(Models, Allocations,
                         testing::Values(Parameter{"intent", "fp32", 1}, Parameter{"intent", "fp32", 2}, Parameter{"intent", "int8", 1},
                                         Parameter{"intent", "int8", 2}, Parameter{"intent", "bf16", 2}, Parameter{"sentiment", "int8", 2}));

}  // namespace
}  // namespace berth::test
