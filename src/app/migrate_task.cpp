#include "app/migrate_task.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include <mpf/base/hash.hpp>
#include <mpf/base/json.hpp>
#include <mpf/base/reflect.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/task/queue.hpp>
#include <mpf/task/worker.hpp>
#include <mpf/telemetry/log.hpp>

#include "app/instance.hpp"

namespace mpf::app {

namespace {

constexpr const char* task_name = "mpf.migrate.apply";
constexpr std::chrono::hours longest{7 * 24};
constexpr std::chrono::seconds until_newer{30};

struct ApplyMigrations {
  std::string module;
  std::string name;
  bool past_border = false;
  bool until_border = false;
  /// "content.item/0004_drop_teaser": what was to be applied when the task was made.
  std::vector<std::string> migrations;

  static constexpr auto describe() {
    return mpf::describe(field<&ApplyMigrations::module>(), field<&ApplyMigrations::name>(),
                         field<&ApplyMigrations::past_border>(), field<&ApplyMigrations::until_border>(),
                         field<&ApplyMigrations::migrations>());
  }
};

migrate::Borders borders_of(const ApplyMigrations& payload) {
  if (payload.past_border) return migrate::Borders::pass;
  return payload.until_border ? migrate::Borders::stop : migrate::Borders::by_database;
}

/// A worker of the release before has no files of them: it would find nothing to do and call that done.
void leave_to_newer(const std::vector<migrate::MigrationStatus>& known, const ApplyMigrations& payload) {
  for (const auto& name : payload.migrations) {
    const bool found = std::ranges::any_of(
        known, [&](const migrate::MigrationStatus& each) { return each.id.to_string() == name; });
    if (found) continue;
    log::info("leaves migration {} to a worker of the release that has it", name);
    throw task::Snooze(until_newer);
  }
}

void run(Instance& instance, task::Context& task, const ApplyMigrations& payload) {
  const auto use = telemetry::use(instance.logger());
  const auto migrator = instance.migrator();
  leave_to_newer(migrator->show(), payload);
  auto options = instance.migration_options();
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
  for (const auto& id : migrator->apply(options)) log::info("applied migration {}", id.to_string());
}

void add_to(task::Registry& registry, Instance& instance) {
  registry.add<ApplyMigrations>(
      task_name,
      [&instance](task::Context& task, const ApplyMigrations& payload) { run(instance, task, payload); },
      {.timeout = longest});
}

std::int64_t count(Instance& instance, const std::string& rows) {
  std::int64_t number = 0;
  instance.db().execute({"SELECT count(*) FROM " + rows, {}, db::Access::read},
                        [&](const db::Row& row) { number = row.integer(0); });
  return number;
}

/// Whether one waits or runs, here or elsewhere.
bool is_queued(Instance& instance) {
  return count(instance, fmt::format("mpf_task WHERE finished_at IS NULL AND name = '{}'", task_name)) > 0;
}

}  // namespace

void add_migrate_task(Instance& instance) { add_to(instance.registrations().tasks, instance); }

std::optional<Id> enqueue_apply(Instance& instance, const migrate::ApplyOptions& options) {
  for (const auto& id : instance.migrator()->pending()) {
    if (id.module != "mpf.task") continue;
    fail(ErrorKind::unavailable, "the queue's tables are not there yet: run `migrate apply` without --queue");
  }
  ApplyMigrations payload{.module = options.module,
                          .name = options.name,
                          .past_border = options.borders == migrate::Borders::pass,
                          .until_border = options.borders == migrate::Borders::stop,
                          .migrations = {}};
  for (const auto& planned : instance.migrator()->plan(options)) {
    if (!planned.held) payload.migrations.push_back(planned.id.to_string());
  }
  if (payload.migrations.empty()) return std::nullopt;
  task::Queue queue(instance.db(), instance.registrations().tasks);
  const auto key = sha256(to_json(payload));
  return queue.enqueue(payload, {.unique_key = key});
}

void work_off_apply(Instance& instance) {
  const auto due = [&] { return instance.migrator()->pending(); };
  const auto first = due();
  const bool queue_is_due =
      std::ranges::any_of(first, [](const migrate::MigrationId& id) { return id.module == "mpf.task"; });
  if (first.empty() || queue_is_due || instance.settings<ApplicationSettings>().auto_migrate) return;
  if (!is_queued(instance)) return;
  log::info("{} migrations are due: runs only the task that applies them until then", first.size());
  task::Registry known;
  add_to(known, instance);
  task::Queue queue(instance.db(), known, instance.clock());
  auto options = instance.worker_options();
  options.concurrency = 1;
  task::Worker worker(instance.runtime(), queue, options);
  worker.start();
  // What is due takes reading all files: asked again when something has been applied.
  std::int64_t seen = 0;
  while (is_queued(instance)) {
    const auto applied = count(instance, "mpf_migration");
    if (std::exchange(seen, applied) != applied && due().empty()) break;
    fiber::sleep_for(options.poll);
  }
  worker.stop();
}

}  // namespace mpf::app
