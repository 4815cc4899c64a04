#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <mpf/app/application.hpp>
#include <mpf/migrate/migrator.hpp>
#include <mpf/orm/schema.hpp>

#include "benchmarks/measure.hpp"
#include "support/postgres.hpp"
#include "support/temp_dir.hpp"

/// A portal in production, and the release that comes after it.
namespace mpf::bench {

/// The portal on a PostgreSQL of its own, which keeps what it is told as one in production does, with the
/// sites of the sample. All of it is made by the portal's own commands, but for the rows of fill().
class ServedPortal {
 public:
  ServedPortal();

  /// Gives a third site a collection of that many items. Takes the columns `note` (null in half of the rows)
  /// and `editor_id`, which release before() has added.
  void fill(std::int64_t rows);
  /// Starts `portal serve`.
  void serve();

  std::uint16_t port() const noexcept { return port_; }
  const std::string& database_url() const noexcept { return url_; }
  /// Adds a page to a folder and runs `portal import` for it. Throws with what that printed if it failed.
  void import_page(const std::string& title);

 private:
  void run(const std::vector<std::string>& arguments);

  test::TempDir folder_;
  test::Postgres server_;
  std::string database_;
  std::string url_;
  std::uint16_t port_;
  std::map<std::string, std::string> environment_;
  std::unique_ptr<Child> process_;
};

/// What the next releases of the portal change: its models, with another table of items, whose migrations are
/// made in a copy of the source tree's and applied by this process.
class NextRelease {
 public:
  explicit NextRelease(const std::string& database_url);

  /// content_item as the release describes it, and one of its columns.
  orm::Table& items();
  orm::Column& column(const std::string& name);

  /// `migrate make` and `migrate apply`: what a release does while the one before is still served.
  void migrate();
  /// `migrate apply --past-border`: what waits for the end of a release before this one, if anything does.
  void pass_border();

 private:
  test::TempDir folder_;
  Application application_;
  std::vector<migrate::ModuleModels> models_;
};

}  // namespace mpf::bench
