#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mpf/base/id.hpp>
#include <mpf/base/timestamp.hpp>
#include <mpf/db/database.hpp>
#include <mpf/orm/detail/ast.hpp>

/// Queries and writes without C++ types; what the templates of query.hpp and scope.hpp call. Not for users.
namespace mpf::orm::detail {

enum class ScopeKind : std::uint8_t { site, provider, system };

/// Conditions that keep tenants apart and are left out: only for tests of tests that look for leaks.
enum class LeftOut : std::uint8_t {
  nothing,
  everything,
  reads,
  writes,      ///< of changes: which rows they may touch
  references,  ///< of joins, and of what a row may refer to
};

struct ScopeData {
  db::Database* db = nullptr;
  const Clock* clock = nullptr;
  ScopeKind kind = ScopeKind::site;
  Id site;
  Id provider;
  std::shared_ptr<db::Database> view = {};  ///< keeps the scope's own view of the database, if it has one
  bool with_retired = false;
  bool replica = false;  ///< its reads may lag (db::Statement::replica)
  bool writing = false;
  /// Of the row that is stored as part of one of a model that extends it.
  std::string_view row_kind = {};
  std::source_location origin = {};  ///< of the verb that runs, for logs of statements
  LeftOut left_out = LeftOut::nothing;
};

struct Clause;
struct PrefetchStep;

/// What tells the rows of one parent from those of another: a column of the rows, or links to them.
struct Partition {
  std::string_view reference;        ///< where there are no links
  const ModelInfo* links = nullptr;  ///< the table of links, and its columns
  std::string_view source;
  std::string_view target;
};

/// Loads a set into `count` rows, `stride` bytes from one to the next.
using SetLoader = std::function<void(const ScopeData& scope, const std::source_location& origin, void* rows,
                                     std::size_t count, std::size_t stride)>;

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

enum class LockStrength : std::uint8_t { update, share };
enum class LockWait : std::uint8_t { wait, skip_locked, fail };
enum class SetOperation : std::uint8_t { all, either, both, without };

/// Which part of a query in a total order.
struct PageRequest {
  std::size_t size = 0;
  std::string_view cursor;  ///< empty: from the beginning, or from the end
  bool backward = false;
  std::string_view key = {};  ///< signs the cursors
};
struct PageCursors {
  std::string previous;  ///< empty: nothing is before
  std::string next;
};

/// An immutable query; extending it makes another that shares what it has.
class QueryCore {
 public:
  QueryCore(const ScopeData& scope, const ModelInfo& model) : scope_(scope), model_(&model) {}

  QueryCore where(NodePtr condition) const;
  QueryCore order_by(OrderBy term) const;
  QueryCore with(std::span<const Hop> hops) const;
  /// Of rows that are equal in these values only the first ones, in the query's order.
  QueryCore first_per(std::vector<NodePtr> values, std::size_t rows) const;
  QueryCore limit(std::size_t rows) const;
  /// The first row, unless the query's own limit takes none.
  QueryCore at_most_one() const { return limit(limit_ == std::size_t{0} ? 0 : 1); }
  QueryCore offset(std::size_t rows) const;
  QueryCore lock(LockStrength strength, LockWait wait) const;
  QueryCore from_replica() const;
  QueryCore at(const std::source_location& origin) const;

  /// on_values gets the values of `extra` for the row just placed, from that column on.
  using ValueSink = std::function<void(const db::Row& row, std::size_t first_column)>;
  void fetch(const RowTarget& target, bool stream = false, std::span<const NodePtr> extra = {},
             const ValueSink& on_values = {}) const;
  /// In the opposite order.
  QueryCore reversed() const;
  /// Places one row more than asked for where there is one: the last, or the first of a page backward comes
  /// last. The cursors are about the rows asked for.
  PageCursors page(const PageRequest& request, const RowTarget& target) const;
  std::uint64_t count() const;
  bool exists() const;
  std::uint64_t update(std::span<const NewValue> values) const;
  void update_returning(std::span<const NewValue> values, const RowTarget& target) const;
  std::uint64_t remove() const;
  void remove_returning(const RowTarget& target) const;
  std::string sql() const;
  std::string explain() const;

  /// Also rows that are retired.
  QueryCore with_retired() const;

  /// Sets to load once the rows are there.
  QueryCore prefetch(SetLoader loader) const;
  bool prefetches() const noexcept { return prefetch_ != nullptr; }
  void load_sets(void* rows, std::size_t count, std::size_t stride) const;
  /// Rows of the query that belong to these parents, with limit and offset for each of them; `of_parent` is
  /// told whose row each is, after it was decoded.
  void fetch_of_each(const Partition& partition, std::span<const std::int64_t> parents,
                     const RowTarget& target, void (*of_parent)(void* context, std::int64_t parent)) const;
  /// The ids of the rows, in order: those that it reads, or those that a write would change.
  std::vector<std::int64_t> ids(db::Access access) const;
  /// The same query for some of its rows.
  QueryCore only(std::span<const std::int64_t> ids) const;

  /// The statement of fetch(), and what of its columns belongs to loaded references.
  struct Prepared {
    db::Statement statement;
    std::vector<LoadNode> loads;
  };
  Prepared prepared() const;

  const ModelInfo& model() const noexcept { return *model_; }
  const ScopeData& scope() const noexcept { return scope_; }
  std::optional<std::size_t> limit() const noexcept { return limit_; }
  std::optional<std::size_t> offset() const noexcept { return offset_; }
  const std::source_location& origin() const noexcept { return origin_; }
  const std::shared_ptr<const Clause>& clauses() const noexcept { return last_; }

 private:
  QueryCore extended(Clause clause) const;
  std::uint64_t run_update(std::span<const NewValue> values, const RowTarget* returning) const;
  std::uint64_t update_own(std::span<const NewValue> values, const RowTarget* returning) const;
  /// `references`: columns with the literal ids that they are to have.
  std::uint64_t write_values(std::span<const NewValue> values,
                             std::span<const std::pair<std::size_t, std::int64_t>> references,
                             const RowTarget* returning) const;
  /// Throws ValidationError when one of these rows refers to what it may not.
  void refuse_bad_references(std::size_t column, std::span<const std::int64_t> rows) const;
  /// Of rows of a model that extends another, both parts.
  std::uint64_t update_extended(std::span<const NewValue> values, const RowTarget* returning) const;
  std::uint64_t remove_extended(const RowTarget* returning) const;

  ScopeData scope_;
  const ModelInfo* model_;
  std::shared_ptr<const Clause> last_;
  std::optional<std::size_t> limit_;
  std::optional<std::size_t> offset_;
  std::source_location origin_;
  std::shared_ptr<const PrefetchStep> prefetch_;
};

/// Whether rows of two models are of tenants that may know each other, as far as their own columns tell.
bool same_tenant(const ModelInfo& a, const void* a_row, const ModelInfo& b, const void* b_row);

/// Values computed from the rows of a query, or two such combined.
struct SelectionPlan {
  QueryCore source;
  std::vector<NodePtr> columns;
  bool grouped = false;
  std::vector<NodePtr> groups;
  NodePtr having;
  bool distinct = false;
  struct Order {
    NodePtr value;  ///< null: of that column
    std::size_t column = 0;
    bool descending = false;
    Nulls nulls = Nulls::automatic;
  };
  std::vector<Order> order;  ///< instead of the source's, if there is one
  std::optional<std::size_t> limit;
  std::optional<std::size_t> offset;
  SetOperation operation = SetOperation::all;
  PlanPtr left;  ///< with right: what is combined; of the above only order, limit and offset count
  PlanPtr right;
};

/// The query that gives the scope.
const QueryCore& source_of(const SelectionPlan& plan);
void run_selection(const SelectionPlan& plan, const db::RowSink& on_row, bool stream,
                   const std::source_location& origin);
std::uint64_t count_selection(const SelectionPlan& plan, const std::source_location& origin);
std::string selection_sql(const SelectionPlan& plan);
std::string explain_selection(const SelectionPlan& plan, const std::source_location& origin);
/// Throws Error(internal) for queries of different scopes.
void check_same_scope(const QueryCore& left, const QueryCore& right);

/// Throw Error(not_found), and Error(internal) for more than one row.
[[noreturn]] void throw_no_row(const ModelInfo& model);
[[noreturn]] void throw_no_row(const ModelInfo& model, Id id);
[[noreturn]] void throw_many_rows(const ModelInfo& model);

/// Check and log what scopes are made of; throw Error(internal).
ScopeData site_scope(db::Database& db, Id site, Id provider, const Clock& clock);
ScopeData provider_scope(db::Database& db, Id provider, const Clock& clock);
ScopeData system_scope(db::Database& db, std::string_view reason, const Clock& clock,
                       const std::source_location& origin);

}  // namespace mpf::orm::detail
