#include <mpf/orm/query.hpp>

#include <doctest/doctest.h>

#include <mpf/fiber/fiber.hpp>

#include "orm/models.hpp"

using namespace mpf;
using namespace mpf::test;
using orm::asc;
using orm::desc;
using orm::f;

TEST_CASE("a row comes back as it was stored, whatever its types") {
  fiber::run([] {
    const World world;
    const auto scope = world.scope(world.acme);
    Article stored = world.article(world.ann, "Größe \"one\" 'two' 🦊");
    stored.summary = "";
    stored.reads = INT64_MAX;
    stored.rank = -5;
    stored.score = 0.1;
    stored.pinned = true;
    stored.published_at = Timestamp(Microseconds(-1));
    stored.options = Json::parse(R"({"a":[1,null]})");
    stored.digest = {std::byte{0}, std::byte{255}};
    scope.insert(stored);
    const auto read = scope.get<Article>(stored.id);
    CHECK(read.title == stored.title);
    CHECK(read.summary == "");
    CHECK(read.reads == INT64_MAX);
    CHECK(read.rank == -5);
    CHECK(read.score == 0.1);
    CHECK(read.pinned);
    CHECK(read.published_at == stored.published_at);
    CHECK(read.options == stored.options);
    CHECK(read.digest == stored.digest);
    CHECK(read.site.id == world.acme.id);
    CHECK(read.version == 1);
    CHECK(read.created_at == stored.created_at);
    CHECK(!read.editor);
  });
}
