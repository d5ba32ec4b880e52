#include "apps/cli/interrupts.hpp"

#include <csignal>

namespace berth::cli {
namespace {

volatile std::sig_atomic_t received = 0;
struct sigaction previous_interrupt, previous_terminate;

}  // namespace

InterruptGuard::InterruptGuard() {
  received = 0;
  struct sigaction action {};
  action.sa_handler = [](int number) { received = number; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // and no SA_RESTART: a read that waits shall end
  ::sigaction(SIGINT, &action, &previous_interrupt);
  ::sigaction(SIGTERM, &action, &previous_terminate);
}

InterruptGuard::~InterruptGuard() {
  ::sigaction(SIGINT, &previous_interrupt, nullptr);
  ::sigaction(SIGTERM, &previous_terminate, nullptr);
}

int interrupted() noexcept { return received; }

}  // namespace berth::cli
