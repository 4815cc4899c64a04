#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <mpf/db/value.hpp>

#include "db/postgres_types.hpp"

namespace mpf::db::postgres {

/// What a statement does to the connection that it runs on, as far as its first words tell.
enum class Kind : std::uint8_t {
  other,
  empty,
  write,        ///< INSERT, CREATE…
  transaction,  ///< BEGIN, COMMIT, SAVEPOINT…
  copy,         ///< COPY: another protocol
  session       ///< SET, LISTEN…: would change a connection that others share
};

struct ParsedSql {
  std::string text;  ///< with "$1" for each "?", if it has no "$1" itself
  std::size_t parameters = 0;
  Kind kind = Kind::other;
};

ParsedSql parse_sql(std::string_view sql);

/// Enough of a statement to recognise it.
std::string excerpt(std::string_view sql);

/// A statement prepared with certain types of parameters; null has none and fits every type.
struct Variant {
  enum class State : std::uint8_t { unprepared, preparing, prepared };
  std::vector<Oid> types;
  std::uint64_t number = 0;  ///< of its name, another one each time it is prepared
  State state = State::unprepared;
  bool used = false;  ///< at least once
  int users = 0;      ///< requests that look at it

  bool fits(const std::vector<Param>& params) const noexcept;
};

/// What the server knows it by.
inline std::string statement_name(std::uint64_t number) { return "s" + std::to_string(number); }

struct CachedStatement {
  std::string sql;  ///< as it was given
  ParsedSql parsed;
  std::list<Variant> variants;  ///< their addresses stay

  /// The one for values of these types; made if need be.
  Variant& variant(const std::vector<Param>& params);
};

/// The statements of one connection, those used longest ago forgotten first. Those that the server has
/// prepared and nobody will use again are told, so that it can forget them too.
class StatementCache {
 public:
  explicit StatementCache(std::size_t most) : most_(most < 1 ? 1 : most) {}

  CachedStatement& find(std::string_view sql);

  /// Numbers of prepared statements that the server still has for nothing.
  bool has_evicted() const noexcept { return !evicted_.empty(); }
  std::uint64_t take_evicted() noexcept {
    const std::uint64_t number = evicted_.back();
    evicted_.pop_back();
    return number;
  }
  void add_evicted(std::uint64_t number) { evicted_.push_back(number); }

 private:
  /// The one used longest ago that nobody is using; false where all are in use.
  bool evict();

  const std::size_t most_;
  std::list<CachedStatement> used_;  ///< newest first
  std::unordered_map<std::string_view, std::list<CachedStatement>::iterator> by_sql_;
  std::vector<std::uint64_t> evicted_;
};

}  // namespace mpf::db::postgres
