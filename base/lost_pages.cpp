#include "base/lost_pages.hpp"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <utility>

namespace berth::base {

struct WatchedPages {
  std::atomic<bool> taken{false};
  std::atomic<std::uintptr_t> begin{0};
  std::atomic<std::uintptr_t> end{0};
  std::atomic<bool> lost{false};
};

namespace {

// Fixed, since a signal handler reads it.
std::array<WatchedPages, 1024> watched;
std::uintptr_t page_size = 0;

// Puts zeros in place of a watched page.
bool replace_page(std::uintptr_t address) noexcept {
  for (WatchedPages& pages : watched) {
    if (address < pages.begin.load(std::memory_order_acquire) || address >= pages.end.load(std::memory_order_acquire)) continue;
    void* const page = reinterpret_cast<void*>(address / page_size * page_size);
    if (mmap(page, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) return false;
    pages.lost.store(true, std::memory_order_release);
    return true;
  }
  return false;
}

void on_bus_error(int signal, siginfo_t* info, void*) {
  const int saved = errno;
  // Others are sent by somebody, or mean broken memory.
  const bool replaced = info->si_code == BUS_ADRERR && replace_page(reinterpret_cast<std::uintptr_t>(info->si_addr));
  errno = saved;
  if (replaced) return;  // and the read is tried again
  ::signal(signal, SIG_DFL);
  if (info->si_code <= 0) raise(signal);  // a fault comes again by itself, and ends the process
}

}  // namespace

void survive_lost_pages() {
  page_size = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  struct sigaction action {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGBUS, &action, nullptr);
}

LostPagesWatch::LostPagesWatch(const void* begin, std::size_t size) noexcept {
  for (WatchedPages& pages : watched) {
    if (pages.taken.exchange(true, std::memory_order_acq_rel)) continue;
    const auto first = reinterpret_cast<std::uintptr_t>(begin);
    pages.lost.store(false, std::memory_order_relaxed);
    pages.begin.store(first, std::memory_order_release);
    pages.end.store(first + size, std::memory_order_release);
    pages_ = &pages;
    return;
  }
}

LostPagesWatch::LostPagesWatch(LostPagesWatch&& other) noexcept : pages_(std::exchange(other.pages_, nullptr)) {}

LostPagesWatch& LostPagesWatch::operator=(LostPagesWatch&& other) noexcept {
  std::swap(pages_, other.pages_);
  return *this;
}

LostPagesWatch::~LostPagesWatch() {
  if (pages_ == nullptr) return;
  pages_->end.store(0, std::memory_order_release);
  pages_->begin.store(0, std::memory_order_release);
  pages_->taken.store(false, std::memory_order_release);
}

bool LostPagesWatch::lost() const noexcept { return pages_ != nullptr && pages_->lost.load(std::memory_order_acquire); }

}  // namespace berth::base
