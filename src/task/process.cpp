#include "task/process.hpp"

#include <unistd.h>

#include <array>
#include <fstream>
#include <sstream>

namespace mpf::task {

namespace {

/// Of all that is said about a process in /proc/<pid>/stat: its state and when it was started, in clock ticks
/// since the boot.
struct Stat {
  char state = 'X';
  std::string started;
};

bool read_stat(const std::string& pid, Stat& stat) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string line;
  if (!std::getline(file, line)) return false;
  const std::size_t name_end = line.rfind(')');  // the name before it may contain anything
  if (name_end == std::string::npos) return false;
  std::istringstream rest(line.substr(name_end + 1));
  std::string word;
  for (int field = 3; field <= 22 && rest >> word; ++field) {
    if (field == 3) stat.state = word.front();
    if (field == 22) stat.started = word;
  }
  return !stat.started.empty();
}

/// What pids mean something in: the boot and the pid namespace.
std::string scope() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string boot;
  std::array<char, 64> space{};
  const auto length = readlink("/proc/self/ns/pid", space.data(), space.size());
  if (!std::getline(file, boot) || length <= 0) return {};
  return boot + "/" + std::string(space.data(), static_cast<std::size_t>(length));
}

}  // namespace

std::string process_identity() {
  const std::string where = scope();
  const std::string pid = std::to_string(getpid());
  Stat stat;
  if (where.empty() || !read_stat(pid, stat)) return {};
  return where + "/" + pid + "/" + stat.started;
}

bool process_is_dead(std::string_view identity) {
  const std::string where = scope();
  if (where.empty() || !identity.starts_with(where + "/")) return false;
  identity.remove_prefix(where.size() + 1);
  const std::size_t slash = identity.find('/');
  if (slash == std::string_view::npos) return false;
  Stat stat;
  if (!read_stat(std::string(identity.substr(0, slash)), stat)) return true;
  return stat.started != identity.substr(slash + 1) || stat.state == 'Z' || stat.state == 'X';
}

std::string process_name() {
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) host = {'?'};
  return std::string(host.data()) + ":" + std::to_string(getpid());
}

}  // namespace mpf::task
