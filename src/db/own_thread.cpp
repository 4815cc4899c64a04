#include "db/own_thread.hpp"

#include <exception>
#include <thread>

#include <mpf/fiber/fiber.hpp>

namespace mpf::db {

void on_own_thread(const std::function<void(const std::atomic<bool>& stop)>& fn,
                   const std::function<void()>& on_stop) {
  std::atomic<bool> stop{false};
  std::exception_ptr error;
  fiber::Waiter waiter;
  std::thread thread([&] {
    try {
      fn(stop);
    } catch (...) {
      error = std::current_exception();
    }
    waiter.wake();
  });
  std::exception_ptr ended;
  try {
    waiter.wait();
  } catch (...) {
    ended = std::current_exception();
    stop = true;
    if (on_stop) on_stop();
    waiter.wait_through();
  }
  thread.join();  // it is at its end
  if (ended) std::rethrow_exception(ended);
  if (error) std::rethrow_exception(error);
}

}  // namespace mpf::db
