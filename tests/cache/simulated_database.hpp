#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <mpf/db/database.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/fiber/local.hpp>
#include <mpf/fiber/sync.hpp>

namespace mpf::test {

/// What is committed, and the order of everything: one random sequence decides at each step of the protocol
/// who goes on. Runs on one loop, so a seed always gives the same run.
struct World {
  explicit World(std::uint32_t seed) : random(seed) {}

  struct State {
    std::map<std::string, std::int64_t> epochs;  // mpf_cache_epoch
    std::map<int, std::int64_t> rows;            // the application's data: row → version
  };

  std::mt19937 random;
  State committed;
  std::uint64_t commits = 0;
  fiber::Mutex writer;  // one writes at a time
  std::uint64_t trace = 0;

  std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(random() % limit); }

  /// Lets others go first, sometimes.
  void pause() {
    for (std::uint32_t turns = below(4); turns > 0; --turns) fiber::yield();
    trace = trace * 31 + random() % 97;
  }
};

/// The database as one process sees it: snapshots, one writer, savepoints and hooks as db::Database promises,
/// and just the statements that the cache's epochs need. Every step can be overtaken by others.
class SimulatedDatabase final : public db::Database {
 public:
  explicit SimulatedDatabase(World& world) : world_(world) {}

  std::int64_t read(int row) {
    world_.pause();
    const std::int64_t version = view().rows[row];
    world_.pause();
    return version;
  }
  void write(int row, std::int64_t version) {
    world_.pause();
    session_.get()->state.rows[row] = version;
  }

  db::Dialect dialect() const noexcept override { return db::Dialect::sqlite; }
  std::string description() const override { return "simulated"; }
  std::uint64_t bulk_insert(const db::BulkInsert&) override { throw std::logic_error("no bulk insert"); }
  void execute_script(std::string_view) override {}
  void ping() override {}
  db::Transaction* current() const noexcept override {
    Session* const session = session_.get();
    return session ? session->innermost : nullptr;
  }
  std::uint64_t change_counter() override { return world_.commits; }

  std::uint64_t execute(const db::Statement& statement, const db::RowSink& on_row) override {
    world_.pause();
    if (statement.sql.starts_with("SELECT group_path, number FROM mpf_cache_epoch")) {
      const bool all = statement.params.empty();
      std::vector<std::pair<std::string, std::int64_t>> rows;
      for (const auto& [path, number] : view().epochs) {
        if (path.empty() || (!all && number > std::get<std::int64_t>(statement.params[0]))) {
          rows.emplace_back(path, number);
        }
      }
      world_.pause();
      for (const auto& [path, number] : rows) on_row(TwoColumns(path, number));
      return 0;
    }
    auto& epochs = session_.get()->state.epochs;
    if (statement.sql.starts_with("INSERT INTO mpf_cache_epoch (group_path, number) VALUES ('', 1)")) {
      on_row(TwoColumns({}, ++epochs[""]));
    } else if (statement.sql.starts_with("INSERT INTO mpf_cache_epoch (group_path, number) VALUES (?, ?)")) {
      epochs[std::get<std::string>(statement.params[0])] = std::get<std::int64_t>(statement.params[1]);
    } else {
      throw std::logic_error("the simulation does not know: " + statement.sql);
    }
    return 1;
  }

 protected:
  void run_transaction(const std::function<void(db::Transaction&)>& body,
                       db::TransactionOptions options) override {
    if (Session* const outer = session_.get()) {
      run_savepoint(*outer, body);
    } else {
      run_outermost(body, options.read_only);
    }
  }

 private:
  /// (path, number), or (number) for RETURNING.
  class TwoColumns final : public db::Row {
   public:
    TwoColumns(std::string path, std::int64_t number) : path_(std::move(path)), number_(number) {}
    std::size_t columns() const noexcept override { return 2; }
    std::string_view column_name(std::size_t) const override { return {}; }
    bool is_null(std::size_t) const override { return false; }
    bool boolean(std::size_t) const override { throw std::logic_error("no boolean"); }
    std::int64_t integer(std::size_t) const override { return number_; }
    double real(std::size_t) const override { throw std::logic_error("no real"); }
    std::string_view text(std::size_t) const override { return path_; }
    std::span<const std::byte> bytes(std::size_t) const override { throw std::logic_error("no bytes"); }
    Timestamp timestamp(std::size_t) const override { throw std::logic_error("no timestamp"); }
    db::Numeric numeric(std::size_t, int) const override { throw std::logic_error("no numeric"); }
    Date date(std::size_t) const override { throw std::logic_error("no date"); }
    Microseconds duration(std::size_t) const override { throw std::logic_error("no duration"); }
    Uuid uuid(std::size_t) const override { throw std::logic_error("no uuid"); }
    std::string_view json(std::size_t) const override { throw std::logic_error("no json"); }
    IpNetwork network(std::size_t) const override { throw std::logic_error("no network"); }
    void array(std::size_t, const db::RowSink&) const override { throw std::logic_error("no array"); }
    db::RangeValue range(std::size_t, db::ElementType) const override { throw std::logic_error("no range"); }

   private:
    std::string path_;
    std::int64_t number_;
  };

  using Hooks = std::vector<std::function<void()>>;

  class SimulatedTransaction final : public db::Transaction {
   public:
    explicit SimulatedTransaction(int depth) : depth_(depth) {}
    void on_commit(std::function<void()> hook) override { commit_hooks.push_back(std::move(hook)); }
    void on_rollback(std::function<void()> hook) override { rollback_hooks.push_back(std::move(hook)); }
    void before_commit(std::function<void()> hook, const void*) override {
      before_hooks.push_back(std::move(hook));
    }
    int depth() const noexcept override { return depth_; }

    Hooks commit_hooks, rollback_hooks, before_hooks;

   private:
    int depth_;
  };

  struct Session {
    World::State state;
    db::Transaction* innermost = nullptr;
  };

  /// What the current fiber reads: its transaction's state, else what is committed.
  World::State& view() {
    Session* const session = session_.get();
    return session ? session->state : world_.committed;
  }

  void run_outermost(const std::function<void(db::Transaction&)>& body, bool read_only) {
    world_.pause();
    std::unique_lock<fiber::Mutex> lock(world_.writer, std::defer_lock);
    if (!read_only) lock.lock();
    SimulatedTransaction transaction(1);
    auto session = std::make_shared<Session>();
    session->state = world_.committed;
    session->innermost = &transaction;
    try {
      const auto scope = session_.set(session);
      world_.pause();
      body(transaction);
      for (std::size_t i = 0; i < transaction.before_hooks.size(); ++i) transaction.before_hooks[i]();
      world_.pause();
    } catch (...) {
      if (lock) lock.unlock();
      for (const auto& hook : transaction.rollback_hooks) hook();
      throw;
    }
    if (!read_only) {
      world_.committed = session->state;
      ++world_.commits;
      lock.unlock();
    }
    world_.pause();
    for (const auto& hook : transaction.commit_hooks) {
      hook();
      world_.pause();
    }
  }

  void run_savepoint(Session& session, const std::function<void(db::Transaction&)>& body) {
    auto& outer = static_cast<SimulatedTransaction&>(*session.innermost);
    const World::State before = session.state;
    SimulatedTransaction savepoint(outer.depth() + 1);
    session.innermost = &savepoint;
    try {
      body(savepoint);
    } catch (...) {
      session.innermost = &outer;
      session.state = before;
      for (const auto& hook : savepoint.rollback_hooks) hook();
      throw;
    }
    session.innermost = &outer;
    const auto append = [](const Hooks& from, Hooks& to) { to.insert(to.end(), from.begin(), from.end()); };
    append(savepoint.commit_hooks, outer.commit_hooks);
    append(savepoint.rollback_hooks, outer.rollback_hooks);
    append(savepoint.before_hooks, outer.before_hooks);
  }

  World& world_;
  fiber::Local<Session> session_{false};
};

}  // namespace mpf::test
