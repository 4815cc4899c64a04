#include <mpf/db/own_writes.hpp>

#include <memory>

namespace mpf::db {

namespace {
constexpr fiber::Local<detail::OwnWrites> own_writes{};
}

OwnWritesScope::OwnWritesScope() : scope_(own_writes.set(std::make_shared<detail::OwnWrites>())) {}

void OwnWritesScope::note() {
  if (detail::OwnWrites* const writes = own_writes.get()) {
    writes->any.store(true, std::memory_order_relaxed);
    return;
  }
  auto writes = std::make_shared<detail::OwnWrites>();
  writes->any.store(true, std::memory_order_relaxed);
  own_writes.keep(std::move(writes));
}

bool OwnWritesScope::any() noexcept {
  const detail::OwnWrites* const writes = own_writes.get();
  return writes && writes->any.load(std::memory_order_relaxed);
}

}  // namespace mpf::db
