#pragma once

#include <atomic>
#include <functional>

namespace mpf::db {

/// Runs fn(stop) on a thread of its own, the fiber suspended meanwhile; `stop` is set, then on_stop() called,
/// when the fiber is cancelled or late, and what ended the wait is thrown once fn has returned. Apart from
/// offload()'s threads: those are few, and may all wait for the very connection that is being made.
void on_own_thread(const std::function<void(const std::atomic<bool>& stop)>& fn,
                   const std::function<void()>& on_stop = {});

}  // namespace mpf::db
