#include "db/postgres_pool.hpp"

#include <algorithm>
#include <random>

#include <fmt/core.h>

#include <mpf/db/error.hpp>
#include <mpf/telemetry/log.hpp>

#include "fiber/loop_impl.hpp"

namespace mpf::db::postgres {

using fiber::SteadyClock;
using std::chrono::milliseconds;

namespace {
constexpr milliseconds first_pause(10);
constexpr milliseconds longest_pause(500);
constexpr milliseconds care_interval(250);
/// A pipeline whose head takes longer is avoided.
constexpr milliseconds slow(20);
}  // namespace

struct LoopPool::Attempt {
  Completion* waiting = nullptr;  ///< null when who asked for it has gone
  std::shared_ptr<Link> link;
  std::exception_ptr error;
};

LoopPool::LoopPool(fiber::Loop& loop, std::shared_ptr<const PostgresOptions> options, const Address& address)
    : loop_(loop),
      options_(std::move(options)),
      address_(address),
      places_(std::max<std::size_t>(options_->pipelines * options_->pipeline_depth, 1)),
      owned_(std::max<std::size_t>(options_->owned, 1)),
      timer_(*this) {
  pipelines_.reserve(options_->pipelines + 1);  // what runs in callbacks shall not fail
  idle_.reserve(options_->owned + 1);
  lent_.reserve(options_->owned + 1);
  retiring_.reserve(options_->pipelines + options_->owned + 1);
}

LoopPool::~LoopPool() = default;

void LoopPool::close() noexcept {
  closed_ = true;
  fiber::disarm(loop_, timer_);
  for (Links* const links : {&pipelines_, &idle_, &lent_, &retiring_}) {
    const Links all = std::exchange(*links, {});
    for (const auto& link : all) link->close();
  }
}

void LoopPool::break_links(std::string_view why) noexcept {
  for (Links* const links : {&pipelines_, &idle_, &lent_, &retiring_}) {
    while (!links->empty()) {
      const std::shared_ptr<Link> link = links->back();
      link->break_off(why);  // and link_broken() takes it out
      std::erase(*links, link);
    }
  }
}

LoopPool::Share::Share(LoopPool& pool) : pool_(pool) {
  const auto now = SteadyClock::now();
  const auto until = now + pool.options_->acquire_timeout;
  // All are busy with something slow: rather one that is for transactions.
  const auto best = pool.best_pipeline();
  if (best && best->head_age(now) > slow && pool.owned_.try_acquire()) {
    try {
      link_ = pool.own_link(until);
      owned_ = true;
      return;
    } catch (...) {
      pool.owned_.release();
      throw;
    }
  }
  if (!pool.places_.acquire_until(until)) pool.throw_late();
  try {
    link_ = pool.shared_link(until);  // the last thing that waits: it is used at once
  } catch (...) {
    pool.places_.release();
    throw;
  }
}

LoopPool::Share::~Share() {
  if (owned_) {
    pool_.give_back(std::move(link_));
    pool_.owned_.release();
  } else {
    pool_.places_.release();
  }
}

LoopPool::Lease::Lease(LoopPool& pool) : pool_(pool) {
  const auto until = SteadyClock::now() + pool.options_->acquire_timeout;
  if (!pool.owned_.acquire_until(until)) pool.throw_late();
  try {
    link_ = pool.own_link(until);
  } catch (...) {
    pool.owned_.release();
    throw;
  }
}

LoopPool::Lease::~Lease() {
  pool_.give_back(std::move(link_));
  pool_.owned_.release();
}

void LoopPool::throw_late() const {
  if (last_failure_) std::rethrow_exception(last_failure_);  // there were none to wait for
  throw Error(ErrorKind::unavailable,
              fmt::format("all connections to {} were in use for {} ms: raise `pipelines` or `owned`, or end "
                          "transactions sooner",
                          where(), options_->acquire_timeout.count()));
}

std::shared_ptr<Link> LoopPool::best_pipeline() noexcept {
  const std::shared_ptr<Link>* best = nullptr;
  for (const auto& each : pipelines_) {
    if (!each->usable()) continue;
    if (!best || each->in_flight() < (*best)->in_flight()) best = &each;
  }
  if (!best) return nullptr;
  if ((*best)->in_flight() > 0 && pipelines_.size() < options_->pipelines) connect_aside(pipelines_);
  return *best;
}

bool LoopPool::warm() {
  if (best_pipeline()) return true;
  connect_aside(pipelines_);
  return false;
}

std::shared_ptr<Link> LoopPool::shared_link(fiber::TimePoint until) {
  if (auto link = best_pipeline()) return link;
  // One at a time opens the first; the others find it then.
  if (!opening_.acquire_until(until)) throw_late();
  struct Turn {
    fiber::Semaphore& semaphore;
    ~Turn() { semaphore.release(); }
  };
  const Turn turn{opening_};
  if (auto link = best_pipeline()) return link;
  return connect(pipelines_, until);
}

std::shared_ptr<Link> LoopPool::own_link(fiber::TimePoint until) {
  while (idle_.empty()) connect(idle_, until);  // others may be faster to take it
  lent_.push_back(std::move(idle_.back()));
  idle_.pop_back();
  return lent_.back();
}

void LoopPool::give_back(std::shared_ptr<Link> link) noexcept {
  std::erase(lent_, link);
  if (link->broken()) return;
  if (!closed_ && link->in_flight() > 0) {
    retiring_.push_back(std::move(link));  // a statement that was given up is still being cancelled
  } else if (closed_ || link->in_transaction() || outlived(*link, SteadyClock::now())) {
    link->close();
  } else {
    idle_.push_back(std::move(link));
  }
}

std::shared_ptr<Link> LoopPool::connect(Links& to, fiber::TimePoint until) {
  for (;;) {
    if (closed_) throw ConnectionLost(fmt::format("{} has been closed", where()));
    const auto now = SteadyClock::now();
    if (last_failure_ && next_attempt_ >= until) std::rethrow_exception(last_failure_);
    if (next_attempt_ > now) fiber::sleep_until(next_attempt_);
    const auto attempt = std::make_shared<Attempt>();
    Completion end;
    end.open = 1;
    attempt->waiting = &end;
    if (!start_attempt(attempt, to)) {
      throw Error(ErrorKind::unavailable, fmt::format("{} is not opened: the runtime is stopping", where()));
    }
    try {
      end.waiter.wait();
    } catch (...) {
      attempt->waiting = nullptr;
      throw;
    }
    if (attempt->link) return attempt->link;
    try {
      std::rethrow_exception(attempt->error);
    } catch (const ConnectionLost&) {
      if (SteadyClock::now() >= until) throw;
    }
  }
}

void LoopPool::connect_aside(Links& to) {
  if (opening_aside_ || closed_ || next_attempt_ > SteadyClock::now()) return;
  try {
    opening_aside_ = start_attempt(std::make_shared<Attempt>(), to);
  } catch (...) {  // the one that there is will do
  }
}

bool LoopPool::start_attempt(const std::shared_ptr<Attempt>& attempt, Links& to) {
  return fiber::start(loop_, "connecting to PostgreSQL", [self = shared_from_this(), attempt, &to] {
    try {
      ConnectionHandle handle = self->address_.connect();
      attempt->link = std::make_shared<Link>(self->loop_, std::move(handle), self->options_, self->where());
      if (self->closed_) throw ConnectionLost(self->where() + " has been closed");
      attempt->link->open(*self);
      if (attempt->link->broken()) throw ConnectionLost(self->where() + ": " + attempt->link->loss());
      to.push_back(attempt->link);
      self->pause_ = milliseconds(0);
      self->next_attempt_ = {};
      self->last_failure_ = nullptr;
      self->schedule_care();
    } catch (const std::exception& error) {
      attempt->link = nullptr;
      attempt->error = std::current_exception();
      // Those of other processes and loops shall not all come back at the same moment.
      static thread_local std::minstd_rand dice(std::random_device{}());
      self->pause_ = std::clamp(self->pause_ * 2, first_pause, longest_pause);
      self->next_attempt_ = SteadyClock::now() + milliseconds(std::uniform_int_distribution<std::int64_t>(
                                                     self->pause_.count() / 2, self->pause_.count())(dice));
      if (!self->last_failure_) log::warning("{}", error.what());
      self->last_failure_ = attempt->error;
    } catch (...) {
      attempt->error = std::make_exception_ptr(ConnectionLost("the runtime is stopping"));
    }
    if (!attempt->waiting) self->opening_aside_ = false;
    if (Completion* const waiting = std::exchange(attempt->waiting, nullptr)) waiting->finish_one();
  });
}

void LoopPool::link_broken(Link& link) noexcept {
  const auto is = [&](const std::shared_ptr<Link>& each) { return each.get() == &link; };
  if (std::erase_if(pipelines_, is) + std::erase_if(idle_, is) + std::erase_if(lent_, is) +
          std::erase_if(retiring_, is) >
      0) {
    log::warning("a connection to {} broke: {}", where(), link.loss());
  }
}

/// All connections are replaced as soon as they are free: what the others are reading is not disturbed.
void LoopPool::server_refuses_writes() noexcept {
  const auto now = SteadyClock::now();
  if (now - trusted_since_ < longest_pause) return;  // where the address leads to the same server still
  trusted_since_ = now;
  care(now);
}

bool LoopPool::outlived(const Link& link, fiber::TimePoint now) const noexcept {
  return link.born() < trusted_since_ || now - link.born() > options_->max_lifetime;
}

void LoopPool::schedule_care() {
  if (!timer_.armed() && !closed_) fiber::arm(loop_, timer_, SteadyClock::now() + care_interval);
}

void LoopPool::ask_if_silent(fiber::TimePoint now) {
  const auto patience = options_->silence_timeout;
  if (patience.count() == 0 || asking_ || now < next_ask_) return;
  const auto owes = [&](const auto& link) { return link->owed_for(now) > patience; };
  if (!std::ranges::any_of(pipelines_, owes) && !std::ranges::any_of(lent_, owes) &&
      !std::ranges::any_of(retiring_, owes)) {
    return;
  }
  asking_ = fiber::start(loop_, "asking a silent server", [self = shared_from_this()] { self->ask(); });
}

/// A server that takes a connection is there, and so is one that refuses it.
void LoopPool::ask() {
  const auto patience = options_->silence_timeout;
  const auto began = SteadyClock::now();
  try {
    address_.connect(patience);
  } catch (const std::exception&) {
    if (SteadyClock::now() - began >= patience) {
      break_links(fmt::format("the server has fallen silent: no answer for {} ms, nor to another connection",
                              patience.count()));
    }
  } catch (...) {  // the runtime is stopping
  }
  next_ask_ = SteadyClock::now() + patience;
  asking_ = false;
}

void LoopPool::care(fiber::TimePoint now) noexcept {
  try {
    for (const Links& links : {pipelines_, lent_, retiring_}) {
      for (const auto& link : Links(links)) link->look_at_the_clock(now);
    }
    ask_if_silent(now);
    for (std::size_t i = 0; i < pipelines_.size();) {
      const auto link = pipelines_[i];
      const bool idle = link->in_flight() == 0 && now - link->idle_since() > options_->max_idle;
      if (idle || outlived(*link, now)) {
        pipelines_.erase(pipelines_.begin() + static_cast<std::ptrdiff_t>(i));
        retiring_.push_back(link);
      } else {
        ++i;
      }
    }
    const auto done = [](const auto& link) { return link->in_flight() == 0; };
    const auto old = [&](const auto& link) {
      return now - link->idle_since() > options_->max_idle || outlived(*link, now);
    };
    Links ending;
    std::copy_if(retiring_.begin(), retiring_.end(), std::back_inserter(ending), done);
    std::erase_if(retiring_, done);
    std::copy_if(idle_.begin(), idle_.end(), std::back_inserter(ending), old);
    std::erase_if(idle_, old);
    for (const auto& link : ending) link->close();
    if (!pipelines_.empty() || !idle_.empty() || !lent_.empty() || !retiring_.empty()) schedule_care();
  } catch (...) {  // no memory: the next time
    if (!timer_.armed()) fiber::arm(loop_, timer_, now + care_interval);
  }
}

}  // namespace mpf::db::postgres
