#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <mpf/base/timestamp.hpp>
#include <mpf/fiber/local.hpp>
#include <mpf/telemetry/log.hpp>

namespace mpf::telemetry {

enum class LogFormat : std::uint8_t {
  text,  ///< 2026-11-21T09:00:00.000000Z INFO    imported 7 pages request=x8Fq site=3
  json,  ///< one object a line: time, level, message, and the fields
};

struct LogOptions {
  log::Level level = log::Level::info;  ///< less important lines are not written
  LogFormat format = LogFormat::text;
  /// Appended to, and made with its folders; empty: standard error. Opened anew when others moved it away.
  std::filesystem::path file;
  std::size_t max_file_bytes = 64 * 1024 * 1024;  ///< before a file gets larger a new one is begun
  std::size_t kept_files = 5;      ///< full files, mpf.1.log the newest; 0: what was written is thrown away
  std::size_t queue_lines = 8192;  ///< waiting to be written; when it is full the oldest are dropped
};

struct LogRecord {
  Timestamp time;
  log::Level level;
  std::string_view message;
  std::span<const log::Field> fields;
};

/// Where lines go. Thread-safe.
class Logger {
 public:
  explicit Logger(log::Level level) noexcept : level_(level) {}
  virtual ~Logger() = default;
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  log::Level level() const noexcept { return level_; }
  bool enabled(log::Level level) const noexcept { return level >= level_ && level != log::Level::off; }

  /// Called with records whose level is enabled. Must not block, suspend or log.
  virtual void write(const LogRecord& record) noexcept = 0;

  /// Returns when all that was written before has reached the file. May block.
  virtual void flush() noexcept {}

  /// Lines that were dropped because writing them was too slow or failed.
  virtual std::size_t dropped() const noexcept { return 0; }

 private:
  log::Level level_;
};

/// A logger that hands lines to a thread of its own, so that a slow disk or terminal holds up no loop. Its
/// end writes what is left. When lines were dropped or could not be written (disk full), a line tells how
/// many as soon as one can be written. Error(unavailable, denied, …) if the file cannot be opened.
std::shared_ptr<Logger> open_logger(const LogOptions& options = {});

/// Keeps lines in memory: for tests.
class MemoryLogger final : public Logger {
 public:
  explicit MemoryLogger(log::Level level = log::Level::trace) noexcept : Logger(level) {}

  struct Line {
    log::Level level;
    std::string message;
    std::vector<log::Field> fields;
  };

  void write(const LogRecord& record) noexcept override;
  std::vector<Line> lines() const;
  /// Whether a line's message has this in it.
  bool contains(std::string_view part) const;
  void clear();

 private:
  mutable std::mutex mutex_;
  std::vector<Line> lines_;
};

/// The line without its end, as open_logger writes it. Line breaks in messages are indented, other control
/// characters escaped: what users send cannot pose as lines of its own.
std::string format_line(const LogRecord& record, LogFormat format);

/// Until the result goes, lines of the current fiber (outside fibers: thread), and of fibers that it spawns,
/// go there.
[[nodiscard]] fiber::Local<Logger>::Scope use(std::shared_ptr<Logger> logger);

/// The logger in use; without one, standard error at level info. Never null.
std::shared_ptr<Logger> current_logger();

}  // namespace mpf::telemetry
