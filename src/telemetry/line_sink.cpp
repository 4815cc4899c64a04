#include "telemetry/line_sink.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <memory>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <mpf/base/error.hpp>

namespace mpf::telemetry {
namespace {

constexpr std::size_t max_unflushed = 256;

/// Threads that log do not have to wake the one that writes while it gathers lines, which costs them more
/// than the lines. Short enough for a queue of few lines not to fill meanwhile.
constexpr std::chrono::milliseconds gathering_time(std::size_t queue_lines) {
  return std::chrono::milliseconds(queue_lines < 1'000 ? 0 : 2);
}

/// Logs tell of users: not readable for everybody, unlike what fopen makes.
int make_file(const std::filesystem::path& file) noexcept {
  return ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
}

void check_file(const std::filesystem::path& file) {
  std::error_code error;
  if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path(), error);
  const int fd = make_file(file);
  if (fd < 0) fail_errno(errno, "opening the log file " + file.string());
  ::close(fd);
}

std::uint64_t inode_of(const std::filesystem::path& file) noexcept {
  struct stat named {};
  return ::stat(file.c_str(), &named) == 0 ? named.st_ino : 0;
}

spdlog::sink_ptr open_sink(const LogOptions& options) {
  if (options.file.empty()) return std::make_shared<spdlog::sinks::stderr_sink_st>();
  spdlog::file_event_handlers handlers;
  handlers.before_open = [](const spdlog::filename_t& file) {
    if (const int fd = make_file(file); fd >= 0) ::close(fd);
  };
  handlers.after_open = [](const spdlog::filename_t&, std::FILE* file) {
    ::fcntl(::fileno(file), F_SETFD, FD_CLOEXEC);
  };
  return std::make_shared<spdlog::sinks::rotating_file_sink_st>(
      options.file.string(), std::max<std::size_t>(options.max_file_bytes, 1), options.kept_files, false,
      handlers);
}

}  // namespace

LineSink::LineSink(const LogOptions& options)
    : options_(options), gathering_(gathering_time(options.queue_lines)) {
  if (!options_.file.empty()) check_file(options_.file);
  try {
    open();
  } catch (const spdlog::spdlog_ex& error) {
    throw Error(ErrorKind::unavailable,
                "opening the log file " + options_.file.string() + ": " + error.what());
  }
}

void LineSink::attach(std::function<bool()> more, std::function<std::size_t()> overrun) {
  more_ = std::move(more);
  overrun_ = std::move(overrun);
}

void LineSink::open() {
  inner_.reset();
  inner_ = open_sink(options_);
  inner_->set_formatter(
      std::make_unique<spdlog::pattern_formatter>("%v", spdlog::pattern_time_type::utc, "\n"));
  inode_ = inode_of(options_.file);
  suspect_ = false;
}

void LineSink::keep_open() {
  const auto now = std::chrono::steady_clock::now();
  if (options_.file.empty() || now < next_check_) return;
  next_check_ = now + std::chrono::seconds(1);
  // spdlog's sink stays closed for good when it fails to open the next file.
  if (suspect_ || inode_of(options_.file) != inode_) open();
}

void LineSink::sink_it_(const spdlog::details::log_msg& line) {
  ++unflushed_;
  try {
    keep_open();
    tell_dropped();
    write(line);
  } catch (const std::exception&) {
    fail();
    return;
  }
  const bool last = !more_();
  if (unflushed_ >= max_unflushed || waiters_.load() > 0 || last) flush_();
  if (last) gather_lines();
}

void LineSink::write(const spdlog::details::log_msg& line) {
  if (!inner_) throw spdlog::spdlog_ex("the log file is not open");
  inner_->log(line);
  if (options_.file.empty() && std::ferror(stderr) != 0) {
    std::clearerr(stderr);
    throw spdlog::spdlog_ex("standard error takes no lines");
  }
}

void LineSink::tell_dropped() {
  const std::size_t dropped = lost() + overrun_();
  if (dropped == told_dropped_) return;
  const std::string told =
      std::to_string(dropped - told_dropped_) + " log lines were lost: writing them was too slow or failed";
  const std::string line = format_line({Timestamp::now(), log::Level::warning, told, {}}, options_.format);
  write(spdlog::details::log_msg({}, spdlog::level::warn, line));
  inner_->flush();  // only what reached the file is told
  told_dropped_ = dropped;
}

void LineSink::flush_() {
  try {
    if (inner_) inner_->flush();
  } catch (const std::exception&) {
    fail();
    return;
  }
  finish_lines();
}

/// Disk full, pipe closed: going on serving is worth more than the lines.
void LineSink::fail() {
  suspect_ = true;
  lost_.fetch_add(unflushed_, std::memory_order_relaxed);
  finish_lines();
}

void LineSink::finish_lines() {
  {
    const std::lock_guard lock(done_mutex_);
    done_ += std::exchange(unflushed_, 0);
  }
  changed_.notify_all();
}

void LineSink::gather_lines() {
  std::unique_lock lock(done_mutex_);
  changed_.wait_for(lock, gathering_, [&] { return waiters_.load() > 0; });
}

void LineSink::wait_for(std::uint64_t lines) {
  {
    std::unique_lock lock(done_mutex_);
    waiters_.fetch_add(1);
    changed_.notify_all();
    changed_.wait(lock, [&] { return done_ + overrun_() >= lines; });
  }
  waiters_.fetch_sub(1);
}

}  // namespace mpf::telemetry
