#include <mpf/telemetry/logger.hpp>

#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <sys/resource.h>

#include <doctest/doctest.h>

#include <mpf/base/error.hpp>
#include <mpf/base/file.hpp>
#include <mpf/base/json_value.hpp>
#include <mpf/base/text.hpp>

#include "support/temp_dir.hpp"

using namespace mpf;

namespace {

std::string line(std::string_view message, const std::vector<log::Field>& fields,
                 telemetry::LogFormat format) {
  return telemetry::format_line({Timestamp(Microseconds(1'500'000)), log::Level::warning, message, fields},
                                format);
}

/// As if the disk had no more room than this for any file.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : signal_(std::signal(SIGXFSZ, SIG_IGN)) {
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
    const rlimit limit{bytes, before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, signal_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
  void (*signal_)(int);
};

}  // namespace

TEST_CASE("text lines") {
  using enum telemetry::LogFormat;
  CHECK(line("hello", {}, text) == "1970-01-01T00:00:01.500000Z WARNING hello");
  CHECK(line("hello", {{"site", "3"}, {"user", "a b"}, {"empty", ""}}, text) ==
        "1970-01-01T00:00:01.500000Z WARNING hello site=3 user=\"a b\" empty=\"\"");
  CHECK(telemetry::format_line({Timestamp(), log::Level::info, "x", {}}, text) ==
        "1970-01-01T00:00:00.000000Z INFO    x");
}

TEST_CASE("what users send cannot pose as lines of the log") {
  using enum telemetry::LogFormat;
  const std::string evil = "a\n1970-01-01T00:00:01Z ERROR fake\r\x1b[2J";
  CHECK(line(evil, {{"agent", "x\ny"}}, text) ==
        "1970-01-01T00:00:01.500000Z WARNING a\n    1970-01-01T00:00:01Z ERROR fake\\x0d\\x1b[2J "
        "agent=\"x\\ny\"");
  const std::string as_json = line(evil, {}, json);
  CHECK(as_json.find('\n') == std::string::npos);
  CHECK_NOTHROW(Json::parse(as_json));
}

TEST_CASE("JSON lines") {
  CHECK(line("say \"x\"", {{"site", "3"}}, telemetry::LogFormat::json) ==
        R"({"time":"1970-01-01T00:00:01.500000Z","level":"warning","message":"say \"x\"","site":"3"})");
}

TEST_CASE("a log file gets every line of several threads, whole") {
  const test::TempDir folder;
  const auto file = folder / "logs/deep/mpf.log";
  constexpr int threads = 4;
  constexpr int lines_each = 250;
  {
    const auto logger = telemetry::open_logger({.file = file});
    std::vector<std::thread> writers;
    for (int t = 0; t < threads; ++t) {
      writers.emplace_back([&logger, t] {
        const auto scope = telemetry::use(logger);
        for (int i = 0; i < lines_each; ++i) log::info("thread {} line {} end", t, i);
      });
    }
    for (auto& writer : writers) writer.join();
    CHECK(logger->dropped() == 0);
  }
  const std::string content = read_file(file);
  std::vector<int> next(threads, 0);
  for (const auto text : split(trim(content), '\n')) {
    const auto words = split(text.substr(text.find("thread ")), ' ');
    REQUIRE(words.size() == 5);
    const auto t = static_cast<std::size_t>(std::stoi(std::string(words[1])));
    CHECK(std::stoi(std::string(words[3])) == next.at(t)++);
    CHECK(words[4] == "end");
  }
  CHECK(next == std::vector<int>(threads, lines_each));
}

TEST_CASE("flush waits for what was written before") {
  const test::TempDir folder;
  const auto logger = telemetry::open_logger({.file = folder / "mpf.log"});
  const auto scope = telemetry::use(logger);
  for (int i = 0; i < 50; ++i) {
    log::info("line {}.", i);
    logger->flush();
    CHECK(read_file(folder / "mpf.log").find("line " + std::to_string(i) + ".") != std::string::npos);
  }
}

TEST_CASE("a full disk costs lines, which are counted") {
  const auto logger = telemetry::open_logger({.file = "/dev/full"});
  const auto scope = telemetry::use(logger);
  log::info("lost");
  logger->flush();
  CHECK(logger->dropped() == 1);
}

TEST_CASE("a disk that was full is told of once there is room") {
  for (const auto format : {telemetry::LogFormat::text, telemetry::LogFormat::json}) {
    const test::TempDir folder;
    const auto logger = telemetry::open_logger({.format = format, .file = folder / "mpf.log"});
    const auto scope = telemetry::use(logger);
    {
      const FileSizeLimit full(4096);
      for (int i = 0; i < 100; ++i) log::info("a line that takes some of the little room there is: {}", i);
      logger->flush();
    }
    const std::size_t lost = logger->dropped();
    CHECK(lost > 0);
    CHECK(lost <= 100);
    log::info("room again");
    logger->flush();
    CHECK(logger->dropped() == lost);
    const std::string content = read_file(folder / "mpf.log");
    CHECK(content.find(std::to_string(lost) + " log lines were lost") < content.find("room again"));
    CHECK(content.find("room again") != std::string::npos);
  }
}

TEST_CASE("lines that come faster than they are written push out the oldest, which is told") {
  const test::TempDir folder;
  const auto logger = telemetry::open_logger(
      {.format = telemetry::LogFormat::json, .file = folder / "mpf.log", .queue_lines = 2});
  const auto scope = telemetry::use(logger);
  std::size_t written = 0;
  while (logger->dropped() == 0) log::info("line {}", written++);
  logger->flush();
  log::info("last");
  logger->flush();
  const std::string content = read_file(folder / "mpf.log");
  CHECK(content.find("log lines were lost") != std::string::npos);
  std::size_t lines = 0;
  for (const auto text : split(trim(content), '\n')) {
    CHECK_NOTHROW(Json::parse(text));
    if (text.find("were lost") == std::string_view::npos) ++lines;
  }
  CHECK(lines + logger->dropped() == written + 1);
}

TEST_CASE("a file that is full makes room for a new one") {
  const test::TempDir folder;
  {
    const auto logger =
        telemetry::open_logger({.file = folder / "mpf.log", .max_file_bytes = 2000, .kept_files = 2});
    const auto scope = telemetry::use(logger);
    for (int i = 0; i < 200; ++i) log::info("line {} of many", i);
  }
  CHECK(read_file(folder / "mpf.log").find("line 199 ") != std::string::npos);
  for (const char* name : {"mpf.log", "mpf.1.log", "mpf.2.log"}) {
    CAPTURE(name);
    CHECK(std::filesystem::file_size(folder / name) <= 2000);
    CHECK((std::filesystem::status(folder / name).permissions() & std::filesystem::perms::others_all) ==
          std::filesystem::perms::none);
  }
  CHECK_FALSE(std::filesystem::exists(folder / "mpf.3.log"));
}

TEST_CASE("a file that others moved away is opened anew") {
  const test::TempDir folder;
  const auto logger = telemetry::open_logger({.file = folder / "mpf.log"});
  const auto scope = telemetry::use(logger);
  log::info("before");
  logger->flush();
  std::filesystem::rename(folder / "mpf.log", folder / "moved.log");
  while (!std::filesystem::exists(folder / "mpf.log")) {
    log::info("after");
    logger->flush();
  }
  log::info("new");
  logger->flush();
  CHECK(read_file(folder / "moved.log").find("before") != std::string::npos);
  CHECK(read_file(folder / "mpf.log").find("new") != std::string::npos);
  CHECK(logger->dropped() == 0);
}

TEST_CASE("a log file that cannot be opened is an error that names it") {
  const test::TempDir folder;
  write_file_atomic(folder / "file", "x");
  try {
    telemetry::open_logger({.file = folder / "file/mpf.log"});
    FAIL("opened");
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find("file/mpf.log") != std::string::npos);
  }
}
