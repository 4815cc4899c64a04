#pragma once

#include <cstdint>
#include <memory>

#include <mpf/base/embedded.hpp>
#include <mpf/cache/group.hpp>

namespace mpf::db {
class Database;
}

namespace mpf::cache {

/// Grows with each bump. A value filled at epoch e is valid while the epoch of its group's chain is e.
using Epoch = std::uint64_t;

/// Keeps the epochs of groups. All members are for any fiber.
class EpochStore {
 public:
  virtual ~EpochStore() = default;

  /// The epoch of the group's chain, every bump counted that was committed before the call, by anybody.
  virtual Epoch epoch(const Group& group) = 0;

  /// The same as far as this process has heard; never waits.
  virtual Epoch known_epoch(const Group& group) const = 0;

  /// Outdates what is cached in the group and below it: at once or, in a transaction of the store's
  /// database, at its commit.
  virtual void bump(const Group& group) = 0;

  /// What the current fiber may do with cached values of a group.
  enum class Standing {
    open,            ///< read and fill
    in_transaction,  ///< read; a fill might keep rows that are older, or not committed, and is not stored
    touched,         ///< its transaction has bumped the group: neither
  };
  virtual Standing standing(const Group& group) const = 0;
};

/// Epochs of one process, gone with it.
std::unique_ptr<EpochStore> local_epochs();

/// Epochs shared by all processes on a database, in the table mpf_cache_epoch (migrations()). A bump is a
/// row written in the transaction that changes the data, so neither can be without the other. Others hear of
/// it by Database::change_counter() at their next epoch(). The database must outlive the store.
std::unique_ptr<EpochStore> database_epochs(db::Database& database);

/// The table of database_epochs().
const EmbeddedFiles& migrations();

}  // namespace mpf::cache
