#include <doctest/doctest.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <thread>

#include "app/migrate_shell.hpp"

using namespace mpf;
using test::MigrateShell;

namespace {

/// A pseudo terminal; what programs write to it is gathered until none has it any more.
class Terminal {
 public:
  Terminal() {
    if (main_ < 0 || ::grantpt(main_) != 0 || ::unlockpt(main_) != 0)
      throw std::runtime_error("posix_openpt");
    name_ = ::ptsname(main_);
    held_ = ::open(name_.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (held_ < 0) throw std::runtime_error("cannot open " + name_);
    reader_ = std::thread([this] {
      char buffer[4096];
      for (ssize_t count = 0; (count = ::read(main_, buffer, sizeof buffer)) > 0;) {
        text_.append(buffer, static_cast<std::size_t>(count));
      }
    });
  }
  ~Terminal() {
    if (reader_.joinable()) text();
    ::close(main_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  const std::string& name() const { return name_; }

  /// To be called when the programs have ended.
  const std::string& text() {
    ::close(held_);
    reader_.join();
    return text_;
  }

 private:
  int main_ = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  int held_ = -1;
  std::string name_;
  std::string text_;
  std::thread reader_;
};

}  // namespace

TEST_CASE("on a terminal apply draws a bar of the rows that are done, elsewhere it prints lines") {
  for (const bool terminal : {true, false}) {
    CAPTURE(terminal);
    MigrateShell shell;
    const auto address = test::fresh_postgres();
    shell.database(address);
    shell.make_and_apply();
    shell.sql(address,
              "INSERT INTO content_item (title, teaser) SELECT 'a', 'b' FROM generate_series(1, 4000)");
    shell.write("0002_mark",
                "  - backfill: {table: content_item, set: {teaser: \"title\"}, batch: 1000, irreversible: "
                "true}\n");
    std::string text;
    if (terminal) {
      Terminal screen;
      REQUIRE_MESSAGE(shell.run("portal migrate apply >" + screen.name()) == 0, shell.errors);
      text = screen.text();
    } else {
      REQUIRE_MESSAGE(shell.run("portal migrate apply") == 0, shell.errors);
      text = shell.out;
    }
    CAPTURE(text);
    CHECK(text.find("[1/1] applying content.item/0002_mark") != std::string::npos);
    CHECK(text.find("1 migration applied") != std::string::npos);
    CHECK(text.find("4000/4000") != std::string::npos);
    const bool drawn = text.find("\r\x1b[2K  backfill content_item ") != std::string::npos &&
                       text.find("██") != std::string::npos;
    CHECK(drawn == terminal);
    CHECK((text.find("  backfill content_item: 4000/4000\n") != std::string::npos) == !terminal);
  }
}
