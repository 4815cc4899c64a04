#include "db/postgres_sql.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <mpf/base/text.hpp>

namespace mpf::db::postgres {

namespace {

bool is_word(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

/// Just enough of PostgreSQL's lexer to tell code from quotes and comments.
class Scanner {
 public:
  explicit Scanner(std::string_view sql) noexcept : sql_(sql) {}

  bool done() const noexcept { return at_ >= sql_.size(); }
  std::size_t position() const noexcept { return at_; }
  char look(std::size_t ahead = 0) const noexcept {
    return at_ + ahead < sql_.size() ? sql_[at_ + ahead] : '\0';
  }
  void advance() noexcept { ++at_; }

  /// Over a quoted piece or a comment that begins here; false if none does.
  bool skip_opaque() noexcept {
    const char c = look();
    if (c == '\'') {
      const char before = at_ > 0 ? sql_[at_ - 1] : '\0';
      const bool escapes = (before == 'e' || before == 'E') && (at_ < 2 || !is_word(sql_[at_ - 2]));
      skip_quoted('\'', escapes);
      return true;
    }
    if (c == '"') {
      skip_quoted('"', false);
      return true;
    }
    if (c == '-' && look(1) == '-') {
      at_ = std::min(sql_.find('\n', at_), sql_.size());
      return true;
    }
    if (c == '/' && look(1) == '*') {
      skip_comment();
      return true;
    }
    return c == '$' && skip_dollar_quoted();
  }

 private:
  void skip_quoted(char quote, bool escapes) noexcept {
    for (++at_; at_ < sql_.size(); ++at_) {
      if (escapes && sql_[at_] == '\\') {
        ++at_;
      } else if (sql_[at_] == quote) {
        break;  // a doubled one begins the next piece
      }
    }
    at_ = std::min(at_ + 1, sql_.size());
  }

  void skip_comment() noexcept {
    int depth = 0;
    do {
      if (look() == '/' && look(1) == '*') {
        ++depth;
        at_ += 2;
      } else if (look() == '*' && look(1) == '/') {
        --depth;
        at_ += 2;
      } else {
        ++at_;
      }
    } while (depth > 0 && at_ < sql_.size());
    at_ = std::min(at_, sql_.size());
  }

  bool skip_dollar_quoted() noexcept {
    if (at_ > 0 && is_word(sql_[at_ - 1])) return false;
    std::size_t end = at_ + 1;
    while (end < sql_.size() && is_word(sql_[end])) ++end;
    const char first = look(1);
    if (end >= sql_.size() || sql_[end] != '$' || (first >= '0' && first <= '9')) return false;
    const std::string_view tag = sql_.substr(at_, end + 1 - at_);
    const std::size_t close = sql_.find(tag, end + 1);
    at_ = close == std::string_view::npos ? sql_.size() : close + tag.size();
    return true;
  }

  std::string_view sql_;
  std::size_t at_ = 0;
};

Kind kind_of(const std::string& first, const std::string& second) {
  const auto among = [&](auto... words) { return ((first == words) || ...); };
  if (first.empty()) return Kind::empty;
  if (among("insert", "update", "delete", "merge", "create", "alter", "drop", "truncate", "grant", "revoke",
            "comment", "reindex", "refresh", "vacuum", "cluster", "import", "reassign")) {
    return Kind::write;
  }
  if (among("begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release")) {
    return Kind::transaction;
  }
  if (first == "copy") return Kind::copy;
  if (first == "prepare") return second == "transaction" ? Kind::transaction : Kind::session;
  if (first == "set") return second == "local" || second == "constraints" ? Kind::other : Kind::session;
  if (among("reset", "discard", "listen", "unlisten", "deallocate", "load")) return Kind::session;
  return Kind::other;
}

}  // namespace

ParsedSql parse_sql(std::string_view sql) {
  ParsedSql parsed;
  std::array<std::string, 2> words;
  std::size_t word = 0;
  std::vector<std::size_t> marks;  // where "?" stand
  Scanner scanner(sql);
  while (!scanner.done()) {
    if (scanner.skip_opaque()) continue;
    const char c = scanner.look();
    if (c == '?') {
      marks.push_back(scanner.position());
    } else if (c == '$') {
      std::size_t number = 0;
      while (scanner.look(1) >= '0' && scanner.look(1) <= '9' && number < 100'000) {
        number = number * 10 + static_cast<std::size_t>(scanner.look(1) - '0');
        scanner.advance();
      }
      parsed.parameters = std::max(parsed.parameters, number);
    } else if (word < words.size()) {
      if (is_word(c)) {
        words[word] += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
      } else if (!words[word].empty()) {
        ++word;
      }
    }
    scanner.advance();
  }
  parsed.kind = kind_of(words[0], words[1]);
  if (parsed.parameters > 0 || marks.empty()) {
    parsed.text = sql;
    return parsed;
  }
  std::size_t copied = 0;
  for (const std::size_t mark : marks) {
    parsed.text += sql.substr(copied, mark - copied);
    parsed.text += '$' + std::to_string(++parsed.parameters);
    copied = mark + 1;
  }
  parsed.text += sql.substr(copied);
  return parsed;
}

std::string excerpt(std::string_view sql) {
  constexpr std::size_t most = 400;
  return sql.size() <= most ? std::string(sql) : std::string(truncate_utf8(sql, most)) + "…";
}

bool Variant::fits(const std::vector<Param>& params) const noexcept {
  for (std::size_t i = 0; i < params.size(); ++i) {
    const Oid wanted = oid_of(params[i]);
    if (wanted != oid::none && wanted != types[i]) return false;
  }
  return true;
}

Variant& CachedStatement::variant(const std::vector<Param>& params) {
  for (Variant& each : variants) {
    if (each.fits(params)) return each;
  }
  Variant made;
  made.types.reserve(params.size());
  for (const Param& each : params) made.types.push_back(oid_of(each));
  return variants.emplace_back(std::move(made));
}

CachedStatement& StatementCache::find(std::string_view sql) {
  if (const auto found = by_sql_.find(sql); found != by_sql_.end()) {
    if (found->second != used_.begin()) used_.splice(used_.begin(), used_, found->second);
    return *found->second;
  }
  while (used_.size() >= most_ && evict()) {  // a batch may have had more than there is room for
  }
  used_.push_front({std::string(sql), parse_sql(sql), {}});
  try {
    by_sql_.emplace(used_.front().sql, used_.begin());
  } catch (...) {
    used_.pop_front();
    throw;
  }
  return used_.front();
}

bool StatementCache::evict() {
  for (auto oldest = used_.end(); oldest != used_.begin();) {
    --oldest;
    const auto busy = [](const Variant& v) { return v.users > 0 || v.state == Variant::State::preparing; };
    if (std::ranges::none_of(oldest->variants, busy)) {
      evicted_.reserve(evicted_.size() + oldest->variants.size());  // all of them or none
      for (const Variant& each : oldest->variants) {
        if (each.state == Variant::State::prepared) evicted_.push_back(each.number);
      }
      by_sql_.erase(oldest->sql);
      used_.erase(oldest);
      return true;
    }
  }
  return false;
}

}  // namespace mpf::db::postgres
