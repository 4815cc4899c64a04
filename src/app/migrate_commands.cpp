#include <fmt/core.h>

#include <mpf/app/command.hpp>
#include <mpf/migrate/migrator.hpp>

#include "app/command_line.hpp"
#include "app/instance.hpp"

namespace mpf::app {

namespace {

using migrate::MigrationProgress;

migrate::ApplyOptions printing(const CommandContext& ctx) {
  return {.progress = [&ctx](const MigrationProgress& progress) {
    if (!progress.id) return;
    ctx.print(fmt::format("[{}/{}] {} {}", progress.done + 1, progress.total,
                          progress.backward ? "rolling back" : "applying", progress.id->to_string()));
  }};
}

void make(Instance& instance, CommandContext& ctx) {
  const bool dry_run = ctx.flag("dry-run");
  const auto made = instance.migrator()->make({.name = ctx.find("name").value_or(""), .dry_run = dry_run});
  if (made.empty()) ctx.print("the migrations fit the models: nothing to do");
  for (const auto& migration : made) {
    ctx.print(fmt::format("{} {}", dry_run ? "would write" : "wrote", migration.file.string()));
    for (const auto& operation : migration.operations) ctx.print("  " + operation);
    for (const auto& loss : migration.losses) ctx.print("  loses data: " + loss);
  }
}

void apply(Instance& instance, CommandContext& ctx) {
  const auto applied = instance.migrator()->apply(printing(ctx));
  ctx.print(applied.empty()
                ? "nothing to apply"
                : fmt::format("{} migration{} applied", applied.size(), applied.size() == 1 ? "" : "s"));
}

void print_plan(const CommandContext& ctx, const std::vector<migrate::PlannedMigration>& plan, bool sql) {
  if (plan.empty()) ctx.print("nothing to do");
  for (const auto& migration : plan) {
    ctx.print(fmt::format("{}{}", migration.backward ? "undo " : "", migration.id.to_string()));
    for (const auto& operation : migration.operations) ctx.print("  " + operation);
    for (const auto& loss : migration.losses) ctx.print("  loses data: " + loss);
    if (sql) ctx.print(migration.sql);
  }
}

void rollback(Instance& instance, CommandContext& ctx) {
  const std::string& module = ctx.text("module");
  const std::string name = ctx.find("migration").value_or("");
  const auto migrator = instance.migrator();
  if (ctx.flag("dry-run")) {
    print_plan(ctx, migrator->rollback_plan(module, name), false);
    return;
  }
  const auto undone = migrator->rollback(module, name, printing(ctx));
  ctx.print(fmt::format("{} migration{} rolled back", undone.size(), undone.size() == 1 ? "" : "s"));
}

void fake(Instance& instance, CommandContext& ctx) {
  const migrate::MigrationId id{ctx.text("module"), ctx.text("migration")};
  const bool undo = ctx.flag("undo");
  instance.migrator()->fake(id, !undo);
  ctx.print(fmt::format("{} is recorded as {}", id.to_string(), undo ? "not applied" : "applied"));
}

void show(Instance& instance, CommandContext& ctx) {
  std::vector<std::vector<std::string>> rows{{"MIGRATION", "STATE", "APPLIED"}};
  for (const auto& status : instance.migrator()->show()) {
    rows.push_back({status.id.to_string(), std::string(to_string(status.state)),
                    status.applied_at ? status.applied_at->to_string() : ""});
  }
  ctx.out() << table(rows);
}

}  // namespace

void add_migrate_commands(Instance& instance) {
  auto& commands = instance.registrations().commands;
  commands.push_back(std::make_unique<Command>("migrate", "Changes of the database's schema"));
  Command& migrate = *commands.back();
  const auto with = [&instance](void (*body)(Instance&, CommandContext&)) {
    return [&instance, body](CommandContext& ctx) { body(instance, ctx); };
  };

  migrate.command("make", "Writes migrations for what has changed in the models; needs no database")
      .option("name", "NAME", "What follows the number in the file name")
      .flag("dry-run", "Only show what would be written")
      .needs(Needs::configuration)
      .run(with(make));
  migrate.command("apply", "Applies what is pending").needs(Needs::database).run(with(apply));
  migrate.command("plan", "Shows what apply would do")
      .flag("sql", "Also the SQL")
      .needs(Needs::database)
      .run([&instance](CommandContext& ctx) {
        print_plan(ctx, instance.migrator()->plan(), ctx.flag("sql"));
      });
  migrate.command("rollback", "Undoes a migration and those that depend on it")
      .argument("module", "Module, such as content.item")
      .optional_argument("migration", "Name or its beginning; default: the last one applied")
      .flag("dry-run", "Only show what would be undone")
      .needs(Needs::database)
      .run(with(rollback));
  migrate.command("fake", "Records a migration as applied, with its file as it is now, without running it")
      .argument("module", "Module, such as content.item")
      .argument("migration", "Its whole name")
      .flag("undo", "Record it as not applied")
      .needs(Needs::database)
      .run(with(fake));
  migrate.command("show", "Lists all migrations and whether they are applied")
      .needs(Needs::database)
      .run(with(show));
}

}  // namespace mpf::app
