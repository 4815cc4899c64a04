#include <mpf/orm/inherit.hpp>

#include <set>

#include <fmt/core.h>

#include <mpf/orm/aggregate.hpp>
#include <mpf/orm/changeset.hpp>

#include "orm/relations.hpp"

namespace mpf::test {
namespace {

using orm::asc;
using orm::f;

struct Label {
  orm::Id id;
  orm::Ref<Site> site;
  std::string name;

  static constexpr auto model() {
    return orm::model<Label>("label", orm::field<&Label::site>(orm::tenant), orm::field<&Label::name>());
  }
};

/// What all content has in common.
struct Entry {
  orm::Id id;
  orm::Ref<Site> site;
  std::string kind;
  std::optional<orm::Ref<User>> author;
  std::string title;
  Timestamp changed_at;
  std::int64_t version = 0;
  std::optional<Timestamp> retired_at;
  orm::Many<Label> labels;

  static constexpr auto model() {
    return orm::model<Entry>(
        "entry", orm::field<&Entry::site>(orm::tenant), orm::field<&Entry::kind>(orm::row_kind),
        orm::field<&Entry::author>(orm::on_delete(orm::OnDelete::set_null)),
        orm::field<&Entry::title>(orm::max_length(20)), orm::field<&Entry::changed_at>(orm::auto_now),
        orm::field<&Entry::version>(orm::row_version), orm::field<&Entry::retired_at>(orm::retired),
        orm::unique<&Entry::site, &Entry::title>(), orm::links<&Entry::labels>(), orm::change_log());
  }
};

struct Clip : Entry {
  std::int64_t seconds = 0;
  std::string codec;
  std::optional<std::string> code;
  std::optional<orm::Ref<Clip>> next;

  static constexpr auto model() {
    return orm::model<Clip>("clip", orm::extends<Entry>("clip"), orm::field<&Clip::seconds>(),
                            orm::field<&Clip::codec>(orm::max_length(8)), orm::field<&Clip::code>(),
                            orm::unique<&Clip::site, &Clip::code>(),
                            orm::field<&Clip::next>(orm::on_delete(orm::OnDelete::set_null)),
                            orm::check("seconds", orm::col<&Clip::seconds> >= 0));
  }
};

/// Nothing of its own but that it is one.
struct Remark : Entry {
  static constexpr auto model() { return orm::model<Remark>("remark", orm::extends<Entry>("remark")); }
};

/// A kind of a kind.
struct Trailer : Clip {
  std::string film;

  static constexpr auto model() {
    return orm::model<Trailer>("trailer", orm::extends<Clip>("trailer"), orm::field<&Trailer::film>());
  }
};

struct Archive : WorldWith<Label, Entry, Clip, Remark, Trailer, orm::Link<&Entry::labels>, orm::Change> {
  using WorldWith::WorldWith;

  static Clip clip(std::string title, std::int64_t seconds) {
    Clip made;
    made.title = std::move(title);
    made.seconds = seconds;
    return made;
  }
};

std::vector<std::string> titles(const std::vector<Clip>& clips) {
  std::vector<std::string> found;
  for (const Clip& clip : clips) found.push_back(clip.title);
  return found;
}
using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("a row of a kind is written and read as one") {
  on_each_database([](db::Dialect dialect) {
    const Archive archive(dialect);
    const auto scope = archive.scope(archive.acme);
    Clip clip = Archive::clip("first", 7);
    clip.author = orm::Ref<User>(archive.ann.id);
    scope.insert(clip);
    CHECK(clip.id);
    CHECK(clip.kind == "clip");
    CHECK(clip.version == 1);
    const Clip read = scope.get<Clip>(clip.id);
    CHECK(read.title == "first");
    CHECK(read.seconds == 7);
    CHECK(read.site.id == archive.acme.id);
    CHECK(read.author->id == archive.ann.id);

    // Changes of either part count once, in the base.
    clip.title = "second";
    scope.update(clip);
    clip.seconds = 8;
    scope.update<&Clip::seconds>(clip);
    CHECK(clip.version == 3);
    CHECK(scope.get<Clip>(clip.id).seconds == 8);
    CHECK(scope.get<Entry>(clip.id).title == "second");
    CHECK(scope.get<Entry>(clip.id).version == 3);
    Clip before = clip;
    clip.title = "third";
    clip.seconds = 9;
    CHECK(scope.update(clip, before));
    CHECK_FALSE(scope.update(clip, Clip(clip)));
    // Somebody who read it earlier loses, and nothing of what he wrote stays.
    before.seconds = 100;
    CHECK_THROWS_AS(scope.update(before), Error);
    CHECK(scope.get<Clip>(clip.id).seconds == 9);

    CHECK_FALSE(scope.remove<Remark>(clip.id));
    CHECK(scope.remove<Clip>(clip.id));
    CHECK_FALSE(scope.find<Entry>(clip.id));
    CHECK(archive.number("SELECT count(*) FROM clip") == 0);
  });
}

TEST_CASE("what is wrong with either part is told together, and nothing is stored") {
  on_each_database([](db::Dialect dialect) {
    const Archive archive(dialect);
    const auto scope = archive.scope(archive.acme);
    Clip clip = Archive::clip(std::string(21, 'x'), 1);
    clip.codec = "much too long";
    try {
      scope.insert(clip);
      FAIL("stored");
    } catch (const ValidationError& error) {
      REQUIRE(error.fields().size() == 2);
      CHECK(error.fields()[0].path == "codec");
      CHECK(error.fields()[1].path == "title");
    }
    clip = Archive::clip("x", -1);  // the database refuses the second part
    CHECK_THROWS_AS(scope.insert(clip), db::ConstraintError);
    CHECK_FALSE(clip.id);
    CHECK(archive.number("SELECT count(*) FROM entry") == 0);
    scope.insert(Archive::clip("taken", 1));
    orm::Changeset<Clip> changes;
    changes.cast<&Clip::title, &Clip::seconds>(R"({"title":"taken","seconds":3})");
    try {
      orm::apply(scope, changes);
      FAIL("stored");
    } catch (const ValidationError& error) {
      CHECK(error.fields().at(0).path == "title");
      CHECK(error.fields()[0].code == "unique");
    }
    orm::Changeset<Clip> good;
    good.cast<&Clip::title, &Clip::seconds>(R"({"title":"free","seconds":3})");
    CHECK(orm::apply(scope, good));
    CHECK(scope.query<Clip>().where(f<&Entry::title> == "free").one().seconds == 3);
  });
}

TEST_CASE("queries go by the fields of both parts") {
  on_each_database([](db::Dialect dialect) {
    const Archive archive(dialect);
    const auto scope = archive.scope(archive.acme);
    const Label label = scope.insert(Label{.name = "loud"});
    Clip a = Archive::clip("a", 3);
    a.author = orm::Ref<User>(archive.ann.id);
    scope.insert(a);
    Clip b = Archive::clip("b", 2);
    b.next = orm::Ref<Clip>(a.id);
    scope.insert(b);
    scope.insert(Archive::clip("c", 1));
    orm::links_of<&Entry::labels>(scope, a).add(label.id);

    const auto all = scope.query<Clip>();
    CHECK(titles(all.order_by(asc<&Clip::seconds>).all()) == Texts{"c", "b", "a"});
    CHECK(titles(all.order_by(orm::desc<&Entry::title>).limit(2).all()) == Texts{"c", "b"});
    CHECK(titles(all.where(f<&Entry::title> >= "b" && f<&Clip::seconds> > 1).all()) == Texts{"b"});
    CHECK(all.where(f<&Clip::title> != "a").count() == 2);
    CHECK(all.where(f<&Clip::author, &User::name> == "Ann").exists());
    CHECK(titles(all.where(f<&Clip::next, &Entry::title> == "a").all()) == Texts{"b"});

    const auto [sum, last] = all.aggregate(orm::sum(f<&Clip::seconds>), orm::maximum(f<&Entry::title>));
    CHECK(sum == 6);
    CHECK(last == "c");

    const Clip loaded = all.where(f<&Clip::id> == a.id).with<&Clip::author>().prefetch<&Clip::labels>().one();
    CHECK((*loaded.author)->name == "Ann");
    REQUIRE(loaded.labels.size() == 1);
    CHECK(loaded.labels[0].name == "loud");
    // A reference to a kind loads all of its row, and what that refers to.
    const Clip second = all.where(f<&Clip::title> == "b").with<&Clip::next, &Clip::author>().one();
    CHECK((*second.next)->title == "a");
    CHECK((*second.next)->seconds == 3);
    CHECK((*(*second.next)->author)->name == "Ann");

    const auto page = all.order_by(asc<&Entry::title>).page({.size = 2});
    CHECK(titles(page.rows) == Texts{"a", "b"});
    CHECK(titles(all.order_by(asc<&Entry::title>).page({.size = 2, .after = page.next}).rows) == Texts{"c"});
  });
}

TEST_CASE("many rows of a kind at once, by rows and by expressions") {
  on_each_database([](db::Dialect dialect) {
    const Archive archive(dialect);
    const auto scope = archive.scope(archive.acme);
    for (const int count : {3, 200}) {
      CAPTURE(count);
      std::vector<Clip> clips;
      for (int i = 0; i < count; ++i) clips.push_back(Archive::clip(fmt::format("{}-{}", count, i), i));
      scope.insert_many(clips);
      const Clip last = scope.get<Clip>(clips.back().id);
      CHECK(last.title == clips.back().title);
      CHECK(last.seconds == count - 1);
      CHECK(last.kind == "clip");
      for (Clip& clip : clips) {
        clip.seconds += 1000;
        clip.title += "!";
      }
      scope.update_many(clips);
      CHECK(scope.get<Clip>(clips.front().id).title == clips.front().title);
      CHECK(scope.get<Clip>(clips.front().id).seconds == 1000);
      CHECK(scope.get<Clip>(clips.front().id).version == 2);
    }
    const auto some = scope.query<Clip>().where(f<&Entry::title>.starts_with("3-"));
    // The base's part fails, and the own one is as it was.
    CHECK_THROWS_AS(
        some.update(orm::set<&Clip::seconds>(f<&Clip::seconds> + 1), orm::set<&Entry::title>("3-x")),
        db::ConstraintError);
    CHECK(some.update(orm::set<&Clip::seconds>(f<&Clip::seconds> + 1), orm::set<&Clip::codec>("h264")) == 3);
    CHECK(some.where(f<&Clip::codec> == "h264" && f<&Clip::seconds> == 1001 && f<&Entry::version> == 3)
              .exists());
    const auto gone = some.where(f<&Clip::seconds> > 1001).remove_returning();
    CHECK(gone.size() == 2);
    CHECK(gone[0].title.starts_with("3-"));
    CHECK(archive.number("SELECT count(*) FROM entry") == 201);
    CHECK(scope.query<Clip>().remove() == 201);
    CHECK(archive.number("SELECT count(*) FROM entry") == 0);
  });
}

TEST_CASE("the base tells the kinds apart") {
  on_each_database([](db::Dialect dialect) {
    const Archive archive(dialect);
    const auto scope = archive.scope(archive.acme);
    const Clip clip = scope.insert(Archive::clip("a", 1));
    Remark remark;
    remark.title = "b";
    scope.insert(remark);
    Trailer trailer;
    trailer.title = "c";
    trailer.seconds = 5;
    trailer.film = "Metropolis";
    scope.insert(trailer);
    Entry bare;
    bare.title = "d";
    bare.kind = "clip";  // is none, and does not become one
    scope.insert(bare);
    Texts kinds;
    const auto entries = scope.query<Entry>().order_by(asc<&Entry::title>).all();
    for (const Entry& entry : entries) kinds.push_back(entry.kind);
    CHECK(kinds == Texts{"clip", "remark", "trailer", ""});
    CHECK(orm::is_a<Clip>(entries[0]));
    CHECK_FALSE(orm::is_a<Clip>(entries[1]));
    CHECK(orm::whole<Clip>(scope, entries[0])->seconds == 1);
    CHECK_FALSE(orm::whole<Clip>(scope, entries[1]));
    CHECK_FALSE(orm::whole<Clip>(archive.scope(archive.globex), entries[0]));
    CHECK(orm::whole<Trailer>(scope, entries[2])->film == "Metropolis");
    CHECK(scope.query<Entry>().where(f<&Entry::kind> == orm::kind_of<Remark>).count() == 1);
    CHECK(scope.query<Clip>().count() == 2);  // a trailer is a clip
    CHECK(scope.get<Clip>(trailer.id).seconds == 5);
    trailer.film = "M";
    trailer.seconds = 6;
    trailer.title = "cc";
    scope.update(trailer);
    CHECK(scope.get<Trailer>(trailer.id).film == "M");
    CHECK(scope.get<Entry>(trailer.id).title == "cc");
    CHECK(trailer.version == 2);
    // With the base goes all the rest.
    CHECK(scope.remove<Entry>(trailer.id));
    CHECK_FALSE(scope.find<Clip>(trailer.id));
    CHECK(archive.number("SELECT count(*) FROM trailer") == 0);
  });
}

TEST_CASE("kinds keep to their scope, their retirement and their log as their base does") {
  on_each_database([](db::Dialect dialect) {
    const Archive archive(dialect);
    const auto acme = archive.scope(archive.acme);
    const auto globex = archive.scope(archive.globex);
    Clip clip = Archive::clip("mine", 1);
    acme.insert(clip);
    CHECK_FALSE(globex.find<Clip>(clip.id));
    CHECK(globex.query<Clip>().count() == 0);
    CHECK(globex.query<Clip>().update(orm::set<&Entry::title>("theirs")) == 0);
    CHECK_FALSE(globex.remove<Clip>(clip.id));
    Clip stolen = clip;
    CHECK_THROWS_AS(globex.update(stolen), Error);
    CHECK(archive.system().query<Clip>().count() == 1);
    CHECK(archive.scope(archive.first).query<Clip>().count() == 1);
    // The database itself gives no tenant a part of another's row.
    CHECK_FALSE(archive.takes(fmt::format("UPDATE clip SET site_id = {}", archive.globex.id.value)));

    CHECK(acme.retire<Clip>(clip.id));
    CHECK_FALSE(acme.find<Clip>(clip.id));
    CHECK(acme.query<Clip>().count() == 0);
    CHECK(acme.query<Clip>().with_retired().count() == 1);
    CHECK(acme.restore<Clip>(clip.id));
    clip = acme.get<Clip>(clip.id);
    clip.seconds = 2;
    acme.update(clip);
    const auto logged = [&](const char* table, const char* field) {
      return archive.system()
          .query<orm::Change>()
          .where(f<&orm::Change::table> == table && f<&orm::Change::field> == field)
          .count();
    };
    CHECK(logged("entry", "retired_at") == 2);
    CHECK(logged("clip", "seconds") == 1);
  });
}

TEST_CASE("a row of a kind is found or made by unique values of either part, however many ask at once") {
  on_each_database([](db::Dialect dialect) {
    const Archive archive(dialect);
    const auto scope = archive.scope(archive.acme);
    const auto coded = [](std::string title, std::string code) {
      Clip made = Archive::clip(std::move(title), 1);
      made.code = std::move(code);
      return made;
    };
    const auto [first, created] = scope.get_or_create<&Entry::title>(coded("a", "A"));
    CHECK(created);
    CHECK(first.kind == "clip");
    const auto [same, again] = scope.get_or_create<&Entry::title>(coded("a", "other"));
    CHECK_FALSE(again);
    CHECK(same.id == first.id);
    CHECK(same.code == "A");
    const auto [by_code, third] = scope.get_or_create<&Clip::code>(coded("other", "A"));
    CHECK_FALSE(third);
    CHECK(by_code.id == first.id);
    CHECK(by_code.title == "a");
    CHECK(archive.number("SELECT count(*) FROM entry") == 1);
    // Another unique value that is taken is a mistake, as with insert().
    CHECK_THROWS_AS(scope.get_or_create<&Clip::code>(coded("a", "B")), db::ConstraintError);
    // Kinds of kinds, by what each part has.
    Trailer trailer;
    trailer.title = "t";
    trailer.code = "T";
    trailer.film = "M";
    CHECK(scope.get_or_create<&Clip::code>(trailer).second);
    CHECK(scope.get_or_create<&Entry::title>(trailer).first.film == "M");
    CHECK_FALSE(scope.get_or_create<&Entry::title>(coded("t", "U")).second);  // a trailer is a clip

    Remark remark;
    remark.title = "a";
    CHECK_THROWS_WITH_AS(scope.get_or_create<&Entry::title>(remark), doctest::Contains("is no row of remark"),
                         Error);
    CHECK_THROWS_WITH_AS(scope.upsert<&Entry::title>(remark), doctest::Contains("is no row of remark"),
                         Error);
    CHECK_FALSE(remark.id);
    CHECK(kind_of([&] { scope.get_or_create<&Clip::seconds>(coded("x", "X")); }) == ErrorKind::internal);
    // Another tenant has titles of its own.
    CHECK(archive.scope(archive.globex).get_or_create<&Entry::title>(coded("a", "A")).second);

    std::set<std::int64_t> ids;
    int made = 0;
    std::vector<fiber::Fiber<void>> asking;
    for (int i = 0; i < 8; ++i) {
      asking.push_back(fiber::spawn([&, i] {
        const auto [clip, mine] = i % 2 == 0 ? scope.get_or_create<&Clip::code>(coded("race", "R"))
                                             : scope.get_or_create<&Entry::title>(coded("race", "R"));
        ids.insert(clip.id.value);
        made += mine ? 1 : 0;
      }));
    }
    for (auto& each : asking) each.get();
    CHECK(ids.size() == 1);
    CHECK(made == 1);
  });
}

TEST_CASE("upsert changes all parts of a row of a kind, or stores them") {
  on_each_database([](db::Dialect dialect) {
    const Archive archive(dialect);
    const auto scope = archive.scope(archive.acme);
    const auto coded = [](std::string title, std::string code, std::int64_t seconds) {
      Clip made = Archive::clip(std::move(title), seconds);
      made.code = std::move(code);
      return made;
    };
    Clip clip = coded("a", "A", 1);
    scope.upsert<&Clip::code>(clip);
    CHECK(clip.id);
    CHECK(clip.version == 1);
    CHECK(scope.retire<Clip>(clip.id));
    Clip by_code = coded("renamed", "A", 2);
    scope.upsert<&Clip::code>(by_code);
    CHECK(by_code.id == clip.id);
    CHECK(by_code.version == 3);
    CHECK(by_code.kind == "clip");
    Clip by_title = coded("renamed", "AA", 3);
    scope.upsert<&Entry::title>(by_title);
    CHECK(by_title.id == clip.id);
    const Clip now = scope.query<Clip>().with_retired().one();  // it stays retired
    CHECK(now.title == "renamed");
    CHECK(now.code == "AA");
    CHECK(now.seconds == 3);
    CHECK(now.version == 4);

    std::vector<Clip> many{coded("m", "M", 1), coded("renamed", "AAA", 4), coded("n", "N", -1)};
    CHECK_THROWS_AS(scope.upsert_many<&Entry::title>(many), db::ConstraintError);  // all or none
    CHECK(archive.number("SELECT count(*) FROM entry") == 1);
    for (Clip& each : many) each.id = orm::Id();
    many[2].seconds = 5;
    scope.upsert_many<&Entry::title>(many);
    CHECK(archive.number("SELECT count(*) FROM clip") == 3);
    CHECK(archive.number("SELECT sum(seconds) FROM clip") == 10);
    std::vector<Clip> twice{coded("m", "x", 1), coded("m", "y", 1)};
    CHECK_THROWS_WITH_AS(scope.upsert_many<&Entry::title>(twice), doctest::Contains("[1].title"),
                         ValidationError);

    std::vector<fiber::Fiber<void>> writing;
    for (int i = 0; i < 8; ++i) {
      writing.push_back(fiber::spawn([&, i] {
        Clip mine = coded("race", "R", i);
        if (i % 2 == 0) {
          scope.upsert<&Entry::title>(mine);
        } else {
          scope.upsert<&Clip::code>(mine);
        }
      }));
    }
    for (auto& each : writing) each.get();
    CHECK(scope.query<Clip>().where(f<&Entry::title> == "race").one().version == 8);
    const auto logged = archive.system().query<orm::Change>().where(f<&orm::Change::table> == "clip" &&
                                                                    f<&orm::Change::field> == "seconds");
    CHECK(logged.count() >= 3);
  });
}

TEST_CASE("rows of kinds are locked in both parts") {
  on_each_database([](db::Dialect dialect) {
    const Archive archive(dialect);
    const auto scope = archive.scope(archive.acme);
    const Clip clip = scope.insert(Archive::clip("a", 1));
    scope.transaction([&] {
      const auto query = scope.query<Clip>().where(f<&Clip::id> == clip.id).for_update();
      CHECK(query.one().title == "a");
      if (dialect == db::Dialect::postgres)
        CHECK(query.sql().find("FOR UPDATE OF t0, t1") != std::string::npos);
    });
  });
}

}  // namespace mpf::test
