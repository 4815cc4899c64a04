#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "db/postgres_pool.hpp"

namespace mpf::db::postgres {

/// All loops' connections to one server. From any thread.
class ServerPools {
 public:
  ServerPools(fiber::Runtime& runtime, std::shared_ptr<const PostgresOptions> options, Address address);
  /// Closes them.
  ~ServerPools();
  ServerPools(const ServerPools&) = delete;
  ServerPools& operator=(const ServerPools&) = delete;

  /// Of the current loop; made when it is needed.
  const std::shared_ptr<LoopPool>& here();

  /// LoopPool::break_links() on each loop, soon; as long as `self`, which this is part of, lives.
  void break_links(const std::weak_ptr<void>& self, const std::string& why);

  const std::string& where() const noexcept { return address_.description(); }
  const Address& address() const noexcept { return address_; }

 private:
  struct Slot {
    fiber::Loop* loop = nullptr;
    std::shared_ptr<LoopPool> pool;
  };
  static void close(const Slot& slot) noexcept;

  fiber::Runtime& runtime_;
  const std::shared_ptr<const PostgresOptions> options_;
  const Address address_;
  std::vector<Slot> pools_;  ///< by loop, each touched by its own only
  std::mutex foreign_mutex_;
  std::map<const fiber::Loop*, Slot> foreign_;
};

}  // namespace mpf::db::postgres
