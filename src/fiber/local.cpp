#include <mpf/fiber/local.hpp>

#include <algorithm>

#include "fiber/state.hpp"

namespace mpf::fiber::detail {
namespace {

const State::LocalValue* find(LocalKey key) noexcept {
  const State* const state = governing_state_if_any();
  if (!state) return nullptr;
  const auto at = std::find_if(state->locals.begin(), state->locals.end(),
                               [&](const State::LocalValue& local) { return local.key == key; });
  return at == state->locals.end() ? nullptr : &*at;
}

}  // namespace

std::shared_ptr<void> local_get(LocalKey key) noexcept {
  const auto* const local = find(key);
  return local ? local->value : nullptr;
}

void* local_peek(LocalKey key) noexcept {
  const auto* const local = find(key);
  return local ? local->value.get() : nullptr;
}

std::shared_ptr<void> local_set(LocalKey key, std::shared_ptr<void> value, bool inherited) {
  auto& locals = governing_state().locals;
  const auto at = std::find_if(locals.begin(), locals.end(),
                               [&](const State::LocalValue& local) { return local.key == key; });
  if (at == locals.end()) {
    if (value) locals.push_back({key, std::move(value), inherited});
    return nullptr;
  }
  auto before = std::exchange(at->value, std::move(value));
  if (!at->value) {
    *at = std::move(locals.back());
    locals.pop_back();
  }
  return before;
}

}  // namespace mpf::fiber::detail
