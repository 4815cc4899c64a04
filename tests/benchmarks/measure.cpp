#include "benchmarks/measure.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>

#include <mpf/base/json.hpp>
#include <mpf/base/reflect.hpp>

namespace mpf::bench {

namespace {

struct JsonRow {
  std::string of_case;
  std::string subject;
  std::string metric;
  double value = 0;
  std::string unit;
  static constexpr auto describe() {
    return mpf::describe(field<&JsonRow::of_case>(name("case")), field<&JsonRow::subject>(),
                         field<&JsonRow::metric>(), field<&JsonRow::value>(), field<&JsonRow::unit>());
  }
};

struct JsonResult {
  std::string benchmark;
  std::vector<JsonRow> rows;
  static constexpr auto describe() {
    return mpf::describe(field<&JsonResult::benchmark>(), field<&JsonResult::rows>());
  }
};

std::string output_of(const std::string& command) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
  if (!pipe) throw std::runtime_error("cannot run " + command);
  std::string output;
  char bytes[4096];
  while (const std::size_t got = std::fread(bytes, 1, sizeof bytes, pipe.get())) output.append(bytes, got);
  return output;
}

bool accepts_connections(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool connected = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return connected;
}

/// The number before ` requests in`, for example.
double number_before(const std::string& text, const std::string& marker) {
  const std::size_t at = text.find(marker);
  if (at == std::string::npos) throw std::runtime_error("wrk said something unexpected:\n" + text);
  const std::size_t start = text.rfind('\n', at);
  return std::stod(text.substr(start + 1, at - start - 1));
}

}  // namespace

Child::Child(const std::function<std::uint16_t()>& serve) {
  int keeper[2];
  int report[2];
  if (::pipe(keeper) != 0 || ::pipe(report) != 0) throw std::runtime_error("no pipe");
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("cannot fork");
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::close(keeper[1]);
    ::close(report[0]);
    try {
      const std::uint16_t port = serve();
      if (::write(report[1], &port, sizeof port) != sizeof port) ::_exit(1);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "server: %s\n", error.what());
      ::_exit(1);
    }
    char unused = 0;
    while (::read(keeper[0], &unused, 1) > 0) {
    }
    ::_exit(0);
  }
  ::close(keeper[0]);
  ::close(report[1]);
  keeper_ = keeper[1];
  const bool started = ::read(report[0], &port_, sizeof port_) == sizeof port_;
  ::close(report[0]);
  if (!started) throw std::runtime_error("a server did not start");
}

Child::Child(const std::vector<std::string>& command, std::uint16_t port, const std::string& log)
    : port_(port) {
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("cannot fork");
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!log.empty()) {
      const int file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      if (file < 0 || ::dup2(file, STDERR_FILENO) < 0) {
        std::perror(log.c_str());
        ::_exit(1);
      }
    }
    std::vector<char*> arguments;
    for (const auto& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    ::execv(arguments.front(), arguments.data());
    std::perror(command.front().c_str());
    ::_exit(1);
  }
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!accepts_connections(port_)) {
    if (std::chrono::steady_clock::now() > until || ::waitpid(pid_, nullptr, WNOHANG) != 0) {
      throw std::runtime_error(command.front() + " does not serve at port " + std::to_string(port_));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), keeper_(std::exchange(other.keeper_, -1)), port_(other.port_) {}

Child::~Child() {
  if (keeper_ >= 0) ::close(keeper_);
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

double Child::cpu_microseconds() const {
  const auto used_by = [](pid_t process) {
    clockid_t clock{};
    timespec time{};
    if (::clock_getcpuclockid(process, &clock) != 0 || ::clock_gettime(clock, &time) != 0) {
      throw std::runtime_error("a server has ended");
    }
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
  };
  double sum = used_by(pid_);
  const std::string id = std::to_string(pid_);
  std::ifstream children("/proc/" + id + "/task/" + id + "/children");
  for (pid_t child = 0; children >> child;) sum += used_by(child);
  return sum;
}

std::uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool bound = ::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  ::close(fd);
  if (!bound) throw std::runtime_error("no free port");
  return ntohs(address.sin_port);
}

Sample measure(const Child& server, const std::string& path, const Load& load) {
  std::string command = "wrk -t" + std::to_string(load.threads) + " -c" + std::to_string(load.connections) +
                        " -d" + std::to_string(load.seconds) + "s ";
  if (!load.host.empty()) command += "-H 'Host: " + load.host + "' ";
  command += "http://127.0.0.1:" + std::to_string(server.port()) + path + " 2>&1";
  const double before = server.cpu_microseconds();
  const std::string output = output_of(command);
  const double used = server.cpu_microseconds() - before;
  if (output.find("Non-2xx") != std::string::npos || output.find("Socket errors") != std::string::npos) {
    throw std::runtime_error("requests failed:\n" + output);
  }
  const double requests = number_before(output, " requests in");
  const std::size_t rate = output.find("Requests/sec:");
  if (rate == std::string::npos || requests <= 0) throw std::runtime_error("wrk failed:\n" + output);
  return {used / requests, std::stod(output.substr(rate + 13))};
}

double median(std::vector<double> values) {
  if (values.empty()) throw std::runtime_error("no values");
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

void write_json_file(const std::string& path, const std::string& benchmark, const std::vector<Row>& rows) {
  JsonResult result{benchmark, {}};
  for (const auto& row : rows)
    result.rows.push_back({row.of_case, row.subject, row.metric, row.value, row.unit});
  std::ofstream file(path);
  file << to_json(result) << '\n';
  if (!file.flush()) throw std::runtime_error("cannot write " + path);
}

}  // namespace mpf::bench
