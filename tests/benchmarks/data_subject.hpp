#pragma once

#include <time.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include <mpf/db/database.hpp>
#include <mpf/db/postgres.hpp>
#include <mpf/fiber/runtime.hpp>

#include "benchmarks/data_model.hpp"

/// Who the data benchmark measures: MPF, hand-written C, Django; each on SQLite and PostgreSQL.
namespace mpf::bench {

enum class Work : std::uint8_t { read, get, bulk_insert, update, prefetch, commits, search, scan };

struct Measured {
  double time = 0;          ///< microseconds of one operation, by the clock
  double cpu = 0;           ///< the client's, without a server's
  std::uint64_t check = 0;  ///< depends on what was read or written: the same for all subjects
};

class Subject {
 public:
  virtual ~Subject() = default;
  /// Does the work once. What has to be made ready for it is not measured.
  virtual Measured run(Work work) = 0;
};

/// One written in C++: a function for each work.
class NativeSubject : public Subject {
 public:
  Measured run(Work work) override {
    switch (work) {
      case Work::read:
        return read();
      case Work::get:
        return get();
      case Work::bulk_insert:
        return bulk_insert();
      case Work::update:
        return update();
      case Work::prefetch:
        return prefetch();
      case Work::commits:
        return commits();
      case Work::search:
        return search(single_rows);
      case Work::scan:
        return scan(scans);
    }
    return {};
  }

 protected:
  virtual Measured read() = 0;
  virtual Measured get() = 0;
  virtual Measured bulk_insert() = 0;
  virtual Measured update() = 0;
  virtual Measured prefetch() = 0;
  /// Small transactions that survive a power loss; SQLite only.
  virtual Measured commits() { return {}; }
  /// By words, with an index; SQLite only.
  virtual Measured search(std::size_t /*count*/) { return {}; }
  /// The same without one, where the subject can do so.
  virtual Measured scan(std::size_t count) { return search(count); }
};

template <class Fn>
Measured measure_work(std::size_t operations, const Fn& fn) {
  const auto cpu_now = [] {
    timespec time{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
  };
  const double cpu = cpu_now();
  const auto begin = std::chrono::steady_clock::now();
  const std::uint64_t check = fn();
  const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - begin;
  const auto count = static_cast<double>(operations);
  return {time.count() / count, (cpu_now() - cpu) / count, check};
}

/// Makes the tables and their rows in a database, which the floor of that database uses as well.
void fill(fiber::Runtime& runtime, db::Database& db);

/// `durable`: the same database, opened so that commits survive a power loss; null where there is no such
/// difference.
std::unique_ptr<Subject> mpf_subject(fiber::Runtime& runtime, db::Database& db, db::Database* durable);
std::unique_ptr<Subject> postgres_floor(const db::PostgresOptions& options);
std::unique_ptr<Subject> sqlite_floor(const std::filesystem::path& file);
/// In a database of its own, as Django makes its tables.
std::unique_ptr<Subject> django_subject(const db::PostgresOptions& options);
std::unique_ptr<Subject> django_subject(const std::filesystem::path& sqlite_file);

}  // namespace mpf::bench
