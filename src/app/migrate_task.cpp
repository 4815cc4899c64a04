#include "app/migrate_task.hpp"

#include <chrono>
#include <string>

#include <mpf/base/reflect.hpp>
#include <mpf/task/queue.hpp>
#include <mpf/telemetry/log.hpp>

#include "app/instance.hpp"

namespace mpf::app {

namespace {

constexpr std::chrono::hours longest{7 * 24};

struct ApplyMigrations {
  std::string module;
  std::string name;
  bool past_border = false;
  bool until_border = false;

  static constexpr auto describe() {
    return mpf::describe(field<&ApplyMigrations::module>(), field<&ApplyMigrations::name>(),
                         field<&ApplyMigrations::past_border>(), field<&ApplyMigrations::until_border>());
  }
};

migrate::Borders borders_of(const ApplyMigrations& payload) {
  if (payload.past_border) return migrate::Borders::pass;
  return payload.until_border ? migrate::Borders::stop : migrate::Borders::by_database;
}

void run(Instance& instance, task::Context& task, const ApplyMigrations& payload) {
  const auto use = telemetry::use(instance.logger());
  migrate::ApplyOptions options;
  options.module = payload.module;
  options.name = payload.name;
  options.borders = borders_of(payload);
  options.progress = [&](const migrate::MigrationProgress& progress) {
    if (!progress.id) return;
    auto note = progress.id->to_string();
    if (!progress.step.empty()) note += ": " + progress.step;
    const bool rows = progress.rows_total > 0;
    task.progress(rows ? progress.rows_done : static_cast<std::int64_t>(progress.done),
                  rows ? progress.rows_total : static_cast<std::int64_t>(progress.total), note);
  };
  for (const auto& id : instance.migrator()->apply(options))
    log::info("applied migration {}", id.to_string());
}

}  // namespace

void add_migrate_task(Instance& instance) {
  instance.registrations().tasks.add<ApplyMigrations>(
      "mpf.migrate.apply",
      [&instance](task::Context& task, const ApplyMigrations& payload) { run(instance, task, payload); },
      {.timeout = longest});
}

Id enqueue_apply(Instance& instance, const migrate::ApplyOptions& options) {
  for (const auto& id : instance.migrator()->pending()) {
    if (id.module != "mpf.task") continue;
    fail(ErrorKind::unavailable, "the queue's tables are not there yet: run `migrate apply` without --queue");
  }
  task::Queue queue(instance.db(), instance.registrations().tasks);
  return queue.enqueue(ApplyMigrations{.module = options.module,
                                       .name = options.name,
                                       .past_border = options.borders == migrate::Borders::pass,
                                       .until_border = options.borders == migrate::Borders::stop},
                       {.unique_key = "apply"});
}

}  // namespace mpf::app
