#include <mpf/base/file.hpp>

#include <filesystem>
#include <string>

#include <doctest/doctest.h>

#include <mpf/base/error.hpp>

#include "support/temp_dir.hpp"

using namespace mpf;

namespace {

template <class Fn>
ErrorKind kind_of(Fn&& fn) {
  try {
    fn();
  } catch (const Error& error) {
    return error.kind();
  }
  FAIL("no error");
  return ErrorKind::internal;
}

std::size_t file_count(const std::filesystem::path& folder) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++count;
  return count;
}

}  // namespace

TEST_CASE("what is written is read") {
  const test::TempDir folder;
  for (const std::size_t size : {0UL, 1UL, 4096UL, 4097UL, 300'000UL}) {
    CAPTURE(size);
    std::string content(size, 'x');
    if (size > 10) content[7] = '\0';
    write_file_atomic(folder / "file", content);
    CHECK(read_file(folder / "file") == content);
    CHECK(read_file(folder / "file", size) == content);
    if (size > 0) {
      CHECK(kind_of([&] { read_file(folder / "file", size - 1); }) == ErrorKind::too_large);
    }
  }
  CHECK(file_count(folder.path()) == 1);
}

TEST_CASE("files without a size of their own are read whole") {
  CHECK(read_file("/proc/self/status").find("VmSize") != std::string::npos);
}

TEST_CASE("what is missing or no file") {
  const test::TempDir folder;
  CHECK(kind_of([&] { read_file(folder / "none"); }) == ErrorKind::not_found);
  CHECK_FALSE(read_file_if_exists(folder / "none"));
  CHECK_FALSE(read_file_if_exists(folder / "none/deeper"));
  CHECK(kind_of([&] { read_file(folder.path()); }) == ErrorKind::invalid);
  CHECK(kind_of([&] { write_file_atomic(folder / "none/file", "x"); }) == ErrorKind::not_found);
}

TEST_CASE("a write that fails leaves the old file and nothing else") {
  const test::TempDir folder;
  std::filesystem::create_directory(folder / "taken");
  write_file_atomic(folder / "taken/inside", "old");
  CHECK_THROWS_AS(write_file_atomic(folder / "taken", "new"), Error);
  CHECK(read_file(folder / "taken/inside") == "old");
  CHECK(file_count(folder.path()) == 1);
  CHECK_THROWS_AS(write_file_atomic("/dev/full/x", "new"), Error);
}
