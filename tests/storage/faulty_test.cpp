#include <mpf/storage/faulty.hpp>

#include <doctest/doctest.h>

#include "support/temp_dir.hpp"

using namespace mpf;

TEST_CASE("a faulty storage fails when told to, and leaves nothing then") {
  const test::TempDir dir;
  const auto faults = std::make_shared<storage::Faults>();
  const auto store = storage::make_faulty(storage::open_local({dir.path()}), faults);
  const auto count = [&] {
    int files = 0;
    store->each({}, [&](const storage::FileInfo&) { return ++files, true; });
    return files;
  };

  const auto name = store->put("12345", {}).name;
  CHECK(store->read(name, 5) == "12345");

  faults->free_bytes = 8;
  store->put("12345", {});
  CHECK(faults->free_bytes == 3);
  CHECK_THROWS_WITH_AS(store->put("12345", {}), doctest::Contains("disk is full"), Error);
  store->put("123", {});
  CHECK(faults->free_bytes == 0);
  CHECK(count() == 3);

  faults->free_bytes = UINT64_MAX;
  faults->fail_commit = true;
  CHECK_THROWS_AS(store->put("12345", {}), Error);
  CHECK(count() == 3);

  faults->fail_read = true;
  CHECK_THROWS_AS(store->read(name, 5), Error);
  CHECK_THROWS_AS((void)store->find(name), Error);
}
