#include "telemetry/line_writer.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mpf/base/error.hpp>

#include "telemetry/current.hpp"

namespace mpf::telemetry {
namespace {

int open_file(const std::filesystem::path& file) noexcept {
  return ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
}

int open_or_throw(const std::filesystem::path& file) {
  if (file.empty()) return STDERR_FILENO;
  std::error_code error;
  if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path(), error);
  const int fd = open_file(file);
  if (fd < 0) fail_errno(errno, "opening the log file " + file.string());
  return fd;
}

}  // namespace

LineWriter::LineWriter(std::filesystem::path file, std::size_t max_waiting)
    : file_(std::move(file)),
      max_waiting_(std::max<std::size_t>(max_waiting, 1)),
      fd_(open_or_throw(file_)),
      thread_([this] { run(); }) {}

LineWriter::~LineWriter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  arrived_.notify_one();
  thread_.join();
  if (!file_.empty()) ::close(fd_);
}

void LineWriter::push(std::string line) {
  {
    const std::lock_guard lock(mutex_);
    ++pushed_count_;
    waiting_.push_back(std::move(line));
    if (waiting_.size() > max_waiting_) {
      waiting_.pop_front();
      ++done_count_;
      count_dropped();
    }
    if (waiting_.size() > 1) return;  // the thread has been told
  }
  arrived_.notify_one();
}

void LineWriter::flush() noexcept {
  std::unique_lock lock(mutex_);
  const std::uint64_t target = pushed_count_;
  written_.wait(lock, [&] { return done_count_ >= target; });
}

void LineWriter::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    arrived_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const std::deque<std::string> batch = std::exchange(waiting_, {});
    lock.unlock();
    std::string text;
    for (const std::string& line : batch) text += line;
    write(text, batch.size());
    lock.lock();
    done_count_ += batch.size();
    written_.notify_all();
  }
}

void LineWriter::write(const std::string& text, std::size_t lines) {
  follow_rotation();
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t written = ::write(fd_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {  // disk full, pipe closed: going on serving is worth more than the lines
      dropped_.fetch_add(lines, std::memory_order_relaxed);
      return;
    }
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  const std::size_t lost = dropped();
  if (lost == told_dropped_) return;
  const std::string told = std::to_string(lost - std::exchange(told_dropped_, lost)) +
                           " log lines were lost: writing them was too slow or failed";
  const std::string line =
      format_line({Timestamp::now(), log::Level::warning, told, {}}, LogFormat::text) + '\n';
  static_cast<void>(!::write(fd_, line.data(), line.size()));
}

void LineWriter::follow_rotation() {
  const auto now = std::chrono::steady_clock::now();
  if (file_.empty() || now < next_rotation_check_) return;
  next_rotation_check_ = now + std::chrono::seconds(1);
  struct stat open_one {};
  struct stat named {};
  if (::fstat(fd_, &open_one) != 0) return;
  const bool same = ::stat(file_.c_str(), &named) == 0 && named.st_ino == open_one.st_ino &&
                    named.st_dev == open_one.st_dev;
  if (same) return;
  const int fd = open_file(file_);
  if (fd < 0) return;  // go on with the one that is open
  ::close(std::exchange(fd_, fd));
}

}  // namespace mpf::telemetry
