#include "fiber/stack_trace.hpp"

#include <execinfo.h>
#include <semaphore.h>
#include <signal.h>
#include <time.h>
#include <ucontext.h>

#include <cxxabi.h>
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <mutex>
#include <span>

#include "fiber/symbols.hpp"

namespace mpf::fiber {
namespace {

struct Capture {
  std::array<void*, 64> frames;
  int count = 0;
  const void* interrupted = nullptr;  // the instruction
  sem_t done;
};

// A signal's handler has nothing but statics: one request at a time.
std::mutex capture_mutex;
std::atomic<Capture*> requested{nullptr};
std::atomic<pthread_t> requested_of{};

const void* instruction_of([[maybe_unused]] const void* context) {
#if defined(__x86_64__)
  return reinterpret_cast<const void*>(static_cast<const ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return reinterpret_cast<const void*>(static_cast<const ucontext_t*>(context)->uc_mcontext.pc);
#else
  return nullptr;
#endif
}

void on_signal(int, siginfo_t*, void* context) {
  if (!::pthread_equal(requested_of.load(std::memory_order_acquire), ::pthread_self())) return;
  const int error = errno;
  if (Capture* const capture = requested.exchange(nullptr, std::memory_order_acq_rel)) {
    capture->count = ::backtrace(capture->frames.data(), static_cast<int>(capture->frames.size()));
    capture->interrupted = instruction_of(context);
    ::sem_post(&capture->done);
  }
  errno = error;
}

bool install_handler() {
  // Its first call loads the unwinder, which a signal handler must not do.
  std::array<void*, 1> frame;
  ::backtrace(frame.data(), 1);
  struct sigaction before {};
  if (::sigaction(SIGURG, nullptr, &before) != 0) return false;
  if ((before.sa_flags & SA_SIGINFO) != 0 || (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)) {
    return false;
  }
  struct sigaction ours {};
  ours.sa_sigaction = &on_signal;
  ours.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  ::sigemptyset(&ours.sa_mask);
  return ::sigaction(SIGURG, &ours, nullptr) == 0;
}

bool wait_for(sem_t& semaphore) {
  timespec until{};
  ::clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += 2;  // on a busy machine the thread may have to wait for its turn
  int result = 0;
  do {
    result = ::sem_timedwait(&semaphore, &until);
  } while (result != 0 && errno == EINTR);
  return result == 0;
}

}  // namespace

std::string stack_of(pthread_t thread) {
  static const bool installed = install_handler();
  if (!installed) return "(no stack: the process uses SIGURG itself)\n";
  const std::scoped_lock lock(capture_mutex);
  Capture capture;
  ::sem_init(&capture.done, 0, 0);
  requested_of.store(thread, std::memory_order_release);
  requested.store(&capture, std::memory_order_release);
  std::string text;
  const bool sent = ::pthread_kill(thread, SIGURG) == 0;
  if (sent && wait_for(capture.done)) {
    const auto frames = std::span(capture.frames).first(static_cast<std::size_t>(capture.count));
    // Before the interrupted function come the handler and the kernel's way into it.
    auto at = std::find(frames.begin(), frames.end(), capture.interrupted);
    if (at == frames.end()) at = frames.begin() + std::min<std::ptrdiff_t>(2, std::ssize(frames));
    for (auto frame = at; frame != frames.end(); ++frame) {
      // The others are return addresses: the call is before, maybe at the end of a function.
      text += describe_code(static_cast<const char*>(*frame) - (frame == at ? 0 : 1)) + "\n";
    }
  } else if (requested.exchange(nullptr, std::memory_order_acq_rel)) {
    text = "(no stack: the thread did not answer)\n";
  } else {
    // It is in the handler right now and writes into our frame.
    while (::sem_wait(&capture.done) != 0) {
    }
    text = "(no stack: the thread answered too late)\n";
  }
  ::sem_destroy(&capture.done);
  return text;
}

}  // namespace mpf::fiber
