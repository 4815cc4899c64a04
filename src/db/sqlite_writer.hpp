#pragma once

#include <atomic>
#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include <mpf/fiber/fiber.hpp>

#include "db/sqlite_connection.hpp"

namespace mpf::db::sqlite {

/// The thread on which everything that writes runs, so that locks and disks never hold up a loop. Apart from
/// offload()'s pool: writes don't queue behind password hashes.
class Writer {
 public:
  explicit Writer(const SqliteOptions& options);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// Runs work(connection) on the thread, the fiber suspended meanwhile. When the fiber is cancelled or its
  /// deadline passes, the work is told to stop and what ended the wait is thrown; if it could still be
  /// finished, the call returns as if nothing had happened. Outlasts a ShieldScope around it.
  void call(const std::function<void(Connection&)>& work);

  /// For the fiber that has begun a transaction by call(): reads and what is quick run on its own thread.
  /// Null once the connection was lost; the next call() makes another.
  Connection* connection() noexcept { return connection_.get(); }

 private:
  struct Job {
    const std::function<void(Connection&)>& work;
    fiber::Waiter waiter;
    std::atomic<bool> abort{false};
    std::exception_ptr error;
    bool interrupted = false;
    Job* next = nullptr;
  };

  void loop();
  void perform(Job& job) noexcept;

  const SqliteOptions options_;
  std::unique_ptr<Connection> connection_;
  std::mutex mutex_;
  std::condition_variable wake_;
  Job* first_ = nullptr;  ///< a list through the jobs themselves: a rollback must not need memory
  Job* last_ = nullptr;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace mpf::db::sqlite
