#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <mpf/orm/scope.hpp>

namespace mpf::orm {

/// What a batch will find; there once the batch has run. Copies share it.
template <class Value>
class Awaited {
 public:
  bool ready() const noexcept { return state_->ready; }
  /// Error(internal) before Batch::run().
  Value& operator*() const {
    if (!state_->ready) throw_not_run();
    return state_->value;
  }
  Value* operator->() const { return &**this; }

 private:
  friend class Batch;
  struct State {
    Value value{};
    bool ready = false;
  };
  [[noreturn]] static void throw_not_run() {
    throw Error(ErrorKind::internal, "the batch has not run yet: call run() before reading what it found");
  }
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

/// Several reads of one fiber, sent to the database together:
///
///     orm::Batch batch(scope);
///     auto world = batch.find<World>(id);           // Awaited<std::optional<World>>
///     auto recent = batch.all(scope.query<Post>().limit(5));
///     batch.run();
///     use(*world, *recent);
///
/// Sets asked for by prefetch<> are loaded after, by statements of their own. All scopes and queries are of
/// one database. To be used by one fiber.
class Batch {
 public:
  template <detail::ScopeKind kind>
  explicit Batch(const detail::BasicScope<kind>& scope) : scope_(scope.data()) {}

  /// The row of that id, if the scope has one.
  template <class T>
  Awaited<std::optional<T>> find(Id id) {
    Awaited<std::optional<T>> awaited;
    const detail::ModelInfo& model = detail::model_info<T>();
    add(
        detail::find_statement(scope_, model, id),
        [state = awaited.state_, &model](const db::Row& row) {
          model.decode(&state->value.emplace(), row, 0);
        },
        [state = awaited.state_] { state->ready = true; });
    return awaited;
  }

  template <class T>
  Awaited<std::vector<T>> all(const Query<T>& query) {
    Awaited<std::vector<T>> awaited;
    auto prepared = query.core().prepared();
    add(
        std::move(prepared.statement),
        [state = awaited.state_, loads = std::move(prepared.loads)](const db::Row& row) {
          const detail::ModelInfo& model = detail::model_info<T>();
          T& object = state->value.emplace_back();
          model.decode(&object, row, 0);
          detail::load_children(&object, row, model, loads);
        },
        [state = awaited.state_, core = query.core()] {
          core.load_sets(state->value.data(), state->value.size(), sizeof(T));
          state->ready = true;
        });
    return awaited;
  }

  template <class T>
  Awaited<std::optional<T>> first(const Query<T>& query) {
    Awaited<std::optional<T>> awaited;
    auto prepared = query.core().at_most_one().prepared();
    add(
        std::move(prepared.statement),
        [state = awaited.state_, loads = std::move(prepared.loads)](const db::Row& row) {
          const detail::ModelInfo& model = detail::model_info<T>();
          T& object = state->value.emplace();
          model.decode(&object, row, 0);
          detail::load_children(&object, row, model, loads);
        },
        [state = awaited.state_, core = query.core()] {
          if (state->value) core.load_sets(&*state->value, 1, sizeof(T));
          state->ready = true;
        });
    return awaited;
  }

  std::size_t size() const noexcept { return statements_.size(); }

  /// Sends all that was added since the last run. Throws what db::Database::execute_batch() throws; then
  /// nothing of it is ready.
  void run() {
    const std::vector<db::Statement> statements = std::exchange(statements_, {});
    const std::vector<Reader> readers = std::exchange(readers_, {});
    if (statements.empty()) return;
    scope_.db->execute_batch(
        statements, [&readers](std::size_t statement, const db::Row& row) { readers[statement].read(row); });
    for (const Reader& reader : readers) reader.done();
  }

 private:
  struct Reader {
    db::RowSink read;
    std::function<void()> done;
  };
  void add(db::Statement statement, db::RowSink read, std::function<void()> done) {
    statements_.push_back(std::move(statement));
    readers_.push_back({std::move(read), std::move(done)});
  }

  detail::ScopeData scope_;
  std::vector<db::Statement> statements_;
  std::vector<Reader> readers_;
};

}  // namespace mpf::orm
