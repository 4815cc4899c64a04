#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include <mpf/db/postgres.hpp>
#include <mpf/fiber/fiber.hpp>

#include "db/postgres_connect.hpp"
#include "db/postgres_sql.hpp"

namespace mpf::db::postgres {

/// What one fiber waits for: one request, or several.
struct Completion {
  fiber::Waiter waiter;
  std::size_t open = 0;

  void finish_one() noexcept {
    if (--open == 0) waiter.wake();
  }
};

/// A statement on its way, with what goes before it and, unless others follow it in a batch, the Sync behind
/// it.
struct Request {
  Result result;  ///< of the statement, or the first error
  std::uint64_t number = 0;
  bool done = false;
  bool lost = false;    ///< the connection broke before its end
  bool writes = false;  ///< by what its statement says of itself

  // The link's own.
  Completion* completion = nullptr;  ///< null: nobody waits any more
  Completion* at_head = nullptr;     ///< who waits until it is its turn
  Variant* preparing = nullptr;
  Variant* used = nullptr;
  std::uint64_t used_number = 0;   ///< of the prepared statement
  std::uint64_t deallocating = 0;  ///< the number of one that the server shall forget
  int prepare_at = -1;
  int commands = 0;
  int seen = 0;
  bool synced = true;  ///< a Sync is its end; otherwise its last command is
  int keepers = 1;
  fiber::TimePoint since{};
  fiber::Duration took{};  ///< at the head
  Request* next = nullptr;
};

/// Whose statement it is: the driver's own may do anything.
enum class Purpose : std::uint8_t { own, read, write };

inline Purpose purpose_of(const Statement& statement) noexcept {
  return statement.access == Access::write ? Purpose::write : Purpose::read;
}

/// One connection in libpq's pipeline mode, on one loop: requests of several fibers under way at once, each
/// statement or batch of statements ended by a Sync of its own, so that each is a transaction of its own and
/// errors stay with it. Everything on the loop's thread; what waits, in fibers of it. Kept alive by its watch
/// until close().
class Link : public std::enable_shared_from_this<Link> {
 public:
  class Owner {
   public:
    virtual void link_broken(Link& link) noexcept = 0;
    /// A write was refused as none of a read-only transaction: what used to be the primary is one no more.
    virtual void server_refuses_writes() noexcept = 0;

   protected:
    ~Owner() = default;
  };

  Link(fiber::Loop& loop, ConnectionHandle connection, std::shared_ptr<const PostgresOptions> options,
       std::string where);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  /// Begins to watch the socket.
  void open(Owner& owner);
  /// Whoever still waits gets ConnectionLost.
  void close() noexcept;

  /// Sends `before` (commands without parameters or results) and the statement, as one. Throws without
  /// having sent anything for values that cannot be sent, and for statements that would change the
  /// connection for those who use it next; ConnectionLost.
  Request& send(std::span<const std::string> before, std::string_view sql, const std::vector<Param>& params,
                Completion& completion, Purpose purpose);

  /// All statements with one Sync behind the last, handed to the socket at once: the first error ends those
  /// behind it, and outside of a transaction undoes those before it. The requests, in order. Throws as send()
  /// does.
  std::vector<Request*> send_batch(std::span<const std::string> before, std::span<const Statement> statements,
                                   Completion& completion);

  enum class Giving {
    up,       ///< a read: the fiber goes at once, the server is told meanwhile
    no_rest,  ///< returns only when the request's fate is known or the connection given up
  };
  /// Waits for all. When the fiber is cancelled or late, they are cancelled on the server, and what ended
  /// the wait is thrown, unless all were finished nevertheless.
  void wait(std::span<Request* const> requests, Completion& completion, Giving giving);

  /// Throws the error that a finished request ended with, if any.
  void check(const Request& request, std::string_view sql);
  /// A finished request that was hit by the cancellation of another: it has done nothing.
  bool hit_by_stray_cancel(const Request& request) const noexcept;
  /// It failed because what it prepared has become outdated: it has done nothing, and will be prepared anew.
  bool was_stale(const Request& request);
  /// The request is not looked at any more.
  void forget(Request& request) noexcept;

  /// Commands in the simple protocol, without results; for a link that nobody else uses. Waits as wait()
  /// does.
  void script(std::string_view sql);

  /// COPY … FROM STDIN: `fill` appends the next piece to the buffer, and leaves it empty at the end.
  /// Returns the number of rows. What `fill` throws undoes everything.
  std::uint64_t copy_in(const std::string& sql, const std::function<void(std::string&)>& fill);

  bool usable() const noexcept { return !broken_ && !cancelling_; }
  bool broken() const noexcept { return broken_; }
  bool in_transaction() const noexcept;
  std::size_t in_flight() const noexcept { return in_flight_; }
  /// How long the request at the head has been waited for.
  fiber::Duration head_age(fiber::TimePoint now) const noexcept {
    return head_ ? now - head_->since : fiber::Duration::zero();
  }
  /// How long the server has owed an answer: to the request at the head, or to a script.
  fiber::Duration owed_for(fiber::TimePoint now) const noexcept {
    return plain_ ? now - plain_since_ : head_age(now);
  }
  fiber::TimePoint born() const noexcept { return born_; }
  fiber::TimePoint idle_since() const noexcept { return idle_since_; }
  const std::string& where() const noexcept { return where_; }
  const std::string& loss() const noexcept { return loss_; }

  /// Breaks it when nothing has come for too long. Now and then.
  void look_at_the_clock(fiber::TimePoint now) noexcept;
  void break_off(std::string_view why) noexcept;

 private:
  using Descriptor = boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type>;

  Request& take_request();
  /// Throws if it must not be sent; its values go to values_.
  CachedStatement& ready(std::string_view sql, const std::vector<Param>& params, Purpose purpose);
  Request& put(std::span<const std::string> before, std::string_view sql, const std::vector<Param>& params,
               Completion& completion, Purpose purpose, bool last);
  bool end_request(Request& request, bool sync);
  void watch_reads() noexcept;
  void watch_writes() noexcept;
  void on_readable() noexcept;
  void drain();
  void accept(Request& request, Result result);
  void finish_head() noexcept;
  void flush() noexcept;
  void send_statement(Request& request, CachedStatement& statement, const std::vector<Param>& params);
  void deallocate_evicted();
  void end_deallocation(const Request& request) noexcept;
  [[noreturn]] void fail(const Result& result, bool writes, std::string_view sql);
  void abandon(Request& request) noexcept;
  void cancel_on_server(Request& request);
  bool tell_server_to_cancel() noexcept;

  // Outside of pipeline mode.
  void begin_plain(std::string_view sql);
  void stop_watching() noexcept;
  /// False if nothing came by then.
  bool wait_for_socket(fiber::TimePoint until = fiber::TimePoint::max());
  bool plain_result_came(fiber::TimePoint until);
  Result next_plain_result();
  Result finish_plain();
  void put_copy_data(const std::string& data);
  [[noreturn]] void throw_lost(std::string_view sql) const;

  fiber::Loop& loop_;
  ConnectionHandle connection_;
  const std::shared_ptr<const PostgresOptions> options_;
  const std::string where_;
  Descriptor descriptor_;
  Owner* owner_ = nullptr;
  bool broken_ = false;
  bool plain_ = false;
  bool copying_ = false;
  fiber::TimePoint plain_since_{};
  bool writing_ = false;
  Completion* socket_waiter_ = nullptr;
  int cancelling_ = 0;
  std::string loss_;

  std::deque<Request> requests_;  ///< all, used or free
  Request* free_ = nullptr;
  Request* head_ = nullptr;  ///< under way, oldest first
  Request* tail_ = nullptr;
  std::size_t in_flight_ = 0;
  std::uint64_t last_number_ = 0;
  bool in_batch_ = false;          ///< some of it is in libpq's buffer
  std::uint64_t risky_until_ = 0;  ///< requests up to it may be hit by another's cancellation

  StatementCache statements_;
  std::uint64_t last_name_ = 0;
  std::string values_;  ///< of the parameters being sent
  std::vector<const char*> pointers_;
  std::vector<int> lengths_;
  std::vector<int> formats_;
  std::vector<Oid> types_;

  fiber::TimePoint born_;
  fiber::TimePoint idle_since_;
};

}  // namespace mpf::db::postgres
