#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

/// What benchmarks share: servers as child processes, their CPU time, the load generator, the table and the
/// JSON file.
namespace mpf::bench {

/// A process that serves until this object goes.
class Child {
 public:
  /// Forks; `serve` starts a server in the child and returns its port. Call it before any thread exists here.
  explicit Child(const std::function<std::uint16_t()>& serve);
  /// Runs a program, which must listen at that port; what it logs goes to a file, if one is given.
  Child(const std::vector<std::string>& command, std::uint16_t port, const std::string& log = {});
  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  ~Child();

  std::uint16_t port() const noexcept { return port_; }
  /// User and system time of all its threads, and of the processes that it has started and that still run,
  /// since their start, in microseconds.
  double cpu_microseconds() const;

 private:
  pid_t pid_ = -1;
  int keeper_ = -1;  // the child ends when this pipe closes
  std::uint16_t port_ = 0;
};

std::uint16_t free_port();

struct Load {
  unsigned connections = 64;
  unsigned threads = 2;
  unsigned seconds = 2;
  std::string host;  ///< Host header; empty: the address
};

struct Sample {
  double cpu_per_request = 0;  ///< microseconds
  double requests_per_second = 0;
};

/// Of several runs.
struct Series {
  std::vector<double> cpu;   ///< per request
  std::vector<double> rate;  ///< requests per second

  void add(const Sample& sample) {
    cpu.push_back(sample.cpu_per_request);
    rate.push_back(sample.requests_per_second);
  }
};

/// One run of wrk. Throws when requests failed.
Sample measure(const Child& server, const std::string& path, const Load& load);

double median(std::vector<double> values);

struct Row {
  std::string of_case;
  std::string subject;
  std::string metric;
  double value = 0;
  std::string unit;
};

void write_json_file(const std::string& path, const std::string& benchmark, const std::vector<Row>& rows);

}  // namespace mpf::bench
