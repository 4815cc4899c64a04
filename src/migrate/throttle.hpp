#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include <mpf/fiber/fiber.hpp>
#include <mpf/migrate/migrator.hpp>

namespace mpf::migrate {

/// Keeps changes of many rows, portion by portion, from taking more of the servers than these can spare.
class Throttle {
 public:
  Throttle(db::Database& database, const ApplyOptions& options) : database_(database), options_(options) {}

  /// How many rows the next portion should have, of `most`: fewer after one that took long.
  std::size_t rows(std::size_t most) const;

  /// After a portion that took so long: pauses for a part of that time, at least for `pause`, and then as
  /// long as a replica is too far behind. `tell` hears once of each replica that is waited for.
  void rest(fiber::Duration took, std::chrono::milliseconds pause,
            const std::function<void(const std::string&)>& tell);

 private:
  std::optional<std::string> lagging_replica();

  db::Database& database_;
  const ApplyOptions& options_;
  double share_ = 1;  ///< of the rows that a portion may have
};

}  // namespace mpf::migrate
