#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <mpf/orm/detail/core.hpp>

/// Writes without C++ types; what the templates of scope.hpp call. Not for users.
namespace mpf::orm::detail {

/// Objects side by side: `stride` bytes from one to the next.
struct Objects {
  void* first = nullptr;
  std::size_t count = 0;
  std::size_t stride = 0;
  void* operator[](std::size_t i) const { return static_cast<std::byte*>(first) + i * stride; }
};

/// The members that name a unique set.
using Key = std::span<const std::string_view>;

/// Decodes the row into `into`; false when the scope has no such row.
bool find_row(const ScopeData& scope, const ModelInfo& model, Id id, void* into);
/// The row with the same values in these members as `object`.
bool find_row_by(const ScopeData& scope, const ModelInfo& model, const void* object, Key key, void* into);

void insert_row(const ScopeData& scope, const ModelInfo& model, void* object);
void insert_rows(const ScopeData& scope, const ModelInfo& model, Objects objects);
/// Fills in the tenant that the scope knows; Error(denied) for a row of another.
void adopt(const ScopeData& scope, const ModelInfo& model, void* object);
/// A row takes over the tenant of another, as far as both models have one.
void take_tenant(const ModelInfo& from, const void* row, const ModelInfo& model, void* object);
/// Reads the row again and keeps others from changing it until the transaction ends.
void lock_row(const ScopeData& scope, const ModelInfo& model, Id id, void* into);
/// The statement of find_row().
db::Statement find_statement(const ScopeData& scope, const ModelInfo& model, Id id);

/// False, with the object as it was but for tenant and automatic fields, when such a row is there.
bool insert_new_row(const ScopeData& scope, const ModelInfo& model, void* object, Key key);
void upsert_rows(const ScopeData& scope, const ModelInfo& model, Objects objects, Key key);
/// Rows whose key is taken are left out; ids are not told. How many were stored.
std::uint64_t insert_missing_rows(const ScopeData& scope, const ModelInfo& model, Objects objects, Key key);

/// All columns, or only those of the members given.
void update_row(const ScopeData& scope, const ModelInfo& model, void* object,
                std::span<const std::string_view> members);
void update_rows(const ScopeData& scope, const ModelInfo& model, Objects objects,
                 std::span<const std::string_view> members);
/// The members in which two rows differ, without those that are the framework's.
std::vector<std::string_view> changed_members(const ModelInfo& model, const void* before, const void* after);

bool remove_row(const ScopeData& scope, const ModelInfo& model, Id id);
/// Retired since now, or not any more; false when the scope has no such row.
bool retire_row(const ScopeData& scope, const ModelInfo& model, Id id, bool retired);

/// Throws Error(internal): the model has no unique set of these members.
[[noreturn]] void throw_no_unique_set(const ModelInfo& model, Key key);
[[noreturn]] void throw_not_settled(const ModelInfo& model);

}  // namespace mpf::orm::detail
