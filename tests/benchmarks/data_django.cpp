#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <stdexcept>
#include <vector>

#include "benchmarks/data_subject.hpp"

namespace mpf::bench {

namespace {

/// django/data.py, which does what it is told on its standard input, and answers with a line of numbers.
class DjangoSubject final : public Subject {
 public:
  explicit DjangoSubject(const std::vector<std::string>& database) {
    int to_child[2];
    int from_child[2];
    if (::pipe2(to_child, O_CLOEXEC) != 0 || ::pipe2(from_child, O_CLOEXEC) != 0) {
      throw std::runtime_error("no pipe");
    }
    const std::string script = std::string(MPF_BENCHMARKS_FOLDER) + "/django/data.py";
    std::vector<const char*> arguments{"python3", "-B", script.c_str()};
    for (const std::string& each : database) arguments.push_back(each.c_str());
    arguments.push_back(nullptr);
    child_ = ::fork();
    if (child_ == 0) {  // beside other threads: nothing here may take memory
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::dup2(to_child[0], 0);
      ::dup2(from_child[1], 1);
      ::execv("/usr/bin/python3", const_cast<char* const*>(arguments.data()));  // Debian's, which has Django
      ::_exit(127);
    }
    ::close(to_child[0]);
    ::close(from_child[1]);
    if (child_ < 0) throw std::runtime_error("cannot fork");
    commands_ = ::fdopen(to_child[1], "w");
    answers_ = ::fdopen(from_child[0], "r");
    if (read_line() != "ready") throw std::runtime_error("django/data.py did not start: ./dev setup");
  }
  ~DjangoSubject() override {
    std::fclose(commands_);
    std::fclose(answers_);
    ::waitpid(child_, nullptr, 0);
  }
  DjangoSubject(const DjangoSubject&) = delete;
  DjangoSubject& operator=(const DjangoSubject&) = delete;

  Measured run(Work work) override {
    constexpr const char* names[] = {"read", "get", "bulk_insert", "update", "prefetch"};
    std::fprintf(commands_, "%s\n", names[static_cast<std::size_t>(work)]);
    std::fflush(commands_);
    const std::string line = read_line();
    Measured measured;
    unsigned long long check = 0;
    if (std::sscanf(line.c_str(), "%lf %lf %llu", &measured.time, &measured.cpu, &check) != 3) {
      throw std::runtime_error("django/data.py answered: " + line);
    }
    measured.check = check;
    return measured;
  }

 private:
  std::string read_line() {
    std::string line;
    for (int c = std::fgetc(answers_); c != EOF && c != '\n'; c = std::fgetc(answers_))
      line += static_cast<char>(c);
    return line;
  }

  pid_t child_ = -1;
  std::FILE* commands_ = nullptr;
  std::FILE* answers_ = nullptr;
};

}  // namespace

std::unique_ptr<Subject> django_subject(const db::PostgresOptions& options) {
  return std::make_unique<DjangoSubject>(std::vector<std::string>{
      "postgres", options.host, std::to_string(options.port), options.user, options.database});
}

std::unique_ptr<Subject> django_subject(const std::filesystem::path& sqlite_file) {
  return std::make_unique<DjangoSubject>(std::vector<std::string>{"sqlite", sqlite_file.string()});
}

}  // namespace mpf::bench
