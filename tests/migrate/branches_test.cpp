#include <doctest/doctest.h>

#include "migrate/support.hpp"
#include "support/postgres.hpp"

using namespace mpf;
using migrate::Migrator;

namespace {

/// Two branches behind the table that each begins with.
struct Branches {
  test::Modules modules;
  orm::Table person = test::table(
      "person", {test::id_col(), test::null_col("name"), test::null_col("a"), test::null_col("b")},
      {test::index("person", {"a"}), test::index("person", {"b"}, true)});

  Branches() {
    person.checks.push_back({"person_a_check", {"\"a\" <> ''", "\"a\" <> ''"}});
    const auto other = test::table("other", {test::id_col(), test::null_col("x")});
    Migrator(nullptr, {modules.models("m", {person, other})}).make();
  }
  void add(const std::string& name, const std::string& operations) const {
    modules.write("m", name,
                  "migration:\n  module: m\n  name: " + name +
                      "\n  depends: [m/0001_initial]\noperations:\n" + operations);
  }
  /// What merge says of them.
  std::string merge() const {
    return test::error_of([&] { Migrator(nullptr, {modules.models("m", {})}).merge(); });
  }
};

const std::string backfill_a = "  - backfill: {table: person, set: {a: \"'one'\"}}\n";
const std::string shout = "  - sql: {sqlite: \"SELECT 1\", irreversible: true, touches: [person.A]}\n";
const std::string undeclared = "  - sql: {sqlite: \"SELECT 1\", irreversible: true}\n";
const std::string undeclared_call = "  - call: {function: f, irreversible: true}\n";

}  // namespace

TEST_CASE("names of two branches that differ in case only, as SQLite does not, conflict") {
  const auto column = [](const std::string& name) {
    return "  - add_column: {table: person, column: {name: " + name + ", type: text, nullable: true}}\n";
  };
  const auto table = [](const std::string& name) {
    return "  - create_table: {table: " + name + ", columns: [{name: id, type: id, primary_key: true}]}\n";
  };
  const auto index = [](const std::string& name) {
    return "  - create_index: {table: person, index: {name: " + name + ", columns: [a]}}\n";
  };
  const auto rename = [](const std::string& name) {
    return "  - rename_column: {table: person, from: a, to: " + name + ", reason: r}\n";
  };
  const std::vector<std::pair<std::string, std::string>> cases{
      {column("Mood"), column("mood")},
      {table("Team"), table("team")},
      {index("ByA"), index("bya")},
      {rename("Mood"), column("mood")},
  };
  for (const auto& [ours, theirs] : cases) {
    CAPTURE(ours);
    Branches branches;
    branches.add("0002_ours", ours);
    branches.add("0003_theirs", theirs);
    const auto make = test::error_of([&] { Migrator(nullptr, {branches.modules.models("m", {})}).make(); });
    for (const auto& message : {branches.merge(), make}) {
      CHECK(test::contains(message, "two branches of module 'm' change the same thing"));
      CHECK(test::contains(message, "0002_ours.yaml:6)"));
      CHECK(test::contains(message, "0003_theirs.yaml:6)"));
    }
    // One behind the other they do not fit either.
    branches.modules.write("m", "0003_theirs",
                           "migration:\n  module: m\n  name: 0003_theirs\n  depends: [m/0002_ours]\n"
                           "operations:\n" +
                               theirs);
    const auto message =
        test::error_of([&] { Migrator(nullptr, {branches.modules.models("m", {})}).make(); });
    CHECK(test::contains(message, "0003_theirs.yaml:6: cannot "));
    CHECK(test::contains(message, "differs in case only: SQLite takes both for the same"));
  }
}

TEST_CASE("steps on rows of two branches conflict where one touches what the other does, and only there") {
  struct Case {
    std::string ours;
    std::string theirs;
    bool conflict = true;
  };
  const std::vector<Case> cases{
      {backfill_a, "  - backfill: {table: person, set: {a: \"'two'\"}}\n"},
      {backfill_a, "  - backfill: {table: person, set: {b: a}}\n"},
      {backfill_a, "  - backfill: {table: person, set: {b: \"'x'\"}, where: \"A IS NULL\"}\n"},
      {backfill_a, "  - backfill: {table: other, set: {x: \"(SELECT max(a) FROM person)\"}}\n"},
      {backfill_a, "  - backfill: {table: person, set: {b: \"'x'\"}}\n", false},
      {backfill_a, "  - backfill: {table: other, set: {x: \"'x'\"}}\n", false},
      {backfill_a, "  - backfill: {table: person, set: {b: \"'x'\"}, reverse: {a: b}}\n"},
      {"  - backfill: {table: person, set: {name: \"'x'\"}}\n",
       "  - drop_column: {table: person, column: name, reason: r}\n"},
      {"  - backfill: {table: person, set: {b: name}}\n",
       "  - drop_column: {table: person, column: name, reason: r}\n"},
      {backfill_a, "  - alter_column: {table: person, column: {name: a, type: text, default: \"'x'\"}}\n"},
      {backfill_a, "  - rename_column: {table: person, from: a, to: c, reason: r}\n"},
      {backfill_a, "  - drop_column: {table: person, column: name, reason: r}\n", false},
      {backfill_a, "  - add_column: {table: person, column: {name: c, type: text, nullable: true}}\n", false},
      {backfill_a, "  - create_index: {table: person, index: {name: i, columns: [a, name]}}\n", false},
      {backfill_a, "  - create_index: {table: person, index: {name: i, columns: [a, name], unique: true}}\n"},
      {backfill_a, "  - drop_index: {table: person, index: person_a_idx}\n", false},
      {"  - backfill: {table: person, set: {b: \"'x'\"}}\n",
       "  - drop_index: {table: person, index: person_b_key}\n"},
      {backfill_a, "  - add_check: {table: person, check: {name: c, condition: \"\\\"a\\\" <> 'y'\"}}\n"},
      {backfill_a, "  - add_check: {table: person, check: {name: c, condition: \"\\\"b\\\" <> 'y'\"}}\n",
       false},
      {backfill_a, "  - drop_check: {table: person, check: person_a_check}\n"},
      {backfill_a, "  - drop_table: {table: person, reason: r}\n"},
      {backfill_a, "  - rename_table: {from: person, to: people, reason: r}\n"},
      {shout, backfill_a},
      {shout, "  - backfill: {table: person, set: {b: \"'x'\"}}\n", false},
      {shout, "  - call: {function: f, irreversible: true, touches: [person]}\n"},
      {shout, "  - call: {function: f, irreversible: true, touches: [other, person.b]}\n", false},
      {"  - sql: {sqlite: \"SELECT 1\", irreversible: true, touches: [person]}\n",
       "  - add_column: {table: person, column: {name: c, type: text, nullable: true}}\n"},
      {"  - sql: {sqlite: \"SELECT 1\", irreversible: true, touches: []}\n", backfill_a, false},
      {undeclared, backfill_a},
      {undeclared, "  - add_column: {table: other, column: {name: c, type: text, nullable: true}}\n"},
      {undeclared_call, shout},
  };
  for (const auto& each : cases) {
    CAPTURE(each.ours);
    CAPTURE(each.theirs);
    Branches branches;
    branches.add("0002_ours", each.ours);
    branches.add("0003_theirs", each.theirs);
    const auto message = branches.merge();
    if (!each.conflict) {
      CHECK(message == "");
      continue;
    }
    CHECK(test::contains(message, "two branches of module 'm' change the same thing"));
    CHECK(test::contains(message, "0002_ours.yaml:6)"));
    CHECK(test::contains(message, "0003_theirs.yaml:6)"));
    const bool unknown = each.ours == undeclared || each.ours == undeclared_call;
    CHECK(test::contains(message, "touches: [") == unknown);
    // The way out that is always there.
    branches.modules.write("m", "0003_theirs",
                           "migration:\n  module: m\n  name: 0003_theirs\n  depends: [m/0002_ours]\n"
                           "operations:\n" +
                               each.theirs);
    const bool dropped = test::contains(message, "drop table") || test::contains(message, "rename table");
    if (!dropped) CHECK(branches.merge() == "");
  }
}

TEST_CASE("what SQL and functions touch is read, written and turned round; what is no name is refused") {
  const std::string text =
      "migration:\n  module: m\n  name: \"0001_x\"\n  depends: []\noperations:\n"
      "  - sql:\n      sqlite: \"SELECT 1\"\n      irreversible: true\n      touches: [person, other.x]\n"
      "  - call:\n      function: f\n      reverse: g\n      touches: []\n";
  const auto migration = migrate::parse_migration(text, "x.yaml");
  const auto& sql = std::get<migrate::RunSql>(migration.operations.at(0).operation);
  CHECK(sql.touches == std::vector<std::string>{"person", "other.x"});
  const auto again = migrate::write_migration({migration.id, {}, migration.operations});
  const auto reread = migrate::parse_migration(again, "x.yaml");
  CHECK(std::get<migrate::RunSql>(reread.operations.at(0).operation).touches == sql.touches);
  const auto back = migrate::reverse_of(reread.operations.at(1).operation, {});
  REQUIRE(back);
  CHECK(std::get<migrate::CallFunction>(*back).touches == std::vector<std::string>());
  for (const auto* wrong : {"touches: person", "touches: [\"\"]", "touches: [person.]"}) {
    CAPTURE(wrong);
    const auto message = test::error_of([&] {
      migrate::parse_migration(
          "migration:\n  module: m\n  name: 0001_x\n  depends: []\noperations:\n"
          "  - call:\n      function: f\n      " +
              std::string(wrong) + "\n",
          "x.yaml");
    });
    CHECK(test::contains(message, "x.yaml:8"));
  }
}

TEST_CASE("both orders of branches that get along give the same rows, on both databases") {
  for (const auto dialect : test::databases()) {
    CAPTURE(dialect);
    test::run([&] {
      std::vector<std::string> rows;
      for (const bool turned : {false, true}) {
        Branches branches;
        const test::FreshDatabase database(dialect);
        const auto migrator = [&] { return Migrator(&*database, {branches.modules.models("m", {})}); };
        migrator().apply();
        database->execute_script("INSERT INTO person (name, a, b) VALUES ('n', 'x', 'y'), ('o', 'z', NULL)");
        branches.add(turned ? "0003_ours" : "0002_ours",
                     "  - backfill: {table: person, set: {a: \"a || '!'\"}}\n");
        branches.add("0002_theirs",
                     "  - sql: {sqlite: \"UPDATE person SET b = name WHERE b IS NULL\", postgres: \"UPDATE "
                     "person SET b = name WHERE b IS NULL\", irreversible: true, touches: [person.b, "
                     "person.name]}\n");
        CHECK(migrator().apply().size() == 2);
        auto now = test::texts(*database, "SELECT name, a, b FROM person ORDER BY id");
        if (turned) CHECK(now == rows);
        rows = std::move(now);
      }
      CHECK(rows == std::vector<std::string>{"n|x!|y", "o|z!|o"});
    });
  }
}
