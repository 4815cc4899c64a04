#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <mpf/orm/detail/core.hpp>

namespace mpf::orm::detail {

/// Writes the change log of one write, in its transaction.
class Recorder {
 public:
  Recorder(const ScopeData& scope, const ModelInfo& model) : scope_(scope), model_(model) {}

  /// The rows that are going to change, which are locked until the transaction ends.
  void before(std::span<const std::int64_t> ids);
  /// The row, if there is one, with the same values in these columns.
  void before_key(const std::vector<std::size_t>& columns, const void* object);
  /// Changed or added, whichever they were.
  void after(std::span<const std::int64_t> ids);
  void added(std::span<const std::int64_t> ids) { after(ids); }
  /// Of those that before() saw, all that are gone.
  void removed();

 private:
  struct Seen {
    std::vector<std::string> values;  ///< JSON, by column
    std::int64_t site = 0;
    std::int64_t provider = 0;
  };
  using Rows = std::map<std::int64_t, Seen>;

  void read(const std::function<void(class Sql&)>& which, bool lock, Rows& into);
  void read(std::span<const std::int64_t> ids, bool lock, Rows& into);
  void write(const Rows& now);

  const ScopeData& scope_;
  const ModelInfo& model_;
  Rows before_;
};

/// Runs work(recorder) in a transaction.
template <class Work>
void with_recorder(const ScopeData& scope, const ModelInfo& model, const Work& work) {
  scope.db->transaction([&](db::Transaction&) {
    Recorder recorder(scope, model);
    work(recorder);
  });
}

/// The same with its address for models with a change log, else work(nullptr).
template <class Work>
void recording(const ScopeData& scope, const ModelInfo& model, const Work& work) {
  if (!model.change_log) {
    work(static_cast<Recorder*>(nullptr));
    return;
  }
  with_recorder(scope, model, [&](Recorder& recorder) { work(&recorder); });
}

/// The same for a write of all rows of a query: work(query) writes those that it gets.
template <class Work>
std::uint64_t recording_rows(const QueryCore& query, bool removes, const Work& work) {
  const ModelInfo& model = query.model();
  if (!model.change_log) return work(query);
  std::uint64_t rows = 0;
  with_recorder(query.scope(), model, [&](Recorder& recorder) {
    const std::vector<std::int64_t> ids = query.ids(db::Access::write);
    recorder.before(ids);
    rows = work(query.only(ids));
    if (removes) {
      recorder.removed();
    } else {
      recorder.after(ids);
    }
  });
  return rows;
}

}  // namespace mpf::orm::detail
