#include "foundation/sample/module.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <mpf/app/command.hpp>
#include <mpf/app/setup.hpp>
#include <mpf/base/file.hpp>
#include <mpf/base/json.hpp>
#include <mpf/fiber/fiber.hpp>

#include "content/import/api.hpp"
#include "foundation/site/definition.hpp"

namespace portal::foundation {
namespace {

namespace fs = std::filesystem;

/// A folder to import into a site of the sample.
struct SampleSource {
  std::string folder;        ///< below the site's own folder; empty: the one given by --documents
  std::string collection;
  content::Visibility visibility = content::Visibility::members;

  static constexpr auto describe() {
    return mpf::describe(mpf::field<&SampleSource::folder>(mpf::defaulted), mpf::field<&SampleSource::collection>(),
                         mpf::field<&SampleSource::visibility>(mpf::defaulted));
  }
};

struct SampleContent {
  std::vector<SampleSource> sources;

  static constexpr auto describe() { return mpf::describe(mpf::field<&SampleContent::sources>()); }
};

std::vector<fs::path> site_folders(const fs::path& sample) {
  std::vector<fs::path> folders;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(sample, error)) {
    if (fs::exists(entry.path() / "site.json")) folders.push_back(entry.path());
  }
  std::sort(folders.begin(), folders.end());
  if (folders.empty()) {
    mpf::fail(mpf::ErrorKind::not_found, fmt::format("no '*/site.json' below '{}': give the folder of the sample", sample.string()));
  }
  return folders;
}

void make_sample(mpf::CommandContext& ctx) {
  const fs::path sample = ctx.text("folder");
  for (const auto& folder : mpf::fiber::offload([&] { return site_folders(sample); })) {
    const auto read = [&](const char* name) {
      return mpf::fiber::offload([&] { return mpf::read_file(folder / name, 1024 * 1024); });
    };
    const auto definition = mpf::from_json<SiteDefinition>(read("site.json"));
    const auto site = apply_definition(ctx, definition);
    for (const auto& source : mpf::from_json<SampleContent>(read("content.json")).sources) {
      const auto documents = ctx.find("documents");
      if (source.folder.empty() && !documents) continue;
      content::import_folder(ctx, *site,
                             {.folder = source.folder.empty() ? fs::path(*documents) : folder / source.folder,
                              .collection = source.collection,
                              .visibility = source.visibility});
    }
    for (const auto& user : definition.users) {
      ctx.print(fmt::format("  {:<24} {:<28} {}", definition.hosts.front(), user.email, user.password));
    }
  }
}

}  // namespace

void SampleModule::setup(mpf::Setup& s) {
  s.command("sample", "Make the sample's sites, users and content, or bring them up to date")
      .argument("folder", "Folder of the sample: one folder a site, with site.json and content.json")
      .option("documents", "FOLDER", "Larger folder of documents for the sites that ask for one")
      .run(make_sample);
}

}  // namespace portal::foundation
