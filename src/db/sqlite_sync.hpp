#pragma once

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>
#include <vector>

#include <mpf/fiber/fiber.hpp>

namespace mpf::db::sqlite {

/// Brings commits to the disk, all that wait for it with one sync: while the disk is at the last ones, the
/// next are written and gather. Instead of SQLite's own sync at each commit (synchronous = FULL), which is of
/// the same file for the same reason. A thread of its own, as the writer goes on meanwhile.
class GroupSync {
 public:
  explicit GroupSync(std::filesystem::path log);
  ~GroupSync();
  GroupSync(const GroupSync&) = delete;
  GroupSync& operator=(const GroupSync&) = delete;

  /// Returns once all that was committed before is on the disk. Neither cancellation nor deadline end it.
  /// Error(unavailable) when the disk does not tell so.
  void wait();

 private:
  struct Waiting {
    fiber::Waiter waiter;
    int error = 0;
  };

  void loop();
  int sync() noexcept;  ///< 0 or errno

  const std::filesystem::path log_;
  int file_ = -1;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Waiting*> waiting_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace mpf::db::sqlite
