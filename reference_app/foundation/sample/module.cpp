#include "foundation/sample/module.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <mpf/app/command.hpp>
#include <mpf/app/setup.hpp>
#include <mpf/base/enum.hpp>
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
  std::string folder;      ///< below the sample's folder
  bool documents = false;  ///< instead: the folder given by --documents, left out without it
  std::string collection;
  content::Visibility visibility = content::Visibility::members;

  static constexpr auto describe() {
    return mpf::describe(mpf::field<&SampleSource::folder>(mpf::defaulted),
                         mpf::field<&SampleSource::documents>(mpf::defaulted),
                         mpf::field<&SampleSource::collection>(),
                         mpf::field<&SampleSource::visibility>(mpf::defaulted));
  }
};

/// What a file of the sample says beside the SiteDefinition.
struct SampleSite {
  std::vector<SampleSource> sources;

  static constexpr auto describe() { return mpf::describe(mpf::field<&SampleSite::sources>()); }
};

std::vector<fs::path> definitions(const fs::path& sample) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(sample / "sites", error)) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  if (files.empty()) {
    mpf::fail(mpf::ErrorKind::not_found,
              fmt::format("no 'sites/*.json' in '{}': give the folder of the sample", sample.string()));
  }
  return files;
}

void make_sample(mpf::CommandContext& ctx) {
  const fs::path sample = ctx.text("folder");
  const auto documents = ctx.find("documents");
  std::vector<std::string> logins;
  for (const auto& file : mpf::fiber::offload([&] { return definitions(sample); })) {
    const auto text = mpf::fiber::offload([&] { return mpf::read_file(file, 1024 * 1024); });
    const auto definition = mpf::from_json<SiteDefinition>(text);
    const auto site = apply_definition(ctx, definition);
    for (const auto& source : mpf::from_json<SampleSite>(text).sources) {
      if (source.documents && !documents) continue;
      content::import_folder(ctx, *site,
                             {.folder = source.documents ? fs::path(*documents) : sample / source.folder,
                              .collection = source.collection,
                              .visibility = source.visibility});
    }
    for (const auto& user : definition.users) {
      logins.push_back(fmt::format("  {:<18} {:<7} {:<18} {}", definition.hosts.front(),
                                   mpf::enum_name(user.role), user.email, user.password));
    }
  }
  ctx.print("\nSign in as:");
  for (const auto& login : logins) ctx.print(login);
}

}  // namespace

void SampleModule::setup(mpf::Setup& s) {
  s.command("sample", "Make the sample's sites, users and content, or bring them up to date")
      .argument("folder", "Folder of the sample: sites/*.json and the folders that they name")
      .option("documents", "FOLDER", "Larger folder of documents for the sites that ask for one")
      .run(make_sample);
}

}  // namespace portal::foundation
