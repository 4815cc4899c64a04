#pragma once

#include <mutex>
#include <set>
#include <source_location>
#include <string>
#include <string_view>
#include <tuple>

namespace mpf::db {

/// Says, once for each place that begins transactions and each kind of wait, that one of them has waited for
/// what is none of the database's business. Thread-safe.
class WaitWarnings {
 public:
  void warn(const std::source_location& origin, std::string_view what) noexcept;

 private:
  std::mutex mutex_;
  std::set<std::tuple<std::string, unsigned, std::string>> told_;
};

}  // namespace mpf::db
