#include "db/sqlite_sync.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include <fmt/core.h>

#include <mpf/base/error.hpp>

namespace mpf::db::sqlite {

GroupSync::GroupSync(std::filesystem::path log) : log_(std::move(log)), thread_([this] { loop(); }) {}

GroupSync::~GroupSync() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();  // nobody waits any more, so it is at its end
  if (file_ >= 0) ::close(file_);
}

void GroupSync::wait() {
  Waiting self;
  {
    const std::scoped_lock lock(mutex_);
    waiting_.push_back(&self);
  }
  wake_.notify_one();
  self.waiter.wait_through();
  if (self.error == 0) return;
  throw Error(ErrorKind::unavailable,
              fmt::format("the disk did not confirm what was committed to {}: {}; it may be lost at the next "
                          "power failure: check the disk",
                          log_.string(), std::generic_category().message(self.error)));
}

/// The log stays the same file while somebody has the database open. Its locks lie elsewhere, so that opening
/// and closing it here sets none free.
int GroupSync::sync() noexcept {
  if (file_ < 0) file_ = ::open(log_.c_str(), O_RDONLY | O_CLOEXEC);
  if (file_ < 0) return errno;
  while (::fdatasync(file_) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

void GroupSync::loop() {
  std::vector<Waiting*> group;
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    group.swap(waiting_);
    lock.unlock();
    const int error = sync();
    for (Waiting* const each : group) {
      each->error = error;
      each->waiter.wake();  // it may be gone after this
    }
    group.clear();
    lock.lock();
  }
}

}  // namespace mpf::db::sqlite
