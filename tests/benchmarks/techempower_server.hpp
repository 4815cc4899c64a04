#pragma once

#include <cstdint>
#include <string>

#include <mpf/base/id.hpp>
#include <mpf/base/reflect.hpp>
#include <mpf/db/postgres.hpp>
#include <mpf/http/router.hpp>
#include <mpf/orm/model.hpp>

/// The TechEmpower tests as a user of MPF writes them.
namespace mpf::bench {

struct World {
  orm::Id id;
  std::int32_t random_number = 0;

  static constexpr auto model() {
    return orm::model<World>("world", orm::field<&World::random_number>(name("randomNumber")));
  }
};

struct Fortune {
  orm::Id id;
  std::string message;

  static constexpr auto model() { return orm::model<Fortune>("fortune", orm::field<&Fortune::message>()); }
};

inline constexpr std::int64_t worlds = 10'000;

/// Makes the tables with their rows. In a fiber.
void fill_techempower(db::Database& db);

/// All routes; `db` outlives the router.
void add_techempower_routes(http::Router& router, db::Database& db);

/// Serves from that database until the process ends; returns the port.
std::uint16_t serve_techempower(const db::PostgresOptions& options);

}  // namespace mpf::bench
