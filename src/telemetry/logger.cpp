#include <mpf/telemetry/logger.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <utility>

#include "telemetry/current.hpp"
#include "telemetry/line_writer.hpp"

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

class QueuedLogger final : public Logger {
 public:
  explicit QueuedLogger(const LogOptions& options)
      : Logger(options.level), format_(options.format), lines_(options.file, options.queue_lines) {}

  void write(const LogRecord& record) noexcept override {
    try {
      lines_.push(format_line(record, format_) + '\n');
    } catch (const std::exception&) {
      lines_.count_dropped();
    }
  }
  void flush() noexcept override { lines_.flush(); }
  std::size_t dropped() const noexcept override { return lines_.dropped(); }

 private:
  LogFormat format_;
  LineWriter lines_;
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
