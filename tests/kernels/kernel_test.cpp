#include "tests/kernels/kernel_test.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <new>

namespace berth::kernels {

void PrintTo(const TableUnderTest& table, std::ostream* out) { *out << table.name; }

void PrintTo(const LowTable& table, std::ostream* out) { *out << table.name; }

std::vector<LowTable> low_tables() {
  std::vector<LowTable> tables;
  for (const IsaStatus& status : isa_statuses())
    if (status.usable) tables.push_back({std::string(name(status.isa)), &low_kernel_table(status.isa), &kernel_table(status.isa)});
  return tables;
}

const std::vector<TableUnderTest>& usable_tables() {
  static const std::vector<TableUnderTest> tables = [] {
    std::vector<TableUnderTest> found;
    std::vector<IsaStatus> statuses = isa_statuses();
    std::reverse(statuses.begin(), statuses.end());
    for (const IsaStatus& status : statuses) {
      if (!status.usable) continue;
      const KernelTable* kernels = &kernel_table(status.isa);
      if (std::none_of(found.begin(), found.end(), [&](const TableUnderTest& t) { return t.kernels == kernels; }))
        found.push_back({std::string(name(status.isa)), kernels});
    }
    return found;
  }();
  return tables;
}

namespace {

// Says at the start of every run what it covers: a run on an old machine proves nothing about the newer kernels.
class SayCoverage : public testing::Environment {
 public:
  void SetUp() override {
    std::cout << "kernels under test on " << cpu_name() << ":";
    for (const TableUnderTest& table : usable_tables()) std::cout << " " << table.name;
    std::cout << "\n";
    if (usable_tables().size() == 1) std::cout << "*** NOTHING BEYOND THE BASELINE is covered by this run: this CPU has no AVX2 ***\n";
  }
};
const testing::Environment* const kSayCoverage = testing::AddGlobalTestEnvironment(new SayCoverage);

}  // namespace

GuardedMemory::GuardedMemory(std::size_t capacity_bytes) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  capacity_ = (capacity_bytes + kNeighbourhood + page - 1) / page * page;
  mapped_ = capacity_ + 2 * page;
  void* map = mmap(nullptr, mapped_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) throw std::bad_alloc();
  map_ = static_cast<unsigned char*>(map);
  usable_ = map_ + page;
  if (mprotect(usable_, capacity_, PROT_READ | PROT_WRITE) != 0) throw std::bad_alloc();
}

GuardedMemory::~GuardedMemory() { munmap(map_, mapped_); }

void* GuardedMemory::place(std::size_t bytes, std::size_t alignment, bool at_front) {
  if (bytes > capacity_) throw std::bad_alloc();
  begin_ = at_front ? 0 : (capacity_ - bytes) / alignment * alignment;
  end_ = begin_ + bytes;
  const std::size_t from = begin_ - std::min(begin_, kNeighbourhood);
  const std::size_t to = std::min(capacity_, end_ + kNeighbourhood);
  // By the position in the memory, in steps of 4 from its end of the page on: floats of an aligned array see the pattern's bytes in order.
  for (std::size_t i = from; i < to; ++i) usable_[i] = static_cast<unsigned char>(kPattern >> 8 * ((i - begin_) % 4));
  return usable_ + begin_;
}

bool GuardedMemory::intact() const {
  const std::size_t from = begin_ - std::min(begin_, kNeighbourhood);
  const std::size_t to = std::min(capacity_, end_ + kNeighbourhood);
  for (std::size_t i = from; i < to; ++i)
    if ((i < begin_ || i >= end_) && usable_[i] != static_cast<unsigned char>(kPattern >> 8 * ((i - begin_) % 4))) return false;
  return true;
}

std::int8_t s8_value(S8Values values, Random& random) {
  switch (values) {
    case S8Values::uniform: return static_cast<std::int8_t>(static_cast<int>(random.index(255)) - 127);
    case S8Values::extreme: return random.index(2) == 0 ? std::int8_t{-127} : std::int8_t{127};
    case S8Values::normal: break;
  }
  return static_cast<std::int8_t>(std::clamp(random.normal(42.0F), -127.0F, 127.0F));
}

const char* name_of(Activation activation) {
  switch (activation) {
    case Activation::none: return "none";
    case Activation::relu: return "relu";
    case Activation::gelu: return "gelu";
    case Activation::gelu_tanh: return "gelu_tanh";
    case Activation::quick_gelu: return "quick_gelu";
    case Activation::silu: return "silu";
    case Activation::tanh: return "tanh";
    case Activation::sigmoid: return "sigmoid";
    case Activation::relu6: return "relu6";
    case Activation::leaky_relu: return "leaky_relu";
    case Activation::mish: return "mish";
  }
  return "?";
}

double exact_activation(Activation activation, double x) {
  const auto sigmoid = [](double y) { return 1.0 / (1.0 + std::exp(-y)); };
  switch (activation) {
    case Activation::none: return x;
    case Activation::relu: return x > 0.0 ? x : 0.0;
    case Activation::gelu: return x * 0.5 * std::erfc(-x * 0.70710678118654752440);
    case Activation::gelu_tanh: return x * 0.5 * (1.0 + std::tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
    case Activation::quick_gelu: return x * sigmoid(1.702 * x);
    case Activation::silu: return x * sigmoid(x);
    case Activation::tanh: return std::tanh(x);
    case Activation::sigmoid: return sigmoid(x);
    case Activation::relu6: return std::clamp(x, 0.0, 6.0);
    case Activation::leaky_relu: return x > 0.0 ? x : 0.01 * x;
    case Activation::mish: return x * std::tanh(std::log1p(std::exp(x)));
  }
  return 0.0;
}

double activation_tolerance(Activation activation, double x) {
  const double magnitude = std::fabs(x);
  switch (activation) {
    case Activation::none:
    case Activation::relu:
    case Activation::relu6: return 0.0;
    case Activation::leaky_relu: return x > 0.0 ? 0.0 : 1e-9 * magnitude + 1.5e-45;  // which is the least there is
    case Activation::gelu: return 7e-7;
    case Activation::gelu_tanh:
    case Activation::quick_gelu:
    case Activation::silu: return 1.8e-7 * std::max(1.0, magnitude);
    case Activation::mish: return 2.5e-7 * std::max(1.0, magnitude);
    case Activation::tanh: return 2e-7;
    case Activation::sigmoid: return 1e-7;
  }
  return 0.0;
}

}  // namespace berth::kernels
