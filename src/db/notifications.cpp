#include <mpf/db/notifications.hpp>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <pqxx/connection>
#include <pqxx/notification>

#include <mpf/db/error.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/fiber/sync.hpp>
#include <mpf/telemetry/log.hpp>

#include "db/postgres_connect.hpp"

namespace mpf::db {

using fiber::SteadyClock;

struct Notifications::Subscription::State {
  std::string channel;
  fiber::Channel<Notification> queue{1024};
  bool missed = false;  ///< the queue was full; guarded by the hub
  std::weak_ptr<Hub> hub;
  fiber::Fiber<> worker;
};

/// One thread, one connection. The thread sleeps in poll() until the server or a subscriber wants something.
class Notifications::Hub : public std::enable_shared_from_this<Hub> {
 public:
  Hub(fiber::Runtime& runtime, const PostgresOptions& options)
      : runtime_(runtime),
        options_(options),
        address_(with_session(options_)),
        wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (wake_ < 0) throw Error(ErrorKind::unavailable, "no descriptor is left for notifications");
    thread_ = std::thread([this] { run(); });
  }
  ~Hub() { ::close(wake_); }

  fiber::Runtime& runtime() const noexcept { return runtime_; }

  void stop() {
    {
      const std::scoped_lock lock(mutex_);
      stopping_ = true;
    }
    signal();
    thread_.join();
  }

  void add(const std::shared_ptr<Subscription::State>& state) {
    Waiting waiting{state->channel, {}};
    {
      const std::scoped_lock lock(mutex_);
      subscribers_[state->channel].push_back(state);
      waiting_.push_back(&waiting);
    }
    signal();
    std::exception_ptr ended;
    bool listening = false;
    try {
      listening = waiting.waiter.wait_until(SteadyClock::now() + options_.acquire_timeout);
    } catch (...) {
      ended = std::current_exception();
    }
    std::string trouble;
    bool withdrawn = false;
    if (!listening) {
      const std::scoped_lock lock(mutex_);
      withdrawn = std::erase(waiting_, &waiting) > 0;
      trouble = trouble_;
    }
    if (listening) return;
    if (!withdrawn) {  // answered at the same moment
      waiting.waiter.wait_through();
      if (!ended) return;
    }
    remove(*state);
    if (ended) std::rethrow_exception(ended);
    throw ConnectionLost("nobody listens for notifications at " + address_.description() + ": " +
                         (trouble.empty() ? "no answer in time" : trouble));
  }

  void remove(const Subscription::State& state) noexcept {
    {
      const std::scoped_lock lock(mutex_);
      const auto channel = subscribers_.find(state.channel);
      if (channel == subscribers_.end()) return;
      std::erase_if(channel->second, [&](const auto& each) { return each.get() == &state; });
      if (channel->second.empty()) subscribers_.erase(channel);
    }
    signal();
  }

  /// Called by the subscriber's fiber for each that it takes: what has been missed is told behind those that
  /// wait, without anything new to come.
  void tell_what_was_missed(Subscription::State& to) {
    const std::scoped_lock lock(mutex_);
    if (to.missed) tell_of_gap(to);
  }

 private:
  struct Waiting {
    std::string channel;
    fiber::Waiter waiter;
  };

  class Receiver final : public pqxx::notification_receiver {
   public:
    Receiver(pqxx::connection_base& connection, const std::string& channel, Hub& hub)
        : pqxx::notification_receiver(connection, channel), hub_(hub), name_(channel) {}
    void operator()(const std::string& payload, int) override { hub_.deliver({name_, payload, false}); }

   private:
    Hub& hub_;
    const std::string name_;
  };
  using Receivers = std::map<std::string, std::unique_ptr<Receiver>>;

  void deliver(const Notification& notification) {
    const std::scoped_lock lock(mutex_);
    const auto channel = subscribers_.find(notification.channel);
    if (channel == subscribers_.end()) return;
    for (const auto& each : channel->second) give(*each, notification);
  }

  static void give(Subscription::State& to, const Notification& notification) {
    if (to.missed && !tell_of_gap(to)) return;
    Notification copy = notification;
    if (!to.queue.try_push(copy)) to.missed = true;
  }

  static bool tell_of_gap(Subscription::State& to) {
    Notification gap{to.channel, {}, true};
    to.missed = !to.queue.try_push(gap);
    return !to.missed;
  }

  /// Behind a pooler of transactions each LISTEN would meet another session, and then nobody.
  static const PostgresOptions& with_session(const PostgresOptions& options) {
    if (!options.transaction_pooler) return options;
    throw Error(
        ErrorKind::configuration,
        "notifications need a session of their own, which a transaction pooler does not give: open them "
        "with the address of the server itself, and transaction_pooler false");
  }

  void tell_of_gaps() {
    const std::scoped_lock lock(mutex_);
    for (const auto& [name, all] : subscribers_) {
      for (const auto& each : all) give(*each, {name, {}, true});
    }
  }

  /// Listens to what is wanted, to nothing else; then whoever waits for that may go on.
  void follow(pqxx::connection_base& connection, Receivers& receivers) {
    std::vector<std::string> wanted;
    std::vector<Waiting*> waiting;
    {
      const std::scoped_lock lock(mutex_);
      for (const auto& [name, all] : subscribers_) wanted.push_back(name);
      waiting = waiting_;
    }
    std::erase_if(receivers, [&](const auto& each) {
      return std::find(wanted.begin(), wanted.end(), each.first) == wanted.end();
    });
    for (const std::string& name : wanted) {
      if (!receivers.contains(name))
        receivers.emplace(name, std::make_unique<Receiver>(connection, name, *this));
    }
    const std::scoped_lock lock(mutex_);
    for (Waiting* const each : waiting) {
      if (receivers.contains(each->channel) && std::erase(waiting_, each) > 0) each->waiter.wake();
    }
  }

  void run() noexcept {
    int pause = 0;
    bool connected_before = false;
    while (!stopping()) {
      try {
        pqxx::connection connection(address_.text());
        Receivers receivers;  // end before the connection does
        follow(connection, receivers);
        if (std::exchange(connected_before, true)) tell_of_gaps();
        pause = 0;
        while (!stopping()) {
          pollfd ends[] = {{connection.sock(), POLLIN, 0}, {wake_, POLLIN, 0}};
          ::poll(ends, 2, -1);
          if (stopping()) return;
          if (ends[1].revents != 0) {
            drain();
            follow(connection, receivers);
          }
          if (ends[0].revents != 0) connection.get_notifs();
        }
      } catch (const std::exception& error) {
        const std::scoped_lock lock(mutex_);
        trouble_ = error.what();
      }
      pause = std::clamp(pause * 2, 10, 500);
      pollfd end{wake_, POLLIN, 0};
      const auto until = SteadyClock::now() + std::chrono::milliseconds(pause);
      while (!stopping() && SteadyClock::now() < until) {
        ::poll(&end, 1, pause);
        drain();
      }
    }
  }

  bool stopping() const {
    const std::scoped_lock lock(mutex_);
    return stopping_;
  }
  void signal() const noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);  // full: it is awake
  }
  void drain() const noexcept {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto got = ::read(wake_, &count, sizeof count);
  }

  fiber::Runtime& runtime_;
  const PostgresOptions options_;
  const postgres::Address address_;
  const int wake_;
  mutable std::mutex mutex_;
  bool stopping_ = false;
  std::string trouble_;
  std::map<std::string, std::vector<std::shared_ptr<Subscription::State>>> subscribers_;
  std::vector<Waiting*> waiting_;
  std::thread thread_;
};

Notifications::Notifications(fiber::Runtime& runtime, PostgresOptions options)
    : hub_(std::make_shared<Hub>(runtime, options)) {}

Notifications::~Notifications() {
  fiber::ShieldScope shield;
  try {
    fiber::offload([&] { hub_->stop(); });
  } catch (...) {  // no thread is free
    hub_->stop();
  }
}

Notifications::Subscription::Subscription(std::shared_ptr<State> state) : state_(std::move(state)) {}
Notifications::Subscription::Subscription(Subscription&&) noexcept = default;
Notifications::Subscription& Notifications::Subscription::operator=(Subscription&& other) noexcept {
  Subscription before(std::move(*this));
  state_ = std::move(other.state_);
  return *this;
}
Notifications::Subscription::~Subscription() {
  if (!state_) return;
  if (const auto hub = state_->hub.lock()) hub->remove(*state_);
  state_->queue.close();
  state_->worker = {};  // waits for its end
}

Notifications::Subscription Notifications::subscribe(std::string channel, Callback callback) {
  auto state = std::make_shared<Subscription::State>();
  state->channel = std::move(channel);
  state->hub = hub_;
  hub_->add(state);
  state->worker =
      fiber::spawn(hub_->runtime(),
                   [raw = state.get(), callback = std::move(callback)] {
                     while (const auto notification = raw->queue.pop()) {
                       if (const auto hub = raw->hub.lock()) hub->tell_what_was_missed(*raw);
                       try {
                         callback(*notification);
                       } catch (const std::exception& error) {
                         log::error("what hears notifications of {} failed: {}", raw->channel, error.what());
                       }
                     }
                   },
                   {.name = "notifications of " + state->channel, .inherit = false});
  return Subscription(std::move(state));
}

void Notifications::notify(Database& database, std::string_view channel, std::string_view payload) {
  database.execute({"SELECT pg_notify($1, $2)", {std::string(channel), std::string(payload)}, Access::write});
}

}  // namespace mpf::db
