#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <mpf/base/id.hpp>
#include <mpf/base/reflect.hpp>

namespace mpf {
class TaskContext;
}

namespace portal::content {

/// Looks what is in a source's folder.
struct ImportScan {
  mpf::Id source;
  std::int64_t run = 0;

  static constexpr auto describe() {
    return mpf::describe(mpf::field<&ImportScan::source>(), mpf::field<&ImportScan::run>());
  }
};

/// Takes over some files.
struct ImportFiles {
  struct Entry {
    std::string path;
    mpf::Id collection;
    std::int64_t position = 0;

    static constexpr auto describe() {
      return mpf::describe(mpf::field<&Entry::path>(), mpf::field<&Entry::collection>(),
                           mpf::field<&Entry::position>());
    }
  };
  mpf::Id source;
  std::int64_t run = 0;
  std::int64_t folder = 0;  ///< identity of the folder that they were found in; 0: not known
  std::vector<Entry> files;

  static constexpr auto describe() {
    return mpf::describe(mpf::field<&ImportFiles::source>(), mpf::field<&ImportFiles::run>(),
                         mpf::field<&ImportFiles::folder>(mpf::defaulted), mpf::field<&ImportFiles::files>());
  }
};

/// Retires what is gone and tidies up.
struct ImportFinish {
  mpf::Id source;
  std::int64_t run = 0;

  static constexpr auto describe() {
    return mpf::describe(mpf::field<&ImportFinish::source>(), mpf::field<&ImportFinish::run>());
  }
};

void import_scan(mpf::TaskContext& ctx, const ImportScan& scan);
void import_files(mpf::TaskContext& ctx, const ImportFiles& part);
void import_finish(mpf::TaskContext& ctx, const ImportFinish& finish);

}  // namespace portal::content
