#include "migrate/lint.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include "migrate/renderer.hpp"
#include "migrate/sql.hpp"
#include "migrate/sql_part.hpp"
#include "migrate/sql_text.hpp"
#include "orm/ddl.hpp"

namespace mpf::migrate {
namespace {

constexpr std::size_t many_columns = 3;

const char* const later =
    "stop using it in this release, and drop it in a migration marked 'border: true', which is applied when "
    "no older release runs any more (`migrate make` writes it so)";
const char* const renaming_table =
    "create the new table, write both, copy with 'sql' or 'call', read the new one, and drop the old one "
    "behind a border; or rename it while nothing runs, and say so as the 'reason'";
const char* const renaming_column =
    "say orm::renamed_from in the model and let `migrate make` write it: both columns hold the same "
    "('expand_column') until no older release runs any more ('contract_column' behind a border); where it "
    "cannot (a key, a tenant's column, a type that rounds): add the new column, write both, copy with "
    "'backfill', read the new one, and drop the old one behind a border";

class Linter {
 public:
  Linter(const Migration& migration, State& state) : migration_(migration), state_(state) {}

  std::vector<LintFinding> run() {
    std::size_t at = 0;
    replay(migration_, state_, [&](const Operation& operation, const State& before) {
      located_ = &migration_.operations[at++];
      before_ = &before;
      std::visit([&](const auto& op) { check(op); }, operation);
    });
    return std::move(findings_);
  }

 private:
  void add(std::string rule, std::string message, std::string safe, bool refused = true) {
    if (!located_->reason.empty()) return;
    findings_.push_back({.id = migration_.id,
                         .source = migration_.source,
                         .line = located_->line,
                         .operation = describe(located_->operation),
                         .rule = std::move(rule),
                         .message = std::move(message),
                         .safe = std::move(safe),
                         .refused = refused});
  }

  bool is_made(const std::string& table) const { return made_.contains(table); }

  void check(const CreateTable& op) { made_.insert(op.table.name); }
  void check(const DropTable& op) {
    if (!is_made(op.table) && !migration_.border)
      add("drop-table", "the release that still runs uses the table", later);
  }
  void check(const RenameTable& op) {
    if (is_made(op.from)) {
      made_.insert(op.to);
    } else {
      add("rename-table", "the release that still runs does not find the table any more", renaming_table);
    }
  }
  void check(const AlterRowSecurity& op) {
    if (is_made(op.table) || !op.security || before_->table(op.table).row_security) return;
    add("row-security",
        "the release that still runs sees no rows any more, unless it works with "
        "orm::with_row_security() already",
        "let a release with orm::with_row_security() run everywhere first, and say so as the 'reason'");
  }
  void check(const AddColumn& op) {
    added_.insert(op.table + "." + op.column.name);
    if (is_made(op.table)) return;
    if (op.column.generated) {
      add("generated-column", "PostgreSQL writes the whole table anew, and nobody can use it meanwhile",
          "add a plain column, fill it by 'backfill', and let the program write it");
    } else if (needs_value(op.column)) {
      add("no-default", "rows that exist have no value for it, and the release that still runs writes none",
          "give it a default (orm::default_value), or make it nullable");
    }
  }
  void check(const DropColumn& op) {
    if (!is_made(op.table) && !migration_.border)
      add("drop-column", "the release that still runs uses the column", later);
  }
  void check(const AlterColumn& op) {
    if (is_made(op.table)) return;
    const auto* column = find_column(before_->table(op.table), op.column.name);
    if (!column) return;
    if (op.column.generated && op.column.generated != column->generated) {
      add("generated-column", "the column is made anew, and PostgreSQL writes the whole table for it",
          "add a column of another name, and drop this one a release later");
    } else if (orm::ddl::type_name(*column, db::Dialect::postgres) !=
               orm::ddl::type_name(op.column, db::Dialect::postgres)) {
      add("type", "PostgreSQL writes the whole table anew, and nobody can use it meanwhile",
          "rename it at the same time (orm::renamed_from): `migrate make` keeps both columns the same then, "
          "until no older release runs any more; where the new type rounds values of the old one: add a "
          "column of another name, write both, copy with 'backfill', read the new one, and drop the old one "
          "behind a border");
    } else if (narrows(*column, op.column) && !migration_.border) {
      add("narrow-rule", "the release that still runs may write what is refused then",
          "mark the migration 'border: true', as `migrate make` does: it is applied when no older release "
          "runs any more",
          false);
    } else if (column->nullable && !op.column.nullable && !op.fill_nulls) {
      check_filled(op);
    } else if (column->byte_order != op.column.byte_order) {
      check_order(op);
    }
  }
  /// Indexes by the column's values are built beforehand; what is made of them is not.
  void check_order(const AlterColumn& op) {
    const auto& table = before_->table(op.table);
    const auto& name = op.column.name;
    if (std::ranges::any_of(table.indexes, [&](const orm::Index& index) {
          return uses(index, name) && !sorts_by(index, name);
        })) {
      add("collation",
          "PostgreSQL builds the column's indexes with expressions or conditions anew, and nobody can write "
          "the table meanwhile",
          "drop those indexes by 'drop_index' before it, and create them after it by 'create_index'");
    }
    if (std::ranges::any_of(table.columns, [&](const orm::Column& column) {
          return column.generated && mentions(*column.generated, name);
        })) {
      add("collation",
          "columns are generated from this one, and PostgreSQL writes the whole table anew for them",
          "drop the generated columns a release before, and add what replaces them after it");
    }
  }
  void check(const RenameColumn& op) {
    if (!is_made(op.table)) {
      add("rename-column", "the release that still runs does not find the column any more", renaming_column);
    }
  }
  void check(const ExpandColumn& op) {
    const auto* from = find_column(before_->table(op.table), op.from);
    if (is_made(op.table) || !from || keeps_all(*from, op.column)) return;
    add("narrow-type",
        "the release that still runs may write a value that does not fit the new type, and is refused it "
        "then",
        "let the release before it write only what fits", false);
  }
  void check(const ContractColumn& op) {
    if (!is_made(op.table) && !migration_.border)
      add("drop-column", "the release that still runs uses the column", later);
  }
  /// What refuses rows that were fine. A column that the migration itself adds is none of the old release's.
  void check_narrowed(const std::string& table, bool concerns_added) {
    if (is_made(table) || migration_.border || concerns_added) return;
    add("narrow-rule", "the release that still runs may write what is refused then",
        "let a release that writes only what fits run everywhere first; or mark the migration 'border: "
        "true': "
        "it is applied when no older release runs any more",
        false);
  }
  void check_filled(const AlterColumn& op) {
    if (!op.column.default_value && !op.column.computed_default) {
      return check_narrowed(op.table, is_added(op.table, op.column.name));
    }
    if (migration_.border || is_added(op.table, op.column.name)) return;
    add("narrow-rule", "the release that still runs may write null, and is refused then",
        "say 'fill_nulls: true', as `migrate make` does: null becomes the default until a later "
        "'alter_column' without it, behind a border",
        false);
  }
  bool is_added(const std::string& table, const std::string& column) const {
    return added_.contains(table + "." + column);
  }
  void check(const AddCheck& op) {
    check_narrowed(op.table, std::ranges::any_of(before_->table(op.table).columns, [&](const auto& column) {
                     return is_added(op.table, column.name) && mentions(op.check.condition, column.name);
                   }));
  }
  /// Whether the columns whose twins these are have such an index already.
  bool is_held_unique(const CreateIndex& op) const {
    const auto& entry = before_->entry(op.table);
    auto columns = op.index.columns;
    for (auto& column : columns) {
      const auto found = std::ranges::find(entry.twins, column, &Twins::to);
      if (found != entry.twins.end()) column = found->from;
    }
    return columns != op.index.columns &&
           std::ranges::any_of(entry.table.indexes, [&](const orm::Index& index) {
             return index.unique && index.columns == columns && index.expressions.empty() && !index.where;
           });
  }
  void check(const CreateIndex& op) {
    if (op.index.unique) {
      check_narrowed(op.table, is_held_unique(op) ||
                                   std::ranges::any_of(op.index.columns, [&](const std::string& column) {
                                     return is_added(op.table, column);
                                   }));
    }
    if (!op.index.unique && op.index.columns.size() > many_columns) {
      add("wide-index",
          "an index of " + std::to_string(op.index.columns.size()) + " columns is rarely of use",
          "index the columns that select most, in that order", false);
    }
  }
  void check(const RunSql& op) {
    if (op.postgres) {
      for (auto& finding : lint_sql(*op.postgres, {made_.begin(), made_.end()})) {
        add(std::move(finding.rule), std::move(finding.message), std::move(finding.safe), finding.refused);
      }
    }
    check_touches(op);
    if (!op.reverse_sqlite && !op.reverse_postgres && !op.irreversible) {
      add("no-reverse", "it cannot be undone, and does not say that this is meant",
          "add 'reverse_postgres' and 'reverse_sqlite', or 'irreversible: true'", false);
    }
  }
  /// What it says it touches against the tables whose names are in it.
  void check_touches(const RunSql& op) {
    if (!op.touches) return;
    std::set<std::string> silent;
    for (const auto& text : {op.sqlite, op.postgres, op.reverse_sqlite, op.reverse_postgres}) {
      for (const auto& words : statements_of(text.value_or(""))) {
        for (const auto& word : words) {
          const auto name = folded(word);
          const bool said = std::ranges::any_of(*op.touches, [&](const std::string& each) {
            return folded(each.substr(0, each.find('.'))) == name;
          });
          if (!said && before_->find(name) && !is_made(name)) silent.insert(name);
        }
      }
    }
    for (const auto& table : silent) {
      add("touches",
          "the SQL names the table " + table +
              ", and 'touches' does not: a branch that changes it would be merged without a word",
          "add '" + table + "' to 'touches', or those of its columns that the SQL reads or changes", false);
    }
  }
  void check(const CallFunction& op) {
    if (op.reverse.empty() && !op.irreversible) {
      add("no-reverse", "it cannot be undone, and does not say that this is meant",
          "add 'reverse' with the name of a function, or 'irreversible: true'", false);
    }
  }
  template <class Other>
  void check(const Other&) {}  // done in its safe form

  const Migration& migration_;
  State& state_;
  const LocatedOperation* located_ = nullptr;
  const State* before_ = nullptr;
  std::set<std::string> made_;
  std::set<std::string> added_;  ///< columns as "table.column"
  std::vector<LintFinding> findings_;
};

}  // namespace

std::vector<LintFinding> lint(const Migration& migration, State& state) {
  return Linter(migration, state).run();
}

void refuse_unsafe(const std::vector<LintFinding>& findings) {
  const auto found = std::ranges::find(findings, true, &LintFinding::refused);
  if (found == findings.end()) return;
  fail_at(found->source, found->line,
          "refused to " + found->operation + " on a database that others use (" + found->rule +
              "): " + found->message + "; safe: " + found->safe +
              "; or write beside it why it may be done, 'reason: \"…\"', and run `migrate sum " +
              found->id.module + "`");
}

}  // namespace mpf::migrate
