#include <mpf/orm/csv.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <sstream>
#include <streambuf>

#include <mpf/base/file.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/orm/query.hpp>
#include <mpf/orm/row_security.hpp>
#include <mpf/orm/scope.hpp>

#include "orm/everything.hpp"
#include "support/database.hpp"
#include "support/postgres.hpp"

using namespace mpf;
using test::Everything;
using test::FreshDatabase;

namespace {

struct Team {
  orm::Id id;
  std::string name;
  static constexpr auto model() {
    return orm::model<Team>("team", orm::field<&Team::name>(), orm::unique<&Team::name>());
  }
};

enum class Role { guest, member };

struct Person {
  orm::Id id;
  std::string name;
  std::optional<std::string> nick;
  std::optional<orm::Ref<Team>> team;
  std::optional<orm::Ref<Person>> boss;
  int age = 0;
  Role role = Role::guest;
  std::int64_t twice = 0;

  static constexpr auto model() {
    using P = Person;
    return orm::model<P>("person", orm::field<&P::name>(orm::max_length(40)), orm::field<&P::nick>(),
                         orm::field<&P::team>(), orm::field<&P::boss>(), orm::field<&P::age>(),
                         orm::field<&P::role>(), orm::field<&P::twice>(orm::generated(R"("age" * 2)")),
                         orm::unique<&P::nick>(), orm::check("age", orm::col<&P::age> < 150));
  }
};

/// Of one kind, with the tables of these models.
template <class... Models>
struct World {
  FreshDatabase db;
  orm::SystemScope scope;

  explicit World(db::Dialect dialect) : db(dialect), scope(*db, "a test of CSV") {
    test::create_tables(*db, {orm::table_of<Models>()...});
  }

  template <class T>
  std::string exported() const {
    std::ostringstream out;
    orm::export_csv(*db, orm::table_of<T>(), out);
    return out.str();
  }
  template <class T>
  std::uint64_t imported(const std::string& text) const {
    std::istringstream in(text);
    return orm::import_csv(*db, orm::table_of<T>(), in, "file.csv");
  }
};
using People = World<Team, Person>;

const std::string awkward[] = {
    "",        "a",  "NULL",   "\\N",     "\\.",   "a,b", "\"",    "\"\"",         "'; --", "a\nb",
    "a\r\nb",  "\r", "\n",     "\t",      "a\\tb", "\\",  " a ",   "\xef\xbb\xbf", "שלום",  "😀",
    "a\"b\"c", ",",  "\b\f\v", "é\u0301", "\\x00", "{}",  "[1,2]", "=1+1",         "%s",    "\u2028"};

/// Endless rows of which the reader hears one by one.
class Rows final : public std::streambuf {
 public:
  explicit Rows(std::function<void(std::uint64_t)> on_row) : on_row_(std::move(on_row)) {}

 private:
  int_type underflow() override {
    line_ = rows_ == 0 ? "name\n" : "team " + std::to_string(rows_) + "\n";
    on_row_(rows_++);
    setg(line_.data(), line_.data(), line_.data() + line_.size());
    return traits_type::to_int_type(line_.front());
  }

  std::function<void(std::uint64_t)> on_row_;
  std::string line_;
  std::uint64_t rows_ = 0;
};

}  // namespace

TEST_CASE("the same rows of every type are the same bytes on both databases, and come back from either") {
  fiber::run([] {
    const World<Everything> sqlite(db::Dialect::sqlite);
    const World<Everything> postgres(db::Dialect::postgres);
    // What people set for their sessions is no matter.
    postgres.db->execute_script(
        "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET timezone = ''Asia/Kolkata'''; "
        "EXECUTE 'ALTER DATABASE ' || current_database() || ' SET bytea_output = ''escape'''; "
        "EXECUTE 'ALTER DATABASE ' || current_database() || ' SET intervalstyle = ''sql_standard'''; "
        "EXECUTE 'ALTER DATABASE ' || current_database() || ' SET datestyle = ''German'''; END $$");
    test::Random random;
    std::vector<Everything> rows;
    for (int i = 0; i < 300; ++i) {
      Everything row = random.row();
      if (i < static_cast<int>(std::size(awkward))) row.text = awkward[i];
      rows.push_back(row);
    }
    rows[0].duration = Microseconds::max();
    rows[1].duration = Microseconds::min() + Microseconds(1);
    rows[2].text = std::string(1 << 20, '"');
    rows[3].precise = std::numeric_limits<double>::infinity();
    rows[4].single = std::numeric_limits<float>::denorm_min();
    rows[5].json = Json::parse(R"({"bb":[1.50,1e2,-0.0,12E-3,-1.5e+1],"a":{"é":null,"":"\n\u0001😀"}})");
    for (const auto* world : {&sqlite, &postgres}) {
      for (Everything& row : rows) {
        row.id = {};
        world->scope.insert(row);
      }
    }
    const std::string text = sqlite.exported<Everything>();
    CHECK(postgres.exported<Everything>() == text);
    CHECK(text.find(R"("{""a"":{"""":""\n\u0001😀"",""é"":null},""bb"":[1.50,100,0.0,0.012,-15]}")") !=
          std::string::npos);

    for (const auto from : {db::Dialect::sqlite, db::Dialect::postgres}) {
      for (const auto to : {db::Dialect::sqlite, db::Dialect::postgres}) {
        CAPTURE(static_cast<int>(from));
        CAPTURE(static_cast<int>(to));
        const World<Everything> target(to);
        const auto& source = from == db::Dialect::sqlite ? sqlite : postgres;
        REQUIRE(target.imported<Everything>(source.exported<Everything>()) == rows.size());
        for (const Everything& row : source.scope.query<Everything>().all()) {
          Everything again = target.scope.get<Everything>(row.id);
          again.json = row.json;  // members may be in another order; compared below
          REQUIRE(again == row);
        }
        CHECK(target.exported<Everything>() == text);
        // Ids go on behind those that came along.
        Everything next = random.row();
        target.scope.insert(next);
        CHECK(next.id.value == static_cast<std::int64_t>(rows.size()) + 1);
      }
    }
  });
}

TEST_CASE("null and empty text are two things, and whatever text holds comes back") {
  for (const auto dialect : test::databases()) {
    CAPTURE(static_cast<int>(dialect));
    fiber::run([&] {
      const People world(dialect);
      world.scope.insert(Person{.name = "Ann", .nick = ""});
      world.scope.insert(Person{.name = "a,\"b\"\r\n", .age = 7});
      CHECK(
          world.exported<Person>() ==
          "id,name,nick,team_id,boss_id,age,role\n1,Ann,\"\",,,0,guest\n2,\"a,\"\"b\"\"\r\n\",,,,7,guest\n");
      // As other programs write it: a mark in front, CRLF, other columns in another order, quotes all over.
      CHECK(world.imported<Person>(
                "\xef\xbb\xbf\"age\",name,role\r\n\"8\",\"Bob\",\"member\"\r\n9,Eve,guest") == 2);
      const auto all = world.scope.query<Person>().order_by(orm::asc<&Person::id>).all();
      REQUIRE(all.size() == 4);
      CHECK(all[2].id.value == 3);
      CHECK(all[2].name == "Bob");
      CHECK(!all[2].nick);
      CHECK(all[2].role == Role::member);
      CHECK(all[2].twice == 16);
      CHECK(all[3].age == 9);
    });
  }
}

TEST_CASE("what is wrong is told with file, line and column, and nothing is written") {
  struct Wrong {
    std::string text, message;
    ErrorKind kind = ErrorKind::invalid;
  };
  const std::string head = "id,name,nick,team_id,boss_id,age,role\n";
  const std::vector<Wrong> cases{
      {"", "file.csv:1: the file is empty; its first line names the columns"},
      {"name,agee,role\nx,1,guest\n",
       "file.csv:1: agee: table person has no such column (did you mean age?); the first line names the "
       "columns"},
      {"name,age,role,twice\nx,1,guest,2\n",
       "file.csv:1: twice: the database computes this column; leave it out"},
      {"name,age,role,name\nx,1,guest,x\n", "file.csv:1: name: the column is there twice"},
      {"name,role\nx,guest\n", "file.csv:1: age: the column is missing, and must not be null"},
      {head + "1,x,,,,1,guest\n2,y,,,,1\n", "file.csv:3: 6 fields, the first line has 7"},
      {head + "1,x,,,,many,guest\n", "file.csv:2: age: 'many' is no whole number that fits"},
      {head + "1,x,,,,2147483648,guest\n",
       "file.csv:2: age: 2147483648 is not within -2147483648 and 2147483647"},
      {head + "1,\"x\ny\",,,,1,guest\n2,z,,,,1,boss\n", "file.csv:4: role: 'boss' is none of guest, member"},
      {head + "1," + std::string(41, 'x') + ",,,,1,guest\n",
       "file.csv:2: name: 41 characters, 40 are allowed"},
      {head + "1,\xff,,,,1,guest\n", "file.csv:2: name: the text is not UTF-8"},
      {head + "1,,,,,1,guest\n", "file.csv:2: name: must not be null; an empty text is \"\""},
      {head + "1,x,,,,,guest\n", "file.csv:2: age: must not be null"},
      {head + "1,\"x,,,,1,guest\n2,y,,,,1,guest\n", "file.csv:2: the quote that opens here is not closed"},
      {head + "1,\"x\"y,,,,1,guest\n",
       "file.csv:2: text behind a closing quote: quotes inside of a value are doubled"},
      {head + "1,x\"y,,,,1,guest\n", "file.csv:2: a quote inside of a value that has none around it"},
      {head + "1,x,,,,1,guest\n2,\"y\n\",,,,1,guest\n1,z,,,,1,guest\n",
       "file.csv:5: id: another row has the same already; it must be unique", ErrorKind::conflict},
      {head + "1,x,nick,,,1,guest\n2,y,nick,,,1,guest\n",
       "file.csv:3: nick: another row has the same already; it must be unique", ErrorKind::conflict},
      {head + "1,x,,,,1,guest\n2,y,,77,,1,guest\n3,z,,,,1,guest\n",
       "file.csv:3: team_id: refers to a row that does not exist; import the table it is of first",
       ErrorKind::conflict},
      {head + "1,x,,,3,1,guest\n3,y,,,5,1,guest\n",
       "file.csv:3: boss_id: refers to a row that does not exist; import the table it is of first",
       ErrorKind::conflict},
      {head + "1,x,,,,149,guest\n2,y,,,,150,guest\n", "file.csv:3: breaks the rule person_age_check"},
  };
  for (const auto dialect : test::databases()) {
    CAPTURE(static_cast<int>(dialect));
    fiber::run([&] {
      const People world(dialect);
      for (const Wrong& wrong : cases) {
        CAPTURE(wrong.text);
        std::string message;
        try {
          world.imported<Person>(wrong.text);
        } catch (const Error& error) {
          message = error.what();
          CHECK(error.kind() == wrong.kind);
        }
        CHECK(message == wrong.message);
        CHECK(world.scope.query<Person>().count() == 0);
      }
      // Rows may refer to later ones.
      CHECK(world.imported<Person>(head + "1,x,,,2,1,guest\n2,y,,,,1,guest\n") == 2);
      const bool sqlite = dialect == db::Dialect::sqlite;
      std::string message;
      try {
        world.imported<Team>("name\n\"a" + std::string(1, '\0') + "b\"\n");
      } catch (const Error& error) {
        message = error.what();
      }
      CHECK(message == (sqlite ? "" : "file.csv:2: name: PostgreSQL's text cannot hold the character NUL"));
    });
  }
}

TEST_CASE("an import that is given up leaves nothing, soon") {
  for (const auto dialect : test::databases()) {
    CAPTURE(static_cast<int>(dialect));
    fiber::run([&] {
      const People world(dialect);
      fiber::Fiber<> import;
      Rows rows([&](std::uint64_t row) {
        if (row == 5'000) import.cancel();
      });
      std::istream in(&rows);
      import = fiber::spawn([&] { orm::import_csv(*world.db, orm::table_of<Team>(), in, "rows"); });
      CHECK_THROWS_AS(import.get(), fiber::Cancelled);
      CHECK(world.scope.query<Team>().count() == 0);
      CHECK(world.imported<Team>("name\nx\n") == 1);
    });
  }
}

TEST_CASE("an export stands under its name when it is whole, and not before") {
  for (const auto dialect : test::databases()) {
    CAPTURE(static_cast<int>(dialect));
    fiber::run([&] {
      const People world(dialect);
      std::vector<Team> teams(2'500);
      for (std::size_t i = 0; i < teams.size(); ++i) teams[i].name = std::to_string(i);
      world.scope.insert_many(teams);
      const test::TempDir folder;
      const auto file = folder / "teams.csv";
      std::vector<std::uint64_t> heard;
      const orm::CsvOptions noting{
          .progress = [&](std::uint64_t rows, std::uint64_t) { heard.push_back(rows); }};
      CHECK(orm::export_csv(*world.db, orm::table_of<Team>(), file, noting) == 2'500);
      CHECK(heard == std::vector<std::uint64_t>{1'000, 2'000, 2'500});
      CHECK(read_file(file) == world.exported<Team>());

      const orm::CsvOptions failing{
          .progress = [](std::uint64_t, std::uint64_t) { fail(ErrorKind::unavailable, "no more"); }};
      const std::string before = read_file(file);
      world.scope.query<Team>().where(orm::f<&Team::name> == "7").remove();
      CHECK_THROWS_WITH(orm::export_csv(*world.db, orm::table_of<Team>(), file, failing), "no more");
      CHECK(read_file(file) == before);
      CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
      CHECK_THROWS_AS(orm::export_csv(*world.db, orm::table_of<Team>(), folder / "none/teams.csv"), Error);
      // In a transaction it would see another moment than that.
      world.db->transaction([&](db::Transaction&) {
        CHECK_THROWS_AS(orm::export_csv(*world.db, orm::table_of<Team>(), file), Error);
      });
      // It shows the rows as of one moment, while others write.
      std::ostringstream out;
      std::uint64_t seen = orm::export_csv(*world.db, orm::table_of<Team>(), out);
      CHECK(seen == 2'499);
    });
  }
}

TEST_CASE("rows behind row security are exported and imported too") {
  fiber::run([] {
    auto& server = test::Postgres::shared();
    auto options = server.fresh();
    {
      const auto admin = db::open_postgres(options);
      admin->execute_script(
          "CREATE ROLE csv_owner LOGIN; CREATE TABLE team (id bigint GENERATED BY DEFAULT AS IDENTITY "
          "PRIMARY "
          "KEY, name text NOT NULL UNIQUE); ALTER TABLE team OWNER TO csv_owner; ALTER TABLE team ENABLE ROW "
          "LEVEL SECURITY; ALTER TABLE team FORCE ROW LEVEL SECURITY; CREATE POLICY all_for_system ON team "
          "USING "
          "(current_setting('mpf.scope', true) = 'system')");
    }
    options.user = "csv_owner";
    const auto db = db::open_postgres(options);
    std::istringstream in("id,name\n4,x\n7,y\n");
    CHECK(orm::import_csv(*db, orm::table_of<Team>(), in, "file.csv") == 2);
    std::ostringstream out;
    CHECK(orm::export_csv(*db, orm::table_of<Team>(), out) == 2);
    CHECK(out.str() == "id,name\n4,x\n7,y\n");
    std::istringstream again("name\nz\ny\n");
    CHECK_THROWS_WITH(orm::import_csv(*db, orm::table_of<Team>(), again, "file.csv"),
                      "file.csv: name: another row has the same already; it must be unique");
  });
}
