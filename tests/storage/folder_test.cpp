#include "storage/folder.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "support/temp_dir.hpp"

using namespace mpf;
using storage::Descriptor;
using storage::open_below;
using storage::Walk;
namespace fs = std::filesystem;

TEST_CASE("both walks open the same names and refuse the same ones") {
  const test::TempDir dir;
  const auto root = dir.path() / "root";
  fs::create_directories(root / "a" / "b");
  std::ofstream(root / "a" / "b" / "file") << "x";
  std::ofstream(dir.path() / "secret") << "x";
  fs::create_symlink("b", root / "a" / "link");
  fs::create_symlink("b/file", root / "a" / "leaf");
  fs::create_symlink("../..", root / "a" / "up");
  const Descriptor folder(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  REQUIRE(folder);

  for (const auto walk : {Walk::by_kernel_if_it_can, Walk::by_segments}) {
    CAPTURE(static_cast<int>(walk));
    const auto result = [&](const char* name) {
      errno = 0;
      return open_below(folder.get(), name, O_RDONLY, walk) ? 0 : errno;
    };
    CHECK(result("a/b/file") == 0);
    CHECK(result("a/b") == 0);
    CHECK(result("a/b/none") == ENOENT);
    CHECK(result("none/file") == ENOENT);
    CHECK(result("a/b/file/below") == ENOTDIR);
    CHECK(result("a/link/file") == ELOOP);
    CHECK(result("a/leaf") == ELOOP);
    CHECK(result("a/up/secret") == ELOOP);
    CHECK(result("../secret") == EXDEV);
    CHECK(result("a/../../secret") == EXDEV);
    CHECK(result((dir.path() / "secret").c_str()) == EXDEV);
  }
}

TEST_CASE("folders are made segment by segment, never through a link") {
  const test::TempDir dir;
  fs::create_directories(dir.path() / "root");
  fs::create_directories(dir.path() / "outside");
  fs::create_directory_symlink(dir.path() / "outside", dir.path() / "root" / "link");
  const Descriptor folder(::open((dir.path() / "root").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  REQUIRE(folder);
  CHECK(storage::make_folder_below(folder.get(), "a/b/c", true));
  CHECK(storage::make_folder_below(folder.get(), "a/b/c", true));
  CHECK(storage::make_folder_below(folder.get(), "", false));
  CHECK((fs::status(dir.path() / "root/a/b").permissions() & fs::perms::all) == fs::perms::owner_all);
  CHECK_FALSE(storage::make_folder_below(folder.get(), "link/d", true));
  CHECK(errno == ELOOP);
  CHECK(fs::is_empty(dir.path() / "outside"));
}
