#pragma once

#include <memory>

#include "migrate/sql.hpp"

/// What the renderers of both dialects share.
namespace mpf::migrate {

class Renderer {
 public:
  Renderer(State& state, db::Dialect dialect, Fill fill) : state_(state), dialect_(dialect), fill_(fill) {}
  virtual ~Renderer() = default;

  /// Renders and applies the operation.
  virtual void add(const Operation& operation, const std::string& module) = 0;
  virtual void finish() {}

  void begin(std::size_t operation) noexcept { operation_ = operation; }
  Script take();

 protected:
  void sql(std::string text) { step(Step::Kind::sql, std::move(text) + ";"); }
  void sql_all(std::vector<std::string> texts) {
    for (auto& each : texts) sql(std::move(each));
  }
  Step& step(Step::Kind kind, std::string text) {
    script_.steps.push_back({kind, operation_, std::move(text)});
    script_.steps.back().phase = phase_;
    return script_.steps.back();
  }
  /// What follows is committed by itself.
  void next_phase() {
    if (!script_.steps.empty()) phase_ = script_.steps.back().phase + 1;
  }
  /// In a phase of its own.
  void apart(Step::Kind kind, std::string text, std::string subject = {}) {
    next_phase();
    step(kind, std::move(text)).subject = std::move(subject);
    next_phase();
  }
  void backfill(Batches batches);

  /// Refuses to go on while rows of the table fulfil the condition.
  void guard(const std::string& table, const std::string& condition, const std::string& message);
  /// Guards an alteration: values that cannot be converted, are null, or break a new rule.
  void guard_values(const std::string& table, const orm::Column& before, const orm::Column& after);
  /// Guards a reference that newly compares tenants.
  void guard_tenant(const std::string& table, const orm::Column& before, const orm::Column& after);
  /// Guards a reference that is new to rows: they may refer to nothing.
  void guard_reference(const std::string& table, const orm::Column& before, const orm::Column& after);
  void guard_unique(const orm::Table& table, const orm::Index& index);
  void guard_check(const orm::Table& table, const orm::Check& check);
  void guard_added(const std::string& table, const orm::Column& column);

  /// SQL of the value for rows that have none; empty: there is none.
  std::string missing_value(const orm::Column& column) const;

  void run_by_hand(const RunSql& op);
  void backfill_by_hand(const Backfill& op);
  void call(const CallFunction& op);

  State& state_;
  const db::Dialect dialect_;
  const Fill fill_;
  std::size_t operation_ = 0;
  std::size_t phase_ = 0;
  Script script_;
  std::vector<std::string> rebuilt_;
};

/// The check by which PostgreSQL is shown that no row is null.
inline constexpr std::string_view not_null_check = "mpf_not_null";
std::string drop_not_null_check(const std::string& table);

/// True where rows exist that need a value, and none is said.
bool needs_value(const orm::Column& column);

std::unique_ptr<Renderer> make_sqlite_renderer(State& state, Fill fill);
std::unique_ptr<Renderer> make_postgres_renderer(State& state, Fill fill);

}  // namespace mpf::migrate
