#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <fmt/core.h>

#include <mpf/app/command.hpp>
#include <mpf/migrate/migrator.hpp>

#include "app/command_line.hpp"
#include "app/instance.hpp"
#include "app/migrate_task.hpp"

namespace mpf::app {

namespace {

using migrate::MigrationProgress;

/// Migrations line by line, their steps indented, and a bar for what goes on row by row.
migrate::ApplyOptions printing(const Instance& instance, const CommandContext& ctx) {
  struct Bar {
    std::optional<Progress> shown;
    std::string step;
  };
  auto bar = std::make_shared<Bar>();
  auto options = instance.migration_options();
  options.progress = [&ctx, bar](const MigrationProgress& progress) {
    if (progress.rows_total > 0) {
      if (std::exchange(bar->step, progress.step) != progress.step) bar->shown.reset();
      if (!bar->shown) bar->shown.emplace(ctx.progress("  " + progress.step, progress.rows_total));
      bar->shown->update(progress.rows_done, progress.rows_total);
      return;
    }
    bar->shown.reset();
    if (!progress.id) return;
    if (!progress.step.empty()) return ctx.print("  " + progress.step);
    ctx.print(fmt::format("[{}/{}] {} {}", progress.done + 1, progress.total,
                          progress.backward ? "rolling back" : "applying", progress.id->to_string()));
  };
  return options;
}

void make(Instance& instance, CommandContext& ctx) {
  const bool dry_run = ctx.flag("dry-run");
  const auto name = ctx.find("title");
  if (name && ctx.find("name")) {
    fail(ErrorKind::invalid,
         fmt::format("the name is given twice, as '{}' and by --name: leave one out", *name));
  }
  const auto made = instance.migrator()->make({.name = name.value_or(ctx.find("name").value_or("")),
                                               .dry_run = dry_run,
                                               .reason = ctx.find("reason").value_or("")});
  if (made.empty()) ctx.print("the migrations fit the models: nothing to do");
  for (const auto& migration : made) {
    ctx.print(fmt::format("{} {}", dry_run ? "would write" : "wrote", migration.file.string()));
    if (migration.border) ctx.print("  behind a release border: applied when no older release runs any more");
    for (const auto& operation : migration.operations) ctx.print("  " + operation);
    for (const auto& loss : migration.losses) ctx.print("  loses data: " + loss);
    for (const auto& unsafe : migration.unsafe) {
      ctx.print("  PostgreSQL refuses it without a reason (--reason): " + unsafe);
    }
  }
}

std::string names_of(const std::vector<migrate::MigrationId>& ids) {
  std::string names;
  for (const auto& id : ids) names += (names.empty() ? "" : ", ") + id.to_string();
  return names;
}

void tell_held(const CommandContext& ctx, const std::vector<migrate::MigrationId>& ids) {
  const auto held = names_of(ids);
  if (held.empty()) return;
  ctx.print("behind a release border: " + held);
  ctx.print("when no older release runs any more: `migrate apply --past-border`");
}

/// An empty one is a variable of somebody's script that was not set.
std::string name_of(const CommandContext& ctx) {
  const auto name = ctx.find("migration");
  if (name && name->empty()) {
    fail(ErrorKind::invalid, "the name of the migration is empty: say it, or leave it out");
  }
  return name.value_or("");
}

void apply(Instance& instance, CommandContext& ctx) {
  auto options = printing(instance, ctx);
  options.module = ctx.find("module").value_or("");
  options.name = name_of(ctx);
  if (ctx.flag("until-border") && ctx.flag("past-border")) {
    fail(ErrorKind::invalid, "--until-border and --past-border contradict each other: leave one out");
  }
  if (ctx.flag("until-border")) options.borders = migrate::Borders::stop;
  if (ctx.flag("past-border")) options.borders = migrate::Borders::pass;
  if (ctx.flag("queue")) {
    const auto id = enqueue_apply(instance, options);
    ctx.print(id ? fmt::format("task {} applies them: `{} worker` of this release runs it", id->value,
                               instance.options().name)
                 : "nothing to apply");
    return;
  }
  const auto migrator = instance.migrator();
  for (const auto& id : migrator->newer()) ctx.print("applied by a newer release: " + id.to_string());
  const auto applied = migrator->apply(options);
  ctx.print(applied.empty()
                ? "nothing to apply"
                : fmt::format("{} migration{} applied", applied.size(), applied.size() == 1 ? "" : "s"));
  tell_held(ctx, migrator->held(options.borders));
}

void print_plan(const CommandContext& ctx, const std::vector<migrate::PlannedMigration>& plan, bool sql) {
  if (plan.empty()) ctx.print("nothing to do");
  for (const auto& migration : plan) {
    if (migration.border) ctx.print("--- release border: what follows needs that no older release runs ---");
    ctx.print(
        fmt::format("{}{}", migration.backward ? "undo " : "",
                    migration.together.empty() ? migration.id.to_string() : names_of(migration.together)));
    for (const auto& operation : migration.operations) ctx.print("  " + operation);
    for (const auto& step : migration.stays) ctx.print("  nothing undoes " + step);
    for (const auto& loss : migration.losses) ctx.print("  loses data: " + loss);
    if (sql) ctx.print(migration.sql);
  }
}

/// Asks whoever is there.
void confirm_losses(const CommandContext& ctx, const std::vector<migrate::PlannedMigration>& plan) {
  std::string losses;
  for (const auto& migration : plan) {
    for (const auto& loss : migration.lost) losses += "\n  " + migration.id.to_string() + ": " + loss;
  }
  if (losses.empty() || ctx.flag("yes")) return;
  const auto answer = ctx.confirm("rollback deletes what is in use, and nothing brings it back:" + losses);
  if (answer && *answer) return;
  if (answer) fail(ErrorKind::invalid, "nothing was rolled back");
  fail(ErrorKind::invalid, "rollback deletes what is in use, and nothing brings it back:" + losses +
                               "\nif that is meant, say --yes");
}

void rollback(Instance& instance, CommandContext& ctx) {
  const std::string& module = ctx.text("module");
  const std::string name = name_of(ctx);
  const auto migrator = instance.migrator();
  const auto plan = migrator->rollback_plan(module, name);
  if (ctx.flag("dry-run")) {
    print_plan(ctx, plan, false);
    return;
  }
  for (const auto& migration : plan) {
    for (const auto& step : migration.stays) ctx.print("nothing undoes " + step);
  }
  confirm_losses(ctx, plan);
  const auto undone = migrator->rollback(module, name, printing(instance, ctx));
  ctx.print(fmt::format("{} migration{} rolled back", undone.size(), undone.size() == 1 ? "" : "s"));
}

void fake(Instance& instance, CommandContext& ctx) {
  const migrate::MigrationId id{ctx.text("module"), ctx.text("migration")};
  const bool undo = ctx.flag("undo");
  instance.migrator()->fake(id, !undo);
  ctx.print(fmt::format("{} is recorded as {}", id.to_string(), undo ? "not applied" : "applied"));
}

void show(Instance& instance, CommandContext& ctx) {
  std::vector<std::vector<std::string>> rows{{"MIGRATION", "STATE", "BORDER", "APPLIED"}};
  for (const auto& status : instance.migrator()->show()) {
    rows.push_back({status.id.to_string(), std::string(to_string(status.state)),
                    status.border ? "behind" : "", status.applied_at ? status.applied_at->to_string() : ""});
  }
  ctx.out() << table(rows);
  for (const auto& line : instance.migrator()->gone()) ctx.print(line);
}

void sql(Instance& instance, CommandContext& ctx) {
  const auto dialect = ctx.text("dialect") == "sqlite" ? db::Dialect::sqlite : db::Dialect::postgres;
  ctx.print(instance.migrator()->sql({ctx.text("module"), ctx.text("migration")}, dialect, ctx.flag("back")));
}

void lint(Instance& instance, CommandContext& ctx) {
  std::size_t refused = 0;
  for (const auto& finding : instance.migrator()->lint()) {
    if (finding.refused) ++refused;
    ctx.print(fmt::format("{}:{}: {} ({}{}): {}\n  safe: {}", finding.source, finding.line, finding.operation,
                          finding.refused ? "" : "advice, ", finding.rule, finding.message, finding.safe));
  }
  if (refused == 0) return ctx.print("nothing unsafe without a reason");
  fail(ErrorKind::invalid, fmt::format("{} unsafe without a reason", refused));
}

/// Exit codes: 65 for models and files, 78 for files and database, 70 for tables.
void check(Instance& instance, CommandContext& ctx) {
  const auto report = instance.migrator()->check();
  const auto tell = [&](const char* title, const std::vector<std::string>& lines) {
    if (!lines.empty()) ctx.print(title);
    for (const auto& line : lines) ctx.print("  " + line);
  };
  tell("models and files differ; `migrate make` writes:", report.code);
  tell("files and database differ:", report.files);
  tell("the tables are not as the migrations left them:", report.catalog);
  tell("waiting until no older release runs any more; then `migrate apply --past-border`:", report.held);
  for (const auto& line : report.gone) ctx.print(line);
  if (!report.catalog.empty()) fail(ErrorKind::internal, "the tables are not as the migrations left them");
  if (!report.files.empty()) fail(ErrorKind::configuration, "files and database differ");
  if (!report.code.empty()) fail(ErrorKind::invalid, "models and files differ");
  ctx.print("models, files and tables agree");
}

void squash(Instance& instance, CommandContext& ctx) {
  const bool dry_run = ctx.flag("dry-run");
  const auto made = instance.migrator()->squash(ctx.text("module"), ctx.text("from"), ctx.text("to"),
                                                {.dry_run = dry_run, .past_border = ctx.flag("past-border")});
  ctx.print(fmt::format("{} {}", dry_run ? "would write" : "wrote", made.file.string()));
  for (const auto& operation : made.operations) ctx.print("  " + operation);
}

void sum(Instance& instance, CommandContext& ctx) {
  for (const auto& file : instance.migrator()->sum(ctx.find("module").value_or(""))) {
    ctx.print("wrote " + file.string());
  }
}

void merge(Instance& instance, CommandContext& ctx) {
  const auto files = instance.migrator()->merge();
  if (files.empty()) ctx.print("nothing to merge");
  for (const auto& file : files) ctx.print("wrote " + file.string());
}

void forget(Instance& instance, CommandContext& ctx) {
  const auto count = instance.migrator()->forget(ctx.text("module"));
  ctx.print(
      fmt::format("{} migration{} forgotten; the tables are still there", count, count == 1 ? "" : "s"));
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
      .optional_argument("title", "What follows the number in the file name; default: what is changed")
      .option("name", "NAME", "The same")
      .option("reason", "TEXT", "Why what is unsafe on PostgreSQL may be done; goes into the file")
      .flag("dry-run", "Only show what would be written")
      .needs(Needs::configuration)
      .run(with(make));
  migrate.command("apply", "Applies what is pending; on PostgreSQL up to the first release border")
      .optional_argument("module", "Only this one, and what it needs")
      .optional_argument("migration", "Only up to this one: its name or the beginning of it")
      .flag("until-border", "Stop at the first release border, on SQLite too")
      .flag("past-border", "Go on behind release borders: no older release runs any more")
      .flag("queue", "Let a worker do it, as a task")
      .needs(Needs::database)
      .run(with(apply));
  migrate.command("plan", "Shows what apply would do")
      .flag("sql", "Also the SQL")
      .needs(Needs::database)
      .run([&instance](CommandContext& ctx) {
        print_plan(ctx, instance.migrator()->plan(), ctx.flag("sql"));
      });
  migrate.command("rollback", "Undoes a migration and those that depend on it")
      .argument("module", "Module, such as content.item; all of it if the application no longer has it")
      .optional_argument("migration", "Name or its beginning; default: the last one applied")
      .flag("dry-run", "Only show what would be undone")
      .flag("yes", "Even if that deletes rows or what columns hold")
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
  migrate.command("sql", "Shows the SQL of one migration")
      .argument("module", "Module, such as content.item")
      .argument("migration", "Its name or the beginning of it")
      .choice("dialect", {"sqlite", "postgres"}, "Of which database", "postgres")
      .flag("back", "The way back")
      .needs(Needs::configuration)
      .run(with(sql));
  migrate.command("lint", "Reports what is unsafe while others use the database, and the safe way")
      .needs(Needs::configuration)
      .run(with(lint));
  migrate
      .command("check",
               "Compares models, files, history and tables; a different exit code for each difference")
      .needs(Needs::database)
      .run(with(check));
  migrate.command("squash", "Puts several migrations of a module into one")
      .argument("module", "Module, such as content.item")
      .argument("from", "The first one, or the beginning of its name")
      .argument("to", "The last one")
      .flag("dry-run", "Only show what would be written")
      .flag("past-border", "Every database has passed the release borders within")
      .needs(Needs::configuration)
      .run(with(squash));
  migrate.command("sum", "Writes migrations.sum anew: accepts the files as they are")
      .optional_argument("module", "Default: all modules")
      .needs(Needs::configuration)
      .run(with(sum));
  migrate.command("merge", "Accepts the migrations of two branches, unless they contradict each other")
      .needs(Needs::configuration)
      .run(with(merge));
  migrate.command("forget", "Deletes the history of a module that is no longer part of the application")
      .argument("module", "Module, such as content.item")
      .needs(Needs::database)
      .run(with(forget));
}

}  // namespace mpf::app
