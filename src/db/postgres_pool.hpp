#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <vector>

#include <mpf/fiber/sync.hpp>

#include "db/postgres_link.hpp"
#include "fiber/timer.hpp"

namespace mpf::db::postgres {

/// One loop's connections to one server: some shared by all that runs outside of transactions, some lent to
/// one fiber at a time. On the loop's thread; what waits, in fibers of it.
class LoopPool final : public std::enable_shared_from_this<LoopPool>, private Link::Owner {
 public:
  LoopPool(fiber::Loop& loop, std::shared_ptr<const PostgresOptions> options, const Address& address);
  ~LoopPool();

  /// A place on a connection, for one statement or one batch.
  class Share {
   public:
    explicit Share(LoopPool& pool);
    ~Share();
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;
    Link& operator*() const noexcept { return *link_; }
    Link* operator->() const noexcept { return link_.get(); }

   private:
    LoopPool& pool_;
    std::shared_ptr<Link> link_;
    bool owned_ = false;
  };

  /// A connection of one's own. One that was left in a transaction is closed.
  class Lease {
   public:
    explicit Lease(LoopPool& pool);
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Link& operator*() const noexcept { return *link_; }
    Link* operator->() const noexcept { return link_.get(); }

   private:
    LoopPool& pool_;
    std::shared_ptr<Link> link_;
  };

  /// A connection for statements outside of transactions is there; otherwise one is opened, aside.
  bool warm();

  void close() noexcept;
  /// All connections: whoever waits for an answer on one of them gets ConnectionLost. New ones may be opened.
  void break_links(std::string_view why) noexcept;

  const std::string& where() const noexcept { return address_.description(); }

 private:
  using Links = std::vector<std::shared_ptr<Link>>;
  struct Attempt;

  std::shared_ptr<Link> shared_link(fiber::TimePoint until);
  std::shared_ptr<Link> best_pipeline() noexcept;
  std::shared_ptr<Link> own_link(fiber::TimePoint until);
  void give_back(std::shared_ptr<Link> link) noexcept;

  /// A new connection, to whoever waits for it or into `to`.
  std::shared_ptr<Link> connect(Links& to, fiber::TimePoint until);
  void connect_aside(Links& to);
  bool start_attempt(const std::shared_ptr<Attempt>& attempt, Links& to);
  [[noreturn]] void throw_late() const;

  void link_broken(Link& link) noexcept override;
  void server_refuses_writes() noexcept override;
  void schedule_care();
  void care(fiber::TimePoint now) noexcept;
  void ask_if_silent(fiber::TimePoint now);
  void ask();
  bool outlived(const Link& link, fiber::TimePoint now) const noexcept;

  struct CareTimer final : fiber::Timer {
    explicit CareTimer(LoopPool& of) noexcept : Timer(&CareTimer::on_fire), pool(of) {}
    static void on_fire(fiber::Timer& timer, fiber::TimePoint now) noexcept {
      static_cast<CareTimer&>(timer).pool.care(now);
    }
    LoopPool& pool;
  };

  fiber::Loop& loop_;
  const std::shared_ptr<const PostgresOptions> options_;
  const Address address_;
  bool closed_ = false;

  fiber::Semaphore places_;  ///< on shared connections
  fiber::Semaphore owned_;   ///< connections
  fiber::Semaphore opening_{1};
  bool opening_aside_ = false;
  Links pipelines_;
  Links idle_;
  Links lent_;
  Links retiring_;                    ///< pipelines that take nothing new any more
  fiber::TimePoint trusted_since_{};  ///< older connections take nothing new

  fiber::TimePoint next_attempt_{};
  std::chrono::milliseconds pause_{0};
  std::exception_ptr last_failure_;
  bool asking_ = false;  ///< whether the server is there
  fiber::TimePoint next_ask_{};
  CareTimer timer_;
};

}  // namespace mpf::db::postgres
