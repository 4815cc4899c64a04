#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <mpf/orm/detail/core.hpp>
#include <mpf/orm/model.hpp>

/// What Tracked and Changeset are made of. Not for users.
namespace mpf::orm::detail {

/// Calls one of both when it is known how the fiber's open transaction on this database ends. One must be
/// open.
void on_end_of_transaction(db::Database& db, std::function<void()> committed,
                           std::function<void()> rolled_back);

/// Copies the fields that writes set by themselves: id, tenant, kind, version, automatic times.
template <class T>
void copy_kept_fields(T& into, const T& from) {
  for_each_field<T>([&](const auto& field) {
    using F = std::remove_cvref_t<decltype(field)>;
    if constexpr (same_member<F::pointer, &T::id> || F::template has<Tenant> ||
                  F::template has<ProviderTenant> || F::template has<ProviderOrSystem> ||
                  F::template has<RowKind> || F::template has<RowVersion> || F::template has<AutoNow> ||
                  F::template has<AutoNowAdd>) {
      into.*F::pointer = from.*F::pointer;
    }
  });
}

/// A row, and what is stored of it: none for a new one. What a transaction wrote is forgotten when it is
/// rolled back, however far the object has moved meanwhile; copies are on their own.
template <class T>
class Remembered {
 public:
  Remembered() : state_(std::make_shared<State>()) {}
  explicit Remembered(T stored) : Remembered() {
    state_->row = std::move(stored);
    state_->before = state_->row;
  }
  Remembered(const Remembered& other) : Remembered() {
    state_->row = other.state_->row;
    state_->before = other.state_->before;
  }
  Remembered(Remembered&&) noexcept = default;
  Remembered& operator=(const Remembered& other) {
    if (this != &other) *this = Remembered(other);
    return *this;
  }
  Remembered& operator=(Remembered&&) noexcept = default;
  ~Remembered() = default;

  T& row() const noexcept { return state_->row; }
  std::optional<T>& before() const noexcept { return state_->before; }

  /// To be taken before a write: the fields that it is going to set.
  T kept() const {
    T fields{};
    copy_kept_fields(fields, state_->row);
    return fields;
  }
  /// The write has failed.
  void take_back(const T& kept) const { copy_kept_fields(state_->row, kept); }

  /// The write is done: what the row is now is what is stored, unless the open transaction is rolled back.
  void written(db::Database& db, T kept) const {
    std::optional<T> now(state_->row);
    if (db.current()) {
      auto earlier = std::make_shared<Earlier>(Earlier{std::move(kept), state_->before});
      const std::weak_ptr<State> held(state_);
      // Hooks run in the order of the writes: the first that is undone is the one that counts.
      const std::size_t number = state_->writes;
      on_end_of_transaction(
          db,
          [held] {
            if (const auto state = held.lock()) state->writes = 0;
          },
          [held, number, earlier] {
            const auto state = held.lock();
            if (!state || state->writes <= number) return;
            state->writes = number;
            copy_kept_fields(state->row, earlier->kept);
            state->before = std::move(earlier->before);
          });
      state_->writes = number + 1;
    }
    state_->before = std::move(now);
  }

 private:
  struct State {
    T row{};
    std::optional<T> before;
    std::size_t writes = 0;  ///< of the open transaction
  };
  struct Earlier {
    T kept;
    std::optional<T> before;
  };

  std::shared_ptr<State> state_;
};

}  // namespace mpf::orm::detail
