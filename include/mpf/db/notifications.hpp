#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <mpf/db/postgres.hpp>
#include <mpf/fiber/runtime.hpp>

namespace mpf::db {

/// What came over a channel.
struct Notification {
  std::string channel;
  std::string payload;  ///< at most 8000 bytes
  /// Some have been missed: the connection was lost and is there again, or 1024 waited for this subscriber
  /// and more came. Told in its place among the others, without waiting for the next one. No payload.
  bool gap = false;
};

/// Hears what sessions of a PostgreSQL database say by NOTIFY, on one connection of its own that blocks a
/// thread of its own. After a loss it connects again, with pauses that grow, and tells each subscriber of
/// the gap. Thread-safe.
class Notifications {
 public:
  /// Callbacks run in fibers of that runtime, which must outlive this. Listening needs a session of its own:
  /// Error(configuration) for options of a transaction_pooler, which would hear nothing; give the server's
  /// own address, without it.
  Notifications(fiber::Runtime& runtime, PostgresOptions options);
  /// Waits for callbacks that run.
  ~Notifications();
  Notifications(const Notifications&) = delete;
  Notifications& operator=(const Notifications&) = delete;

  using Callback = std::function<void(const Notification&)>;

  /// Ends the subscription when it goes, after the callback that may be running.
  class Subscription {
   public:
    Subscription() = default;
    Subscription(Subscription&&) noexcept;
    Subscription& operator=(Subscription&&) noexcept;
    ~Subscription();

   private:
    friend class Notifications;
    struct State;
    explicit Subscription(std::shared_ptr<State> state);
    std::shared_ptr<State> state_;
  };

  /// Returns once the server listens: what is sent from then on comes. One at a time, in order. What the
  /// callback throws is logged. Error(unavailable) when the server cannot be reached within acquire_timeout.
  Subscription subscribe(std::string channel, Callback callback);

  /// Sends, within the fiber's transaction on that database if one is open: then at its commit.
  static void notify(Database& database, std::string_view channel, std::string_view payload);

 private:
  class Hub;
  std::shared_ptr<Hub> hub_;
};

}  // namespace mpf::db
