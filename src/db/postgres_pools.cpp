#include "db/postgres_pools.hpp"

#include <mpf/fiber/fiber.hpp>

#include "fiber/loop_impl.hpp"

namespace mpf::db::postgres {

ServerPools::ServerPools(fiber::Runtime& runtime, std::shared_ptr<const PostgresOptions> options,
                         Address address)
    : runtime_(runtime),
      options_(std::move(options)),
      address_(std::move(address)),
      pools_(runtime_.loop_count()) {}

ServerPools::~ServerPools() {
  for (const auto& slot : pools_) {
    if (slot.pool) close(slot);
  }
  for (const auto& [loop, slot] : foreign_) close(slot);
}

const std::shared_ptr<LoopPool>& ServerPools::here() {
  fiber::Loop& loop = *fiber::Loop::current();
  if (&loop.runtime() == &runtime_) {
    Slot& slot = pools_[loop.index()];
    if (!slot.pool) slot = {&loop, std::make_shared<LoopPool>(loop, options_, address_)};
    return slot.pool;
  }
  const std::scoped_lock lock(foreign_mutex_);
  Slot& slot = foreign_[&loop];
  if (!slot.pool) slot = {&loop, std::make_shared<LoopPool>(loop, options_, address_)};
  return slot.pool;
}

void ServerPools::break_links(const std::weak_ptr<void>& self, const std::string& why) {
  for (std::size_t i = 0; i < pools_.size(); ++i) {
    runtime_.loop(i).post([this, self, why, i] {
      const auto alive = self.lock();
      if (alive && pools_[i].pool) pools_[i].pool->break_links(why);
    });
  }
  const std::scoped_lock lock(foreign_mutex_);
  for (const auto& [loop, slot] : foreign_) {
    slot.loop->post([pool = slot.pool, why] { pool->break_links(why); });
  }
}

void ServerPools::close(const Slot& slot) noexcept {
  if (fiber::Loop::current() == slot.loop) return slot.pool->close();
  // Kept alive by what is posted: the loop may have ended, then this is dropped with it.
  struct Closing {
    std::shared_ptr<LoopPool> pool;
    fiber::Waiter* waiter;
    ~Closing() {
      if (waiter) waiter->wake();
    }
  };
  try {
    if (fiber::in_fiber()) {
      fiber::Waiter closed;
      slot.loop->post([closing = std::make_shared<Closing>(slot.pool, &closed)] { closing->pool->close(); });
      closed.wait_through();
    } else {
      slot.loop->post([pool = slot.pool] { pool->close(); });
    }
  } catch (...) {  // no memory: the loop's end closes them
  }
}

}  // namespace mpf::db::postgres
