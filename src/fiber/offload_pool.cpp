#include "fiber/offload_pool.hpp"

#include <string>
#include <utility>

#include <mpf/base/error.hpp>

#include "fiber/runtime_impl.hpp"
#include "fiber/state.hpp"

namespace mpf::fiber {

void OffloadPool::run(State& fiber, const std::function<void()>& fn) {
  fiber.check(fiber.deadline == TimePoint::max() ? TimePoint::min() : SteadyClock::now());
  Job job{.fiber = fiber, .fn = fn, .error = {}, .done = {}};
  enqueue(job);
  std::exception_ptr ended;
  try {
    job.done.wait();
  } catch (...) {
    ended = std::current_exception();
  }
  if (ended) {
    {
      const std::scoped_lock lock(mutex_);
      if (job.queued)
        unlink(job);
      else
        ended = nullptr;  // begun: its result counts
    }
    if (ended) std::rethrow_exception(ended);
    job.done.wait_through();
  }
  if (job.error) std::rethrow_exception(job.error);
}

void OffloadPool::enqueue(Job& job) {
  const std::scoped_lock lock(mutex_);
  const bool all_busy = idle_ <= queued_;
  if (all_busy && threads_.size() < max_threads_) {
    threads_.push_back(start_thread("mpf-offload", [this] { work(); }));
  } else if (all_busy && queued_ >= max_queued_) {
    fail(ErrorKind::unavailable, "The offload pool is full: " + std::to_string(threads_.size()) +
                                     " threads are busy and " + std::to_string(queued_) +
                                     " calls wait. Raise offload_threads or offload_queue, or offload less.");
  }
  job.previous = std::exchange(last_, &job);
  (job.previous ? job.previous->next : first_) = &job;
  ++queued_;
  changed_.notify_one();
}

void OffloadPool::unlink(Job& job) noexcept {
  (job.previous ? job.previous->next : first_) = job.next;
  (job.next ? job.next->previous : last_) = job.previous;
  job.queued = false;
  --queued_;
}

void OffloadPool::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    changed_.wait(lock, [this] { return first_ || stopping_; });
    --idle_;
    if (!first_) return;
    Job& job = *first_;
    unlink(job);
    lock.unlock();
    try {
      const ActingFor acting(job.fiber);
      job.fn();
    } catch (...) {
      job.error = std::current_exception();
    }
    job.done.wake();  // the job is gone from here on
    lock.lock();
  }
}

void OffloadPool::stop() noexcept {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

}  // namespace mpf::fiber
