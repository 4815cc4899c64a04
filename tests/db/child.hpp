#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include <doctest/doctest.h>

namespace mpf::test {

/// This program again, in a process group of its own, running only the test case named, with the file in the
/// environment (MPF_TEST_DATABASE). Killed when it goes out of scope.
class Child {
 public:
  explicit Child(const char* test_case, const std::filesystem::path& file = {}) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const std::string filter = std::string("--test-case=") + test_case;
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      ::setpgid(0, 0);
      ::setenv("MPF_TEST_DATABASE", file.c_str(), 1);
      ::dup2(ends[1], 3);
      if (ends[0] != 3) ::close(ends[0]);
      if (ends[1] != 3) ::close(ends[1]);
      ::execl("/proc/self/exe", "child", filter.c_str(), "--no-skip", static_cast<char*>(nullptr));
      ::_exit(127);
    }
    ::close(ends[1]);
    read_end_ = ends[0];
  }
  ~Child() {
    kill();
    ::close(read_end_);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const noexcept { return pid_; }

  /// The child's next sign; false at its end.
  bool wait() const {
    char sign = 0;
    return ::read(read_end_, &sign, 1) == 1;
  }
  std::string line() const {
    std::string line;
    for (char c = 0; ::read(read_end_, &c, 1) == 1 && c != '\n';) line += c;
    return line;
  }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_ = -1;
  int read_end_ = -1;
};

/// In the child.
inline void tell(const std::string& text) {
  REQUIRE(::write(3, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}
inline void sign() { tell("x"); }

}  // namespace mpf::test
