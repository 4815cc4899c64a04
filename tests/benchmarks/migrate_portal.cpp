#include "benchmarks/migrate_portal.hpp"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <stdexcept>

#include "app/instance.hpp"
#include "content/collection/module.hpp"
#include "content/item/module.hpp"
#include "support/process.hpp"

namespace mpf::bench {

namespace fs = std::filesystem;

namespace {

/// As a new installation has it: commits reach the disk, and tables are looked after.
constexpr const char* settings_of_production =
    "fsync = on\nsynchronous_commit = on\nfull_page_writes = on\nautovacuum = on\nshared_buffers = 128MB\n";

constexpr const char* site_of_rows =
    R"({"provider":{"slug":"archive","name":"Archive"},"slug":"archive","name":"Archive",)"
    R"("hosts":["archive.localhost"],)"
    R"("users":[{"email":"staff@archive.test","password":"archive-staff-2026","role":"staff"}]})";

}  // namespace

ServedPortal::ServedPortal()
    : server_(settings_of_production), database_(server_.fresh().database), port_(free_port()) {
  url_ = "postgres://postgres@127.0.0.1:" + std::to_string(server_.port()) + "/" + database_;
  environment_ = {{"MPF_PROFILE", "dev"},
                  {"MPF_APPLICATION__DATA_FOLDER", (folder_ / "data").string()},
                  {"MPF_DATABASE__URL", url_},
                  {"MPF_HTTP__PORT", std::to_string(port_)}};
  run({"sample", PORTAL_SAMPLE});
  std::ofstream(folder_ / "archive.json") << site_of_rows;
  run({"define-site", (folder_ / "archive.json").string()});
  import_page("The first page");
}

void ServedPortal::fill(std::int64_t rows) {
  // The references are right: the server need not look up two for each row.
  server_.psql(database_, R"(
SET session_replication_role = replica;
SELECT id AS site FROM tenant_site WHERE slug = 'archive' \gset
SELECT id AS editor FROM auth_user WHERE site_id = :site \gset
INSERT INTO content_collection (site_id, name, slug, summary, position, created_at, updated_at)
  VALUES (:site, 'Archive', 'archive', '', 0, now(), now()) RETURNING id AS collection \gset
INSERT INTO content_source (site_id, folder, name, collection_id, visibility, run, job, total, problem, scanned,
    scanned_folder, edits, again, retire_most, left_out, unreadable, reasons, created_at)
  VALUES (:site, '/archive', 'archive', :collection, 'members', 1, 0, 0, '', '', 0, 0, false, false, 0, 0, '', now())
  RETURNING id AS source \gset
INSERT INTO content_file (site_id, source_id, path, stored, content_type, size, sha256, modified, uses, visibility,
    position, run)
  SELECT :site, :source, 'part-' || n / 1000 || '/page-' || n || '.html', 'archive/' || md5(n::text), 'text/html',
    1000, md5(n::text), n, '[]', 'members', n, 1 FROM generate_series(1, )" +
                              std::to_string(rows) + R"() n;
INSERT INTO content_item (site_id, collection_id, file_id, title, title_edited, summary, summary_edited, slug, kind,
    visibility, position, revision, retired_by_import, created_at, updated_at, note, editor_id)
  SELECT :site, :collection, id, 'Title number ' || position, false, 'What the page is about', false,
    'title-number-' || position, 'page', 'members', position, 1, false, now(), now(),
    CASE WHEN position % 2 = 0 THEN 'n' END, :editor FROM content_file WHERE source_id = :source;
RESET session_replication_role;
VACUUM ANALYZE content_file, content_item;
)");
}

void ServedPortal::serve() {
  // Ends with this process, whatever that dies of.
  std::vector<std::string> command{"/bin/sh", "-c", "exec \"$@\" >/dev/null", "sh", "/usr/bin/env"};
  for (const auto& [name, value] : environment_) command.push_back(name + "=" + value);
  command.insert(command.end(), {PORTAL_BINARY, "serve"});
  process_ = std::make_unique<Child>(command, port_, (folder_ / "log").string());
}

void ServedPortal::import_page(const std::string& title) {
  const auto pages = folder_ / "pages";
  fs::create_directories(pages);
  std::ofstream(pages / (title + ".html")) << "<title>" << title << "</title><p>A page";
  run({"import", "globex", pages.string(), "--visibility", "everyone"});
}

void ServedPortal::run(const std::vector<std::string>& arguments) {
  std::vector<std::string> command{PORTAL_BINARY};
  command.insert(command.end(), arguments.begin(), arguments.end());
  test::Process process(command, environment_, folder_ / "output");
  if (process.wait(std::chrono::minutes(2)) != 0) {
    throw std::runtime_error("portal " + arguments.front() + ": " + process.output());
  }
}

NextRelease::NextRelease(const std::string& database_url)
    : application_(modules<portal::content::CollectionModule, portal::content::ItemModule>(),
                   {.name = "portal-next"}) {
  StartOptions options;
  options.serve = false;
  options.worker = false;
  options.overrides = {{"database.url", database_url},
                       {"application.data_folder", (folder_ / "data").string()},
                       {"log.level", "warning"}};
  application_.start(options);
  models_ = application_.services().instance().registrations().models;
  for (auto& module : models_) {
    const auto sources = std::exchange(module.source_folder, {});
    if (module.module != "content.item") continue;
    module.source_folder = folder_ / "migrations";
    fs::copy(sources, module.source_folder);
  }
}

orm::Table& NextRelease::items() {
  for (auto& module : models_) {
    for (auto& table : module.tables) {
      if (table.name == "content_item") return table;
    }
  }
  throw std::logic_error("the portal has no table content_item");
}

orm::Column& NextRelease::column(const std::string& name) {
  return *std::ranges::find(items().columns, name, &orm::Column::name);
}

void NextRelease::migrate() {
  application_.run([&](const Services& services) {
    migrate::Migrator migrator(&services.db(), models_);
    if (migrator.make().empty()) throw std::logic_error("there is nothing to migrate");
    migrator.apply();
  });
}

void NextRelease::pass_border() {
  application_.run([&](const Services& services) {
    migrate::Migrator migrator(&services.db(), models_);
    migrate::ApplyOptions options;
    options.borders = migrate::Borders::pass;
    migrator.apply(options);
  });
}

}  // namespace mpf::bench
