// CPU time per request and requests per second of MPF, against a bare epoll loop that sends the same body.
// All serve in processes of their own and are loaded by wrk in turn; the ratio is the median of the runs'
// ratios.
//
//   plaintext, json       MPF's HTTP server with a router and one middleware
//   json_application      the same answer by a whole application: id, log line, metrics, security headers,
//   site,
//                         session, forgery protection
//   bootstrap             the portal's, from its cache, with the sample content
//   bootstrap_documents   the same with a large folder of documents besides

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include <mpf/base/reflect.hpp>
#include <mpf/fiber/runtime.hpp>
#include <mpf/http/client.hpp>
#include <mpf/http/router.hpp>
#include <mpf/http/server.hpp>

#include "benchmarks/arguments.hpp"
#include "benchmarks/bare_server.hpp"
#include "benchmarks/measure.hpp"
#include "benchmarks/web_application.hpp"

namespace {

using mpf::bench::Child;
using mpf::bench::Row;
using mpf::http::Method;
using mpf::http::Next;
using mpf::http::Request;
using mpf::http::Response;

/// A ratio of fewer runs is chance.
constexpr unsigned least_runs_of_ratio = 5;

struct Options {
  std::string json_file;
  std::string portal;
  std::string sample;
  std::string documents;
  unsigned runs = least_runs_of_ratio;
  mpf::bench::Load load;
};

struct Greeting {
  std::string message;
  static constexpr auto describe() { return mpf::describe(mpf::field<&Greeting::message>()); }
};

/// A text of the size that a portal's bootstrap has, with some hundred items.
std::string bootstrap_text() {
  std::string text = R"({"site":{"id":1,"name":"Acme"},"items":[)";
  for (int i = 0; text.size() < 60'000; ++i) {
    if (i > 0) text += ',';
    text += R"({"id":)" + std::to_string(i) + R"(,"title":"Page number )" + std::to_string(i) +
            R"(","kind":"page","summary":"What the page is about, in one or two sentences."})";
  }
  return text + "]}";
}

/// Serves until the process ends.
std::uint16_t serve_mpf() {
  static mpf::fiber::Runtime runtime;
  static mpf::http::Router router;

  router.use([](Request& request, const Next& next) {
    Response response = next(request);
    response.header("X-Content-Type-Options", "nosniff");
    return response;
  });
  router.add(Method::get, "/plaintext", [](Request&) { return Response::text("Hello, World!"); });
  router.add(Method::get, "/json", [](Request&) { return Response::json(Greeting{"Hello, World!"}); });
  router.add(Method::get, "/bootstrap",
             [cached = std::make_shared<const std::string>(bootstrap_text())](Request&) {
               Response response = Response::json_text({});
               response.shared_body = cached;
               return response;
             });

  static mpf::http::Server server(runtime, router, {.port = 0});
  server.start();
  return server.port();
}

std::uint16_t serve_bare(const std::string& content_type, const std::string& body) {
  static mpf::bench::BareServer server(
      "HTTP/1.1 200 OK\r\nServer: bare\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: " +
          content_type + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body,
      std::thread::hardware_concurrency());
  server.start();
  return server.port();
}

struct Case {
  std::string name;
  std::string path;
  Child& mpf;
  Child& bare;
  std::string host;
};

void run_cases(const std::vector<Case>& cases, const Options& options, std::vector<Row>& rows) {
  std::printf("%-20s %-6s %18s %14s %8s\n", "case", "server", "CPU us/request", "requests/s", "ratio");
  std::vector<mpf::bench::Series> mpf(cases.size());
  std::vector<mpf::bench::Series> bare(cases.size());
  std::vector<std::vector<double>> ratios(cases.size());
  for (unsigned run = 0; run <= options.runs; ++run) {
    for (std::size_t i = 0; i < cases.size(); ++i) {
      auto load = options.load;
      load.host = cases[i].host;
      if (run == 0) load.seconds = 1;  // warms up, is not counted
      const auto of_bare = measure(cases[i].bare, "/", load);
      const auto of_mpf = measure(cases[i].mpf, cases[i].path, load);
      if (run == 0) continue;
      bare[i].add(of_bare);
      mpf[i].add(of_mpf);
      ratios[i].push_back(of_mpf.cpu_per_request / of_bare.cpu_per_request);
    }
  }
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const double ratio = mpf::bench::median(ratios[i]);
    const std::string& name = cases[i].name;
    for (const auto& [subject, series] : {std::pair{"bare", &bare[i]}, std::pair{"mpf", &mpf[i]}}) {
      const double cpu = mpf::bench::median(series->cpu);
      const double rate = mpf::bench::median(series->rate);
      const bool ours = std::string_view(subject) == "mpf";
      std::printf("%-20s %-6s %18.2f %14.0f %8s\n", name.c_str(), subject, cpu, rate,
                  ours ? std::to_string(ratio).substr(0, 5).c_str() : "");
      rows.push_back({name, subject, "cpu_per_request", cpu, "us"});
      rows.push_back({name, subject, "requests_per_second", rate, "1/s"});
    }
    if (options.runs >= least_runs_of_ratio) rows.push_back({name, "mpf", "ratio", ratio, ""});
  }
}

/// Gone with this object.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "mpf-bench-XXXXXX").string();
    if (!::mkdtemp(pattern.data())) throw std::runtime_error("cannot make a temporary folder");
    path_ = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

/// A portal with the sample content in a folder of its own.
class Portal {
 public:
  /// Documents may be left out.
  Portal(const std::string& program, const std::string& sample, const std::string& documents) {
    const std::uint16_t port = mpf::bench::free_port();
    ::setenv("MPF_PROFILE", "dev", 1);
    ::setenv("MPF_APPLICATION__DATA_FOLDER", folder_.path().c_str(), 1);
    ::setenv("MPF_HTTP__PORT", std::to_string(port).c_str(), 1);
    const auto more = documents.empty() ? "" : " --documents '" + documents + "'";
    if (std::system(("'" + program + "' sample '" + sample + "'" + more + " >&2").c_str()) != 0) {
      throw std::runtime_error("the portal could not make its sample content");
    }
    child_.emplace(std::vector<std::string>{program, "serve"}, port, (folder_.path() / "log").string());
  }
  Portal(const Portal&) = delete;
  Portal& operator=(const Portal&) = delete;

  Child& child() { return *child_; }

  std::string bootstrap() const {
    mpf::http::ClientRequest request;
    request.url = "http://127.0.0.1:" + std::to_string(child_->port()) + std::string(bootstrap_path);
    request.headers.add("Host", bootstrap_host);
    const auto response = mpf::http::Client().send(request);
    if (response.status != 200) throw std::runtime_error("the portal has no bootstrap: " + response.body);
    return response.body;
  }

  static constexpr std::string_view bootstrap_path = "/api/portal/bootstrap";
  static constexpr std::string_view bootstrap_host = "acme.localhost";

 private:
  Folder folder_;
  std::optional<Child> child_;
};

void run(const Options& options) {
  Child mpf{serve_mpf};
  Child plain_bare([] { return serve_bare("text/plain; charset=utf-8", "Hello, World!"); });
  Child json_bare([] { return serve_bare("application/json", mpf::to_json(Greeting{"Hello, World!"})); });
  const Folder application_folder;
  Child application([&] { return mpf::bench::serve_application(application_folder.path()); });
  std::optional<Portal> portal;
  std::optional<Portal> large_portal;
  std::string bootstrap = bootstrap_text();
  std::string large_bootstrap;
  if (!options.portal.empty()) {
    portal.emplace(options.portal, options.sample, "");
    bootstrap = portal->bootstrap();
  }
  if (!options.documents.empty()) {
    large_portal.emplace(options.portal, options.sample, options.documents);
    large_bootstrap = large_portal->bootstrap();
  }
  Child bootstrap_bare([&] { return serve_bare("application/json", bootstrap); });
  Child large_bare([&] { return serve_bare("application/json", large_bootstrap); });

  std::vector<Case> cases{
      {"plaintext", "/plaintext", mpf, plain_bare, ""},
      {"json", "/json", mpf, json_bare, ""},
      {"json_application", "/json", application, json_bare, std::string(mpf::bench::application_host)}};
  if (portal) {
    cases.push_back({"bootstrap", std::string(Portal::bootstrap_path), portal->child(), bootstrap_bare,
                     std::string(Portal::bootstrap_host)});
  } else {
    cases.push_back({"bootstrap", "/bootstrap", mpf, bootstrap_bare, ""});
  }
  if (large_portal) {
    cases.push_back({"bootstrap_documents", std::string(Portal::bootstrap_path), large_portal->child(),
                     large_bare, std::string(Portal::bootstrap_host)});
  }
  std::vector<Row> rows;
  run_cases(cases, options, rows);
  if (!options.json_file.empty()) mpf::bench::write_json_file(options.json_file, "web", rows);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  mpf::bench::Arguments arguments("web");
  arguments.text("--json", "FILE", options.json_file, "writes the result there")
      .number("--runs", options.runs, "interleaved runs; with fewer than 5 no ratios are written")
      .number("--seconds", options.load.seconds, "of each run")
      .number("--connections", options.load.connections, "of the load")
      .text("--portal", "FILE", options.portal,
            "measures the bootstrap of this portal program instead of a made-up text")
      .text("--sample", "FOLDER", options.sample, "of the sample content that the portal gets")
      .text("--documents", "FOLDER", options.documents, "measures another portal that has these besides")
      .parse(argc, argv);
  if (options.portal.empty() != options.sample.empty()) {
    arguments.fail("--portal and --sample go together");
  }
  if (!options.documents.empty() && options.portal.empty()) arguments.fail("--documents needs --portal");
  return mpf::bench::run_benchmark("web", [&] {
    run(options);
    return true;
  });
}
