#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

extern char** environ;

namespace mpf::test {

/// A child process, killed when it goes out of scope. What it prints goes into a file.
class Process {
 public:
  Process(const std::vector<std::string>& command, const std::map<std::string, std::string>& environment,
          std::filesystem::path output)
      : output_(std::move(output)) {
    std::vector<std::string> variables;
    for (char** variable = environ; *variable != nullptr; ++variable) {
      if (!std::string_view(*variable).starts_with("MPF_")) variables.emplace_back(*variable);
    }
    for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
    std::vector<char*> arguments;
    for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    std::vector<char*> env;
    for (const auto& variable : variables) env.push_back(const_cast<char*>(variable.c_str()));
    env.push_back(nullptr);
    const int out = ::open(output_.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    if (out < 0) throw std::runtime_error("cannot write " + output_.string());
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(out, 1);
      ::dup2(out, 2);
      const int in = ::open("/dev/null", O_RDONLY);
      ::dup2(in, 0);
      ::execvpe(arguments[0], arguments.data(), env.data());
      ::_exit(127);
    }
    ::close(out);
    if (pid_ < 0) throw std::runtime_error("fork");
  }
  ~Process() { kill(SIGKILL); }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  /// Exit code, 128 + the signal that ended it, or nothing while it still runs after that time.
  std::optional<int> wait(std::chrono::milliseconds limit) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!ended()) {
      if (std::chrono::steady_clock::now() >= end) return std::nullopt;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return code_;
  }

  bool ended() {
    if (code_) return true;
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) != pid_) return false;
    code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return true;
  }

  /// Sends the signal and waits for the end.
  int kill(int signal) {
    if (!ended()) {
      ::kill(pid_, signal);
      int status = 0;
      ::waitpid(pid_, &status, 0);
      code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    return *code_;
  }

  std::string output() const {
    std::ostringstream text;
    text << std::ifstream(output_, std::ios::binary).rdbuf();
    return text.str();
  }

  /// Waits until the output has these words; false if the process ends or the time is over before.
  bool wait_for_output(const std::string& words, std::chrono::milliseconds limit) {
    const auto end = std::chrono::steady_clock::now() + limit;
    for (;;) {
      if (output().find(words) != std::string::npos) return true;
      if (ended()) return output().find(words) != std::string::npos;
      if (std::chrono::steady_clock::now() >= end) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }

  pid_t pid() const noexcept { return pid_; }

 private:
  std::filesystem::path output_;
  pid_t pid_ = -1;
  std::optional<int> code_;
};

}  // namespace mpf::test
