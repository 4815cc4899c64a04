#include <mpf/telemetry/logger.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

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
