#include "content/import/module.hpp"

#include <fmt/core.h>

#include <chrono>
#include <optional>
#include <string>

#include <mpf/app/command.hpp>
#include <mpf/app/setup.hpp>
#include <mpf/base/enum.hpp>
#include <mpf/base/text.hpp>
#include <mpf/fiber/fiber.hpp>

#include "content/import/api.hpp"
#include "content/import/import.hpp"

namespace portal::content {
namespace {

/// What was left out and why, as far as the source tells.
void print_reasons(mpf::CommandContext& ctx, const ImportProgress& progress) {
  std::int64_t told = 0;
  for (const auto line : mpf::split(progress.reasons, '\n')) {
    if (line.empty()) continue;
    ctx.print(fmt::format("  {}", line));
    ++told;
  }
  if (progress.left_out > told)
    ctx.print(fmt::format("  and {} more, see the log", progress.left_out - told));
}

}  // namespace

void import_folder(mpf::CommandContext& ctx, const mpf::tenant::CurrentSite& site,
                   const ImportOptions& options) {
  using namespace std::chrono_literals;
  const auto begin = mpf::fiber::SteadyClock::now();
  const auto started = start_import(ctx, site, options);
  if (started.resumed) ctx.print("an earlier import of this folder had not ended: going on with it");
  ctx.start_worker();
  auto bar = ctx.progress(fmt::format("importing into {}", site.slug));
  auto progress = import_progress(ctx, site, started);
  auto moved = begin;
  while (!progress.ended) {
    bar.update(progress.done, progress.total, progress.problem);
    mpf::fiber::sleep_for(50ms);
    const auto done = progress.done;
    progress = import_progress(ctx, site, started);
    const auto now = mpf::fiber::SteadyClock::now();
    if (progress.done != done) moved = now;
    if (now - moved > 1s) {
      // Tasks cannot write down that they fail where the database cannot be written: this tells.
      check_writable(ctx, site, started);
      moved = now;
    }
  }
  if (!progress.problem.empty()) {
    bar.finish(fmt::format("imported {} of {} files", progress.done, progress.total));
    print_reasons(ctx, progress);
    mpf::fail(
        mpf::ErrorKind::unavailable,
        fmt::format("the import is incomplete: {}; mend that and run the same import again, it goes on where "
                    "this one ended",
                    progress.problem));
  }
  const std::chrono::duration<double> took = mpf::fiber::SteadyClock::now() - begin;
  bar.finish(fmt::format("{} files in {:.1f} s{}", progress.done, took.count(),
                         progress.left_out > 0 ? fmt::format(", {} left out:", progress.left_out) : ""));
  print_reasons(ctx, progress);
}

void ImportModule::setup(mpf::Setup& s) {
  add_import_tasks(s);
  s.command("import", "Import a folder of documents into a site, or bring an earlier import up to date")
      .argument("site", "Slug or host of the site")
      .argument("folder", "Folder with HTML, Markdown, text, PDF, images, video and audio")
      .option("collection", "NAME", "Name of the collection that the folder becomes")
      .flag("retire-most",
            "Retire what is missing even if that is more than half of what was imported before")
      .choice("visibility", {"everyone", "members", "staff"}, "Who may open new items (first: members)")
      .run([](mpf::CommandContext& ctx) {
        const auto site = ctx.find_site(ctx.text("site"));
        ImportOptions options{.folder = ctx.text("folder"),
                              .collection = ctx.find("collection"),
                              .visibility = {},
                              .retire_most = ctx.flag("retire-most")};
        if (const auto visibility = ctx.find("visibility")) {
          options.visibility = mpf::parse_enum<Visibility>(*visibility);
        }
        import_folder(ctx, *site, options);
      });
}

}  // namespace portal::content
