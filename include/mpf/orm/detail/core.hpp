#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <mpf/base/id.hpp>
#include <mpf/base/timestamp.hpp>
#include <mpf/db/database.hpp>
#include <mpf/orm/detail/ast.hpp>

/// Queries and writes without C++ types; what the templates of query.hpp and scope.hpp call. Not for users.
namespace mpf::orm::detail {

enum class ScopeKind : std::uint8_t { site, provider, system };

struct ScopeData {
  db::Database* db = nullptr;
  const Clock* clock = nullptr;
  ScopeKind kind = ScopeKind::site;
  Id site;
  Id provider;
};

struct Clause;

/// Where one decoded row goes: a place to decode into, and what to do after it.
struct RowTarget {
  void* context;
  void* (*place)(void* context);
  void (*done)(void* context) = nullptr;
};

struct NewValue {
  std::string_view column;
  NodePtr value;  ///< null: one more than before
};

/// An immutable query; extending it makes another that shares what it has.
class QueryCore {
 public:
  QueryCore(const ScopeData& scope, const ModelInfo& model) : scope_(scope), model_(&model) {}

  QueryCore where(NodePtr condition) const;
  QueryCore order_by(const ColumnPath& path, bool descending) const;
  QueryCore with(std::span<const Hop> hops) const;
  QueryCore limit(std::size_t rows) const;
  QueryCore offset(std::size_t rows) const;

  void fetch(const RowTarget& target) const;
  void project(std::span<const ColumnPath* const> columns, const db::RowSink& on_row) const;
  std::uint64_t count() const;
  bool exists() const;
  std::uint64_t update(std::span<const NewValue> values) const;
  std::uint64_t remove() const;
  std::string sql() const;

  const ModelInfo& model() const noexcept { return *model_; }
  std::optional<std::size_t> limit() const noexcept { return limit_; }

 private:
  friend class Renderer;
  QueryCore extended(Clause clause) const;

  ScopeData scope_;
  const ModelInfo* model_;
  std::shared_ptr<const Clause> last_;
  std::optional<std::size_t> limit_;
  std::optional<std::size_t> offset_;
};

/// Throw Error(not_found), and Error(internal) for more than one row.
[[noreturn]] void throw_no_row(const ModelInfo& model);
[[noreturn]] void throw_no_row(const ModelInfo& model, Id id);
[[noreturn]] void throw_many_rows(const ModelInfo& model);

/// Decodes the row into `into`; false when the scope has no such row.
bool find_row(const ScopeData& scope, const ModelInfo& model, Id id, void* into);
void insert_row(const ScopeData& scope, const ModelInfo& model, void* object);
/// `count` objects, `stride` bytes from one to the next.
void insert_rows(const ScopeData& scope, const ModelInfo& model, void* objects, std::size_t count,
                 std::size_t stride);
/// All columns, or only those of the members given.
void update_row(const ScopeData& scope, const ModelInfo& model, void* object,
                std::span<const std::string_view> members);
bool remove_row(const ScopeData& scope, const ModelInfo& model, Id id);

/// Check and log what scopes are made of; throw Error(internal).
ScopeData site_scope(db::Database& db, Id site, Id provider, const Clock& clock);
ScopeData provider_scope(db::Database& db, Id provider, const Clock& clock);
ScopeData system_scope(db::Database& db, std::string_view reason, const Clock& clock);

}  // namespace mpf::orm::detail
