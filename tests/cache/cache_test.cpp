#include <doctest/doctest.h>

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <mpf/base/error.hpp>
#include <mpf/base/manual_clock.hpp>
#include <mpf/cache/cache.hpp>
#include <mpf/cache/stash.hpp>
#include <mpf/fiber/fiber.hpp>

using namespace std::chrono_literals;
using mpf::cache::Cache;
using mpf::cache::GetOptions;
using mpf::cache::Group;
using mpf::cache::key;

namespace {

const Group content = Group::system("content");

/// Counts its calls; gives call numbers or throws.
struct Loader {
  int calls = 0;
  bool fails = false;
  int operator()() {
    ++calls;
    if (fails) mpf::fail(mpf::ErrorKind::unavailable, "down");
    return calls;
  }
};

GetOptions exactly(std::chrono::milliseconds ttl) { return {.ttl = ttl, .jitter = 0}; }

}  // namespace

TEST_CASE("a value is loaded once and then served") {
  mpf::fiber::run([] {
    Cache cache;
    Loader load;
    CHECK(*cache.get<int>(key("a"), content, load) == 1);
    CHECK(*cache.get<int>(key("a"), content, load) == 1);
    CHECK(*cache.get<int>(key("b"), content, load) == 2);
    CHECK(cache.stats().hits == 1);
    CHECK(cache.stats().misses == 2);
    CHECK(cache.stats().entries == 2);
    cache.clear();
    CHECK(cache.stats().entries == 0);
    CHECK(cache.stats().bytes == 0);
    CHECK(*cache.get<int>(key("a"), content, load) == 3);
  });
}

TEST_CASE("outside fibers it works too") {
  Cache cache;
  Loader load;
  CHECK(*cache.get<int>(key("a"), content, load) == 1);
  CHECK(*cache.get<int>(key("a"), content, load) == 1);
}

TEST_CASE("a bump outdates the group and those below it, and no others") {
  mpf::fiber::run([] {
    Cache cache;
    const Group provider = content.child("provider:1");
    const Group site = provider.child("site:3");
    const Group other = content.child("provider:2");
    CHECK(site.path() == "content/provider:1/site:3");
    std::map<std::string, Loader> loads;
    const auto read = [&](const Group& group) {
      return *cache.get<int>(key("v"), group, loads[group.path()]);
    };
    const auto read_all = [&] {
      return std::vector<int>{read(content), read(provider), read(site), read(other)};
    };
    CHECK(read_all() == std::vector<int>{1, 1, 1, 1});
    cache.bump(site);
    CHECK(read_all() == std::vector<int>{1, 1, 2, 1});
    cache.bump(provider);
    CHECK(read_all() == std::vector<int>{1, 2, 3, 1});
    cache.bump(content);
    CHECK(read_all() == std::vector<int>{2, 3, 4, 2});
    cache.bump(Group::system("other"));
    CHECK(read_all() == std::vector<int>{2, 3, 4, 2});
  });
}

TEST_CASE("groups and keys are told apart") {
  CHECK_THROWS_AS(Group::system(""), mpf::Error);
  CHECK_THROWS_AS(Group::system("a/b"), mpf::Error);
  CHECK_THROWS_AS(content.child("a/b"), mpf::Error);
  CHECK(key("menu", "de", 5, true).text() == "menu(de,5,true)");
  const std::set<std::string> texts{key("a", "b,c").text(),   key("a", "b", "c").text(),
                                    key("a(b", "c").text(),   key("a", "b\\", "c").text(),
                                    key("a", "b\\,c").text(), key("a", "").text(),
                                    key("a").text()};
  CHECK(texts.size() == 7);
  mpf::fiber::run([] {
    Cache cache;
    Loader load;
    CHECK(*cache.get<int>(key("v"), content.child("a"), load) == 1);
    CHECK(*cache.get<int>(key("v"), content.child("b"), load) == 2);
  });
}

TEST_CASE("a key has one type") {
  mpf::fiber::run([] {
    Cache cache;
    CHECK(*cache.get<int>(key("a"), content, [] { return 1; }) == 1);
    CHECK_THROWS_WITH_AS(cache.get<std::string>(key("a"), content, [] { return "x"; }),
                         doctest::Contains("two types"), mpf::Error);
    CHECK(*cache.get<std::string>(key("b"), content, [] { return "x"; }) == "x");
    const auto shared = std::make_shared<const std::string>("y");
    CHECK(cache.get<std::string>(key("c"), content, [&] { return shared; }) == shared);
  });
}

TEST_CASE("nothing is remembered, for a shorter time, and only if wanted") {
  mpf::fiber::run([] {
    mpf::ManualClock clock;
    Cache cache({.clock = &clock});
    int calls = 0;
    std::optional<int> value;
    const auto load = [&] {
      ++calls;
      return value;
    };
    GetOptions options{.ttl = 1h, .jitter = 0, .nothing_ttl = 1min};
    CHECK(cache.get<int>(key("a"), content, load, options) == nullptr);
    value = 7;
    CHECK(cache.get<int>(key("a"), content, load, options) == nullptr);
    CHECK(calls == 1);
    clock.advance(61s);
    CHECK(*cache.get<int>(key("a"), content, load, options) == 7);
    clock.advance(59min);
    CHECK(*cache.get<int>(key("a"), content, load, options) == 7);
    CHECK(calls == 2);

    value.reset();
    options.cache_nothing = false;
    CHECK(cache.get<int>(key("b"), content, load, options) == nullptr);
    CHECK(cache.get<int>(key("b"), content, load, options) == nullptr);
    CHECK(calls == 4);
  });
}

TEST_CASE("values end with their ttl, each a little earlier than it") {
  mpf::fiber::run([] {
    mpf::ManualClock clock;
    Cache cache({.clock = &clock});
    Loader load;
    CHECK(*cache.get<int>(key("a"), content, load, exactly(10s)) == 1);
    clock.advance(10s - 1us);
    CHECK(*cache.get<int>(key("a"), content, load, exactly(10s)) == 1);
    clock.advance(1us);
    CHECK(*cache.get<int>(key("a"), content, load, exactly(10s)) == 2);

    const GetOptions jittered{.ttl = 100s, .jitter = 0.5};
    const auto count_fresh = [&] {
      int fresh = 0;
      for (int i = 0; i < 400; ++i) {
        Loader again;
        cache.get<int>(key("j", i), content, again, jittered);
        fresh += again.calls == 0 ? 1 : 0;
      }
      return fresh;
    };
    CHECK(count_fresh() == 0);
    clock.advance(50s - 1us);
    CHECK(count_fresh() == 400);
    clock.advance(25s);
    const int fresh = count_fresh();
    CHECK(fresh > 120);
    CHECK(fresh < 280);
  });
}

TEST_CASE("while one reloads, the others get the value as it was") {
  mpf::fiber::run(
      [] {
        mpf::ManualClock clock;
        Cache cache({.clock = &clock});
        const GetOptions options{.ttl = 10s, .jitter = 0, .stale_while_revalidate = 5s};
        cache.get<int>(
            key("a"), content, [] { return 1; }, options);
        clock.advance(12s);
        bool loading = false;
        bool go_on = false;
        auto reloading = mpf::fiber::spawn([&] {
          return *cache.get<int>(
              key("a"), content,
              [&] {
                loading = true;
                while (!go_on) mpf::fiber::yield();
                return 2;
              },
              options);
        });
        while (!loading) mpf::fiber::yield();
        Loader load;
        CHECK(*cache.get<int>(key("a"), content, load, options) == 1);
        CHECK(load.calls == 0);
        go_on = true;
        CHECK(reloading.get() == 2);
        CHECK(*cache.get<int>(key("a"), content, load, options) == 2);
        CHECK(cache.stats().stale_served == 1);
      },
      {.loops = 1});
}

TEST_CASE("an outdated value is served while the loader fails, but never after a bump") {
  mpf::fiber::run([] {
    mpf::ManualClock clock;
    Cache cache({.clock = &clock});
    Loader load;
    const GetOptions options{.ttl = 10s, .jitter = 0, .stale_on_error = 1min};
    const auto read = [&] { return *cache.get<int>(key("a"), content, load, options); };
    CHECK(read() == 1);
    clock.advance(11s);
    load.fails = true;
    CHECK(read() == 1);
    CHECK(load.calls == 2);
    CHECK(read() == 1);
    CHECK(load.calls == 2);  // not tried again for a while
    clock.advance(5s);
    CHECK(read() == 1);
    CHECK(load.calls == 3);
    clock.advance(1min);
    CHECK_THROWS_AS(read(), mpf::Error);
    load.fails = false;
    CHECK(read() == 5);
    clock.advance(11s);
    load.fails = true;
    cache.bump(content);
    CHECK_THROWS_AS(read(), mpf::Error);
  });
}

TEST_CASE("an error is not kept") {
  mpf::fiber::run([] {
    Cache cache;
    Loader load;
    load.fails = true;
    CHECK_THROWS_AS(cache.get<int>(key("a"), content, load), mpf::Error);
    load.fails = false;
    CHECK(*cache.get<int>(key("a"), content, load) == 2);
    CHECK(cache.stats().load_errors == 1);
  });
}

TEST_CASE("a value whose loader was overtaken by a bump goes to its caller only") {
  mpf::fiber::run([] {
    Cache cache;
    int row = 1;
    const auto slow = [&] {
      const int seen = row;
      row = 2;
      cache.bump(content);
      return seen;
    };
    CHECK(*cache.get<int>(key("a"), content, slow) == 1);
    CHECK(*cache.get<int>(key("a"), content, [&] { return row; }) == 2);
  });
}

TEST_CASE("the request stash serves its request, and own bumps end that") {
  mpf::fiber::run([] {
    Cache cache;
    Loader load;
    {
      const auto stash = mpf::cache::RequestStash::open();
      CHECK(*cache.get<int>(key("a"), content, load) == 1);
      CHECK(*cache.get<int>(key("a"), content, load) == 1);
      CHECK(cache.stats().stash_hits == 1);
      cache.clear();
      CHECK(*cache.get<int>(key("a"), content, load) == 1);
      CHECK(mpf::fiber::spawn([&] { return *cache.get<int>(key("a"), content, load); }).get() == 1);
      cache.bump(content);
      CHECK(*cache.get<int>(key("a"), content, load) == 2);
      CHECK(*cache.get<int>(key("a"), content, load) == 2);
      Cache another;
      CHECK(*another.get<int>(key("a"), content, load) == 3);
    }
    CHECK(mpf::cache::RequestStash::current() == nullptr);
    const auto hits = cache.stats().stash_hits;
    CHECK(*cache.get<int>(key("a"), content, load) == 2);
    CHECK(cache.stats().stash_hits == hits);
  });
}

namespace {

struct Blob {
  int size;
};
std::size_t cache_weight(const Blob& blob) { return static_cast<std::size_t>(blob.size); }

struct Page {
  std::string title;
  std::vector<std::string> lines;
  static constexpr auto describe() {
    return mpf::describe(mpf::field<&Page::title>(), mpf::field<&Page::lines>());
  }
};

}  // namespace

TEST_CASE("weights follow what values own") {
  using mpf::cache::weigh;
  CHECK(weigh(5) == sizeof(int));
  CHECK(weigh(Blob{1234}) == 1234);
  CHECK(weigh(std::string(1000, 'x')) >= sizeof(std::string) + 1000);
  CHECK(weigh(std::vector<int>(1000)) >= 1000 * sizeof(int));
  CHECK(weigh(std::optional<std::string>(std::string(1000, 'x'))) >= 1000);
  CHECK(weigh(std::map<std::string, std::string>{{"a", std::string(1000, 'x')}}) >= 1000);
  const Page page{std::string(100, 'x'), {std::string(1000, 'y'), std::string(1000, 'z')}};
  CHECK(weigh(page) >= 2100);
  CHECK(weigh(page) < 2600);
}
