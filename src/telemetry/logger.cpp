#include <mpf/telemetry/logger.hpp>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <exception>
#include <utility>

#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>

#include "telemetry/current.hpp"
#include "telemetry/line_sink.hpp"

namespace mpf::telemetry {
namespace {

constexpr fiber::Local<Logger> logger_in_use{};

/// What logs when nobody said otherwise: to standard error and at once, for programs that may end any way.
class StandardError final : public Logger {
 public:
  StandardError() noexcept : Logger(log::Level::info) {}

  void write(const LogRecord& record) noexcept override {
    try {
      // One call for the whole line, so that lines of several threads do not mix. An error has no place
      // left to be told.
      const std::string line = format_line(record, LogFormat::text) + '\n';
      static_cast<void>(std::fwrite(line.data(), 1, line.size(), stderr));
    } catch (const std::exception&) {
      std::fputs("out of memory while logging\n", stderr);
    }
  }
};

const std::shared_ptr<Logger>& standard_error() noexcept {
  static const std::shared_ptr<Logger> logger = std::make_shared<StandardError>();
  return logger;
}

/// spdlog's queue and thread, with a pool of its own for each logger: spdlog's registry is global.
class QueuedLogger final : public Logger {
 public:
  explicit QueuedLogger(const LogOptions& options)
      : Logger(options.level),
        format_(options.format),
        sink_(std::make_shared<LineSink>(options)),
        queue_(
            std::make_shared<spdlog::details::thread_pool>(std::max<std::size_t>(options.queue_lines, 1), 1)),
        lines_(std::make_shared<spdlog::async_logger>("", sink_, queue_,
                                                      spdlog::async_overflow_policy::overrun_oldest)) {
    auto& queue = *queue_;
    sink_->attach([&queue] { return queue.queue_size() > 0; }, [&queue] { return queue.overrun_counter(); });
    lines_->set_level(spdlog::level::trace);
    lines_->set_error_handler([this](const std::string&) { not_queued(); });
  }

  ~QueuedLogger() override {
    flush();
    queue_.reset();
  }

  void write(const LogRecord& record) noexcept override {
    taken_.fetch_add(1);
    try {
      lines_->log(spdlog::level::info, format_line(record, format_));
    } catch (const std::exception&) {
      not_queued();
    }
  }
  void flush() noexcept override { sink_->wait_for(taken_.load()); }
  std::size_t dropped() const noexcept override { return queue_->overrun_counter() + sink_->lost(); }

 private:
  void not_queued() noexcept {
    sink_->count_lost();
    taken_.fetch_sub(1);
  }

  const LogFormat format_;
  std::atomic<std::uint64_t> taken_ = 0;  ///< lines that are written, wait or were overrun
  std::shared_ptr<LineSink> sink_;
  std::shared_ptr<spdlog::details::thread_pool> queue_;
  std::shared_ptr<spdlog::async_logger> lines_;
};

}  // namespace

std::shared_ptr<Logger> open_logger(const LogOptions& options) {
  return std::make_shared<QueuedLogger>(options);
}

void MemoryLogger::write(const LogRecord& record) noexcept {
  const std::lock_guard lock(mutex_);
  lines_.push_back({record.level, std::string(record.message), {record.fields.begin(), record.fields.end()}});
}

std::vector<MemoryLogger::Line> MemoryLogger::lines() const {
  const std::lock_guard lock(mutex_);
  return lines_;
}

bool MemoryLogger::contains(std::string_view part) const {
  const std::lock_guard lock(mutex_);
  return std::ranges::any_of(
      lines_, [part](const Line& line) { return line.message.find(part) != std::string::npos; });
}

void MemoryLogger::clear() {
  const std::lock_guard lock(mutex_);
  lines_.clear();
}

fiber::Local<Logger>::Scope use(std::shared_ptr<Logger> logger) {
  return logger_in_use.set(std::move(logger));
}

std::shared_ptr<Logger> current_logger() {
  auto logger = logger_in_use.share();
  return logger ? logger : standard_error();
}

Logger& in_use() noexcept {
  Logger* const logger = logger_in_use.get();
  return logger != nullptr ? *logger : *standard_error();
}

}  // namespace mpf::telemetry
