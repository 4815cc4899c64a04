#include <doctest/doctest.h>

#include <fstream>

#include "app/fixture.hpp"

using namespace mpf;
using test::has;
using test::TestApplication;

namespace {

struct MailSettings {
  std::string host = "localhost";
  Secret password = Secret("very secret");
  static constexpr auto describe() {
    return mpf::describe(field<&MailSettings::host>(config::help("server that takes mail")),
                         field<&MailSettings::password>());
  }
};

}  // namespace

TEST_CASE("arguments, options and flags reach the command") {
  TestApplication app([](Setup& s) {
    s.command("copy", "Copies")
        .argument("from", "Source")
        .optional_argument("to", "Target")
        .option("mode", "MODE", "How", "fast")
        .option("label", "TEXT", "Label")
        .integer("times", "How often", 1)
        .choice("color", {"red", "blue"}, "Colour")
        .flag("force", "Even if")
        .needs(Needs::configuration)
        .run([](CommandContext& ctx) {
          ctx.print(ctx.text("from") + "|" + ctx.find("to").value_or("-") + "|" + ctx.text("mode") + "|" +
                    ctx.find("label").value_or("-") + "|" + std::to_string(ctx.integer("times")) + "|" +
                    ctx.find("color").value_or("-") + "|" + (ctx.flag("force") ? "yes" : "no"));
        });
  });
  CHECK(app.command({"copy", "a"}).out == "a|-|fast|-|1|-|no\n");
  CHECK(app.command({"copy", "a", "b", "--mode", "slow", "--label=x y", "--times", "-3", "--color", "red",
                     "--force"})
            .out == "a|b|slow|x y|-3|red|yes\n");
  CHECK(app.command({"copy", "--force", "--", "-a"}).out == "-a|-|fast|-|1|-|yes\n");
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{"copy"},
                                             {"copy", "a", "b", "c"},
                                             {"copy", "a", "--times", "x"},
                                             {"copy", "a", "--color", "green"},
                                             {"copy", "a", "--nonsense"},
                                             {"nonsense"},
                                             {},
                                             {"--set", "x", "copy", "a"},
                                             {"copy", "a", "--profile"}}) {
    const auto result = app.command(wrong);
    CAPTURE(result.errors);
    CHECK(result.code == 64);
    CHECK(result.errors.starts_with("error: "));
    CHECK(result.out.empty());
  }
}

TEST_CASE("errors end a command with one clear line and the code of their kind") {
  TestApplication app([](Setup& s) {
    s.command("fail", "Fails")
        .argument("how", "How")
        .needs(Needs::configuration)
        .run([](CommandContext& ctx) {
          if (ctx.text("how") == "missing") fail(ErrorKind::not_found, "there is no folder /x");
          if (ctx.text("how") == "invalid") {
            throw ValidationError({{"title", "required", "is required"}, {"size", "range", "is too big"}});
          }
          if (ctx.text("how") == "unready") (void)ctx.db();
          throw std::runtime_error("out of luck");
        });
  });
  const auto missing = app.command({"fail", "missing"});
  CHECK(missing.errors == "error: there is no folder /x\n");
  CHECK(missing.code == exit_code(ErrorKind::not_found));
  const auto invalid = app.command({"fail", "invalid"});
  CHECK(invalid.errors == "error: the input is not right:\n  title: is required\n  size: is too big\n");
  CHECK(invalid.code == exit_code(ErrorKind::invalid));
  CHECK(app.command({"fail", "other"}).errors == "error: out of luck\n");
  CHECK(has(app.command({"fail", "unready"}).errors, "needs(Needs::application)"));
}

TEST_CASE("help names verbs and options, and works with a broken configuration") {
  TestApplication app([](Setup& s) {
    s.command("copy", "Copies things").option("mode", "MODE", "How to copy", "fast").run([](CommandContext&) {
    });
  });
  const auto help = app.command({"--help"});
  CHECK(help.code == 0);
  for (const char* verb :
       {"serve", "worker", "migrate", "site", "user", "settings", "routes", "Copies things", "--profile"}) {
    CAPTURE(verb);
    CHECK(has(help.out, verb));
  }
  CHECK(has(app.command({"copy", "--help"}).out, "How to copy"));
  CHECK(has(app.command({"site", "host", "--help"}).out, "add"));
  app.options.overrides["no.such.key"] = "1";
  CHECK(app.command({"--help"}).code == 0);
  CHECK(app.command({"--version"}).out == "testing 1.2\n");
}

TEST_CASE("all that is wrong with the configuration is told together") {
  TestApplication app([](Setup& s) { s.settings<MailSettings>("mail"); });
  app.options.overrides["http.port"] = "many";
  app.options.overrides["mial.host"] = "x";
  const auto result = app.command({"routes"});
  CHECK(result.code == exit_code(ErrorKind::configuration));
  CHECK(has(result.errors, "http.port"));
  CHECK(has(result.errors, "mial"));
  const auto unknown = app.command({"--profile", "nonsense", "routes"});
  CHECK(unknown.code == exit_code(ErrorKind::configuration));
  CHECK(has(unknown.errors, "nonsense"));
  CHECK(has(unknown.errors, "prod"));
}

TEST_CASE("settings are shown with their origin, secrets hidden") {
  TestApplication app([](Setup& s) { s.settings<MailSettings>("mail"); });
  app.options.environment["MPF_MAIL__HOST"] = "mail.test";
  const auto text = app.command({"settings", "mail"}).out;
  CHECK(has(text, "mail.test"));
  CHECK(has(text, "MPF_MAIL__HOST"));
  CHECK(has(text, "server that takes mail"));
  CHECK(has(text, "***"));
  CHECK_FALSE(has(text, "very secret"));
  CHECK_FALSE(has(text, "http.port"));
  CHECK(has(app.command({"settings", "--set", "http.port=81", "--json"}).out,
            "\"key\":\"http.port\",\"value\":\"81\""));
}

TEST_CASE("routes are listed with their modules") {
  TestApplication app([](Setup& s) {
    s.post("/things/{id}", [](Context&) { return http::Response::no_content(); }, {.csrf = false});
  });
  const auto json = app.command({"routes", "--json"}).out;
  CHECK(has(json, R"("pattern":"/things/{id}","module":"test.module","group":"test","csrf":false)"));
  CHECK(has(json, "/health/live"));
}

TEST_CASE("routes are listed with all middleware, outermost first") {
  TestApplication app([](Setup& s) {
    s.middleware([](Context&, const std::function<http::Response()>& next) { return next(); });
  });
  app.options.overrides["http.compress"] = "false";
  CHECK(has(app.command({"routes"}).out,
            "middleware, outermost first:\n  security headers\n  request\n  site\n  identity\n  forgery "
            "protection\n  test.module\n"));
  app.options.overrides["http.compress"] = "true";
  CHECK(has(app.command({"routes"}).out, "\n  request\n  compression\n  site\n"));
}

TEST_CASE("sites and users are made on the command line") {
  TestApplication app;
  CHECK(app.command({"site", "create", "acme", "acme.test", "www.acme.test", "--name", "Acme"}).code == 0);
  const auto again = app.command({"site", "create", "acme"});
  CHECK(again.code == exit_code(ErrorKind::conflict));
  CHECK(has(again.errors, "acme"));
  CHECK(app.command({"site", "create", "acme", "--if-missing"}).code == 0);
  CHECK(app.command({"site", "host", "add", "acme", "old.acme.test"}).code == 0);
  CHECK(has(app.command({"site", "list"}).out, "acme.test, old.acme.test, www.acme.test"));
  CHECK(has(app.command({"site", "create", "x", "http://x"}).errors, "hosts[0]"));
  CHECK(app.command({"site", "host", "remove", "old.acme.test"}).code == 0);
  CHECK(app.command({"site", "host", "remove", "old.acme.test"}).code == exit_code(ErrorKind::not_found));

  const auto created =
      app.command({"user", "create", "acme", "Ann@acme.test", "--role", "owner"}, "correct horse\n");
  CHECK(created.code == 0);
  CHECK(has(app.command({"user", "list", "www.acme.test"}).out, "ann@acme.test"));
  CHECK(has(app.command({"user", "create", "acme", "b@acme.test"}, "short\n").errors,
            "password: at least 10 characters"));
  CHECK(has(app.command({"user", "create", "acme", "b@acme.test"}).errors, "standard input"));
  CHECK(app.command({"user", "create", "acme", "ann@acme.test", "--if-missing"}).code == 0);
  CHECK(has(app.command({"user", "password", "acme", "ann@acme.test", "--generate"}).out, "password: "));
  CHECK(app.command({"user", "password", "acme", "nobody@acme.test", "--generate"}).code ==
        exit_code(ErrorKind::not_found));
  const auto nowhere = app.command({"user", "list", "globex"});
  CHECK(nowhere.code == exit_code(ErrorKind::not_found));
  CHECK(has(nowhere.errors, "sites: acme"));
}

TEST_CASE("an event of a new site is part of its transaction") {
  TestApplication app([](Setup& s) {
    s.on<tenant::SiteCreated>([](const Services& services, const tenant::SiteCreated& event) {
      if (services.sites().find(event.site)->slug == "refused")
        fail(ErrorKind::invalid, "no such sites here");
    });
  });
  CHECK(app.command({"site", "create", "refused", "refused.test"}).code != 0);
  CHECK(app.command({"site", "create", "accepted"}).code == 0);
  CHECK_FALSE(has(app.command({"site", "list"}).out, "refused"));
}

TEST_CASE("migrations of the framework fit its models") {
  TestApplication app;
  const auto made = app.command({"migrate", "make", "--dry-run"});
  CHECK(made.out == "the migrations fit the models: nothing to do\n");
  CHECK(made.errors == "");
}

TEST_CASE("pending migrations keep an application from starting, unless it may apply them") {
  TestApplication app;
  app.options.overrides["application.auto_migrate"] = "false";
  const auto refused = app.command({"site", "list"});
  CHECK(refused.code == exit_code(ErrorKind::configuration));
  CHECK(has(refused.errors, "testing migrate apply"));
  CHECK(has(refused.errors, "mpf.auth/0001"));
  CHECK_THROWS_AS(app.start(), Error);
  CHECK(has(app.command({"migrate", "plan"}).out, "mpf.auth/0001"));
  CHECK(app.command({"migrate", "apply"}).code == 0);
  CHECK(app.command({"migrate", "apply"}).out == "nothing to apply\n");
  CHECK(has(app.command({"migrate", "show"}).out, "applied"));
  CHECK(app.command({"migrate", "fake", "--undo", "mpf.auth", "0002_tenant_keys"}).code == 0);
  CHECK(has(app.command({"migrate", "plan"}).out, "mpf.auth/0002"));
  CHECK(app.command({"migrate", "fake", "mpf.auth", "0002_tenant_keys"}).code == 0);
  CHECK(app.command({"migrate", "apply"}).out == "nothing to apply\n");
  CHECK(app.command({"site", "list"}).code == 0);
  CHECK(app.command({"migrate", "rollback", "mpf.auth"}).code == 0);
  CHECK(app.command({"site", "list"}).code == exit_code(ErrorKind::configuration));
}

TEST_CASE("a file that is no database is told") {
  TestApplication app;
  std::ofstream(app.folder() / "testing.db")
      << "this is not a database, and longer than a hundred bytes, which is "
         "what a header of one takes, so that it is read at all.";
  const auto result = app.command({"site", "list"});
  CHECK(result.code == exit_code(ErrorKind::corrupt));
  CHECK(has(result.errors, "testing.db"));
}
