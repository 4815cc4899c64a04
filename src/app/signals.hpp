#pragma once

#include <functional>
#include <mutex>
#include <thread>

namespace mpf::app {

/// SIGTERM and SIGINT of the process as a call. Made before any other thread, so that all inherit the
/// blocked signals; one at a time. The second signal ends the process at once.
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  /// Calls stop at the first signal, on a thread of its own, at once if it came before; null: no more.
  void on_signal(std::function<void()> stop);

 private:
  void watch();

  int signals_ = -1;
  int end_ = -1;
  std::mutex mutex_;
  bool signalled_ = false;
  std::function<void()> stop_;
  std::thread thread_;
};

}  // namespace mpf::app
