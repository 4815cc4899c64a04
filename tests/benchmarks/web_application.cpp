#include "benchmarks/web_application.hpp"

#include <string>

#include <mpf/app/app.hpp>

namespace mpf::bench {

namespace {

struct Greeting {
  std::string message;
  static constexpr auto describe() { return mpf::describe(field<&Greeting::message>()); }
};

class JsonModule final : public Module {
 public:
  std::string_view name() const noexcept override { return "bench.json"; }
  void setup(Setup& s) override {
    s.get("/json", [](Context&) { return http::Response::json(Greeting{"Hello, World!"}); });
  }
};

}  // namespace

std::uint16_t serve_application(const std::filesystem::path& folder) {
  static Application application(modules<JsonModule>(), {.name = "bench"});
  StartOptions options;
  options.overrides = {{"http.port", "0"},
                       {"application.data_folder", folder.string()},
                       {"application.auto_migrate", "true"},
                       {"log.file", (folder / "log").string()}};
  application.start(options);
  application.run([](const Services& services) {
    const Id provider = services.sites().create_provider({.slug = "bench"}).id;
    services.sites().create_site(
        {.provider = provider, .slug = "bench", .hosts = {std::string(application_host)}});
  });
  return application.port();
}

}  // namespace mpf::bench
