#include <algorithm>
#include <atomic>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <mpf/db/database.hpp>
#include <mpf/fiber/local.hpp>
#include <mpf/fiber/sync.hpp>

#include "cache/epoch_table.hpp"

namespace mpf::cache {

namespace {

/// What the open transaction of a fiber has bumped.
struct Pending {
  struct Bump {
    int registrations = 0;  // sets of hooks that stand for it
    int depth = 0;          // the outermost of them
  };
  std::unordered_map<std::uint64_t, Bump> bumps;
  std::unordered_set<std::uint64_t> written;
  std::int64_t number = 0;  // given by the database as the commit begins
};

/// The row with the empty path is the counter that bumps are numbered by. A bump keeps it locked from its
/// numbering to its commit, so numbers are committed in their order and "all above the last one I saw" misses
/// nothing.
class DatabaseEpochs final : public EpochStore {
 public:
  explicit DatabaseEpochs(db::Database& database) : db_(database) {}

  Epoch epoch(const Group& group) override {
    listen();
    return table_.of(group);
  }

  Epoch known_epoch(const Group& group) const override { return table_.of(group); }

  void bump(const Group& group) override {
    if (db::Transaction* open = db_.current()) {
      bump_in(*open, group);
    } else {
      db_.transaction([&](db::Transaction& transaction) { bump_in(transaction, group); });
    }
  }

  Standing standing(const Group& group) const override {
    if (const Pending* pending = pending_.get()) {
      // Between numbering and commit this transaction sees rows of its own that may never be committed.
      if (pending->number != 0) return Standing::touched;
      for (const std::uint64_t part : group.chain()) {
        if (pending->bumps.contains(part)) return Standing::touched;
      }
    }
    return db_.current() != nullptr ? Standing::in_transaction : Standing::open;
  }

 private:
  void bump_in(db::Transaction& transaction, const Group& group) {
    auto pending = pending_.share();
    if (!pending) {
      pending = std::make_shared<Pending>();
      fiber::detail::local_set(&pending_, pending, false);
    }
    const std::uint64_t hash = group.chain().back();
    const auto known = pending->bumps.find(hash);
    if (known != pending->bumps.end() && known->second.depth <= transaction.depth()) return;
    transaction.on_rollback([this, pending, hash] { settle(*pending, hash); });
    transaction.on_commit([this, pending, hash] {
      raise(hash, pending->number);
      settle(*pending, hash);
    });
    transaction.before_commit([this, pending, hash, path = group.path()] { write(*pending, hash, path); });
    Pending::Bump& bump = pending->bumps[hash];
    ++bump.registrations;
    bump.depth = transaction.depth();
  }

  void write(Pending& pending, std::uint64_t hash, const std::string& path) {
    if (pending.number == 0) {
      db_.execute({"INSERT INTO mpf_cache_epoch (group_path, number) VALUES ('', 1) ON CONFLICT (group_path) "
                   "DO UPDATE SET number = mpf_cache_epoch.number + 1 RETURNING number",
                   {},
                   db::Access::write},
                  [&](const db::Row& row) { pending.number = row.integer(0); });
    }
    if (!pending.written.insert(hash).second) return;
    db_.execute(
        {"INSERT INTO mpf_cache_epoch (group_path, number) VALUES (?, ?) ON CONFLICT (group_path) DO "
         "UPDATE SET number = excluded.number",
         {path, pending.number},
         db::Access::write});
  }

  void settle(Pending& pending, std::uint64_t hash) {
    const auto bump = pending.bumps.find(hash);
    if (bump != pending.bumps.end() && --bump->second.registrations <= 0) pending.bumps.erase(bump);
    if (pending.bumps.empty() && pending_.get() == &pending) {
      fiber::detail::local_set(&pending_, nullptr, false);
    }
  }

  /// Learns of bumps that others have committed.
  void listen() {
    if (db_.change_counter() == heard_counter_.load()) return;
    if (db_.current() != nullptr) {
      // A transaction may see an older state than the counter tells of; what it reads is true nevertheless.
      read_bumps(false);
      return;
    }
    const std::unique_lock lock(listening_);
    const std::uint64_t counter = db_.change_counter();
    if (counter == heard_counter_.load()) return;
    read_bumps(true);
    heard_counter_.store(counter);
  }

  void read_bumps(bool newest) {
    struct Bumped {
      std::uint64_t hash;
      std::int64_t number;
    };
    std::vector<Bumped> bumped;
    std::int64_t counter = 0;
    const std::int64_t heard = heard_number_.load();
    // The first time nothing is cached yet, so only the counter matters.
    db_.execute(
        {heard < 0 ? "SELECT group_path, number FROM mpf_cache_epoch WHERE group_path = ''"
                   : "SELECT group_path, number FROM mpf_cache_epoch WHERE number > ? OR group_path = ''",
         heard < 0 ? std::vector<db::Param>{} : std::vector<db::Param>{heard}},
        [&](const db::Row& row) {
          const std::string_view path = row.text(0);
          if (path.empty()) {
            counter = row.integer(1);
          } else {
            bumped.push_back({hash_path(path), row.integer(1)});
          }
        });
    const std::scoped_lock lock(numbers_);
    if (newest && counter < heard_number_.load()) {
      // The database was put back to an earlier state: nothing that is cached can be trusted.
      base_ += static_cast<Epoch>(heard_number_.load()) + 1;
      table_.raise_floor(base_);
      heard_number_.store(counter);
      return;
    }
    for (const Bumped& bump : bumped) table_.raise(bump.hash, base_ + static_cast<Epoch>(bump.number));
    heard_number_.store(std::max(heard_number_.load(), counter));
  }

  void raise(std::uint64_t hash, std::int64_t number) {
    const std::scoped_lock lock(numbers_);
    table_.raise(hash, base_ + static_cast<Epoch>(number));
  }

  db::Database& db_;
  EpochTable table_;
  fiber::Local<Pending> pending_{false};

  fiber::Mutex listening_;
  std::atomic<std::uint64_t> heard_counter_{~std::uint64_t{0}};

  std::mutex numbers_;
  Epoch base_ = 0;                              // makes numbers of a restored database higher than all before
  std::atomic<std::int64_t> heard_number_{-1};  // all bumps up to it are in the table
};

}  // namespace

std::unique_ptr<EpochStore> database_epochs(db::Database& database) {
  return std::make_unique<DatabaseEpochs>(database);
}

}  // namespace mpf::cache
