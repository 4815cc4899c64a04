#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <istream>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <fmt/core.h>

#include <mpf/app/command.hpp>
#include <mpf/base/error.hpp>
#include <mpf/base/random.hpp>
#include <mpf/base/text.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/orm/csv.hpp>

#include "app/command_line.hpp"
#include "app/instance.hpp"

namespace mpf::app {

namespace {

namespace fs = std::filesystem;

/// By its own name, or by that of its model.
const orm::Table& table_named(Instance& instance, const std::string& name) {
  std::vector<std::string_view> known;
  const Registrations& registrations = instance.registrations();
  std::vector<const orm::Table*> found;
  for (const orm::AnyModel& model : registrations.typed_models) {
    known.push_back(model.name());
    if (model.name() == name) found.push_back(&model.table());
  }
  for (const migrate::ModuleModels& module : registrations.models) {
    for (const orm::Table& table : module.tables) {
      known.push_back(table.name);
      if (table.name == name) return table;
    }
  }
  if (found.size() == 1) return *found.front();
  if (!found.empty()) {
    std::string tables;
    for (const orm::Table* table : found) tables += (tables.empty() ? "" : ", ") + table->name;
    fail(ErrorKind::invalid, fmt::format("there are several models {}: say which table ({})", name, tables));
  }
  const auto near = nearest_word(name, known);
  fail(ErrorKind::not_found, fmt::format("there is no model and no table {}{}; `data tables` lists them",
                                         name, near ? fmt::format(" (did you mean {}?)", *near) : ""));
}

std::string rows_text(std::uint64_t rows) { return fmt::format("{} row{}", rows, rows == 1 ? "" : "s"); }

std::int64_t count_rows(db::Database& database, const orm::Table& table) {
  std::int64_t count = 0;
  database.execute({fmt::format("SELECT count(*) FROM \"{}\"", table.name), {}, db::Access::read},
                   [&](const db::Row& row) { count = row.integer(0); });
  return count;
}

void export_rows(Instance& instance, CommandContext& ctx) {
  const orm::Table& table = table_named(instance, ctx.text("what"));
  const std::string& file = ctx.text("file");
  if (file == "-") {
    orm::export_csv(ctx.db(), table, ctx.out());
    return;
  }
  const std::int64_t total = count_rows(ctx.db(), table);
  Progress bar = ctx.progress("export " + table.name, total);
  const std::uint64_t rows =
      orm::export_csv(ctx.db(), table, fs::path(file), {.progress = [&](std::uint64_t done, std::uint64_t) {
                        const auto count = static_cast<std::int64_t>(done);
                        bar.update(count, std::max(count, total));
                      }});
  bar.finish(fmt::format("{} written to {}", rows_text(rows), file));
}

/// Standard input kept in a file, as it may have to be read twice.
class KeptInput {
 public:
  explicit KeptInput(std::istream& in)
      : path_(fs::temp_directory_path() / ("mpf-import-" + random_token(9))) {
    std::ofstream out(path_, std::ios::binary);
    fs::permissions(path_, fs::perms::owner_read | fs::perms::owner_write);
    if (in.peek() != std::istream::traits_type::eof()) out << in.rdbuf();
    out.close();
    if (!out) fail_errno(errno, "keeping standard input in " + path_.string());
  }
  ~KeptInput() {
    std::error_code ignored;
    fs::remove(path_, ignored);
  }
  KeptInput(const KeptInput&) = delete;
  KeptInput& operator=(const KeptInput&) = delete;

  const fs::path& path() const noexcept { return path_; }

 private:
  const fs::path path_;
};

void import_rows(Instance& instance, CommandContext& ctx) {
  const orm::Table& table = table_named(instance, ctx.text("what"));
  const std::string& file = ctx.text("file");
  std::unique_ptr<KeptInput> kept;
  std::ifstream in;
  std::int64_t size = 0;
  fiber::offload([&] {
    if (file == "-") kept = std::make_unique<KeptInput>(ctx.in());
    const fs::path path = kept ? kept->path() : fs::path(file);
    in.open(path, std::ios::binary);
    if (!in) fail_errno(errno, "reading " + path.string());
    std::error_code unknown;
    const auto bytes = fs::file_size(path, unknown);
    size = unknown ? 0 : static_cast<std::int64_t>(bytes);
  });
  Progress bar = ctx.progress("import " + table.name, size);
  const std::uint64_t rows =
      orm::import_csv(ctx.db(), table, in, file == "-" ? "standard input" : file,
                      {.progress = [&](std::uint64_t done, std::uint64_t bytes) {
                        bar.update(static_cast<std::int64_t>(bytes), size, rows_text(done));
                      }});
  bar.finish(rows_text(rows) + " read");
}

void list_tables(Instance& instance, CommandContext& ctx) {
  std::vector<std::vector<std::string>> rows{{"TABLE", "MODEL", "MODULE"}};
  const Registrations& registrations = instance.registrations();
  for (const migrate::ModuleModels& module : registrations.models) {
    for (const orm::Table& table : module.tables) {
      const auto model = std::ranges::find_if(registrations.typed_models, [&](const orm::AnyModel& each) {
        return each.table().name == table.name;
      });
      const bool has_model = model != registrations.typed_models.end();
      rows.push_back({table.name, has_model ? std::string(model->name()) : "", module.module});
    }
  }
  ctx.out() << app::table(rows);
}

}  // namespace

void add_data_commands(Instance& instance) {
  auto& commands = instance.registrations().commands;
  commands.push_back(std::make_unique<Command>("data", "Rows of tables as CSV files"));
  Command& data = *commands.back();
  const auto with = [&instance](void (*body)(Instance&, CommandContext&)) {
    return [&instance, body](CommandContext& ctx) { body(instance, ctx); };
  };

  data.command("export", "Writes all rows of a table, those of all sites, to a file")
      .argument("what", "Table, or the name of its model")
      .argument("file", "File to write; - is standard output")
      .run(with(export_rows));
  data.command("import", "Adds the rows of a file to a table: all, or none if one of them is wrong")
      .argument("what", "Table, or the name of its model")
      .argument("file", "File to read; - is standard input")
      .run(with(import_rows));
  data.command("tables", "Lists the tables and their models")
      .needs(Needs::configuration)
      .run(with(list_tables));
}

}  // namespace mpf::app
