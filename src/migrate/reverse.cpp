#include <algorithm>

#include "migrate/state.hpp"

namespace mpf::migrate {

std::optional<Operation> reverse_of(const Operation& operation, const State& before) {
  using Result = std::optional<Operation>;
  return std::visit(
      Overloaded{
          [](const CreateTable& op) -> Result { return DropTable{op.table.name}; },
          [&](const DropTable& op) -> Result { return CreateTable{before.table(op.table)}; },
          [](const RenameTable& op) -> Result {
            return RenameTable{op.to, op.from};
          },
          [](const MoveTable& op) -> Result {
            return MoveTable{op.table, op.to, op.from};
          },
          [&](const AlterTable& op) -> Result {
            return AlterTable{op.table, before.table(op.table).tenant_column};
          },
          [&](const AlterRowSecurity& op) -> Result {
            return AlterRowSecurity{op.table, before.table(op.table).row_security};
          },
          [](const AddColumn& op) -> Result {
            return DropColumn{op.table, op.column.name};
          },
          [&](const DropColumn& op) -> Result {
            return AddColumn{op.table, *find_column(before.table(op.table), op.column)};
          },
          [&](const AlterColumn& op) -> Result {
            const auto& entry = before.entry(op.table);
            return AlterColumn{op.table, *find_column(entry.table, op.column.name),
                               entry.filled.contains(op.column.name)};
          },
          [](const RenameColumn& op) -> Result {
            return RenameColumn{op.table, op.to, op.from};
          },
          [](const ExpandColumn& op) -> Result {
            return ContractColumn{op.table, op.column.name, op.from};
          },
          [&](const ContractColumn& op) -> Result {
            const auto& twins = before.entry(op.table).twins;
            const bool back = std::ranges::find(twins, Twins{op.from, op.to}) != twins.end();
            return ExpandColumn{op.table, op.to, *find_column(before.table(op.table), op.from), back};
          },
          [](const CreateIndex& op) -> Result {
            return DropIndex{op.table, op.index.name};
          },
          [&](const DropIndex& op) -> Result {
            return CreateIndex{op.table, *find_index(before.table(op.table), op.index)};
          },
          [](const RenameIndex& op) -> Result {
            return RenameIndex{op.table, op.to, op.from};
          },
          [](const AddCheck& op) -> Result {
            return DropCheck{op.table, op.check.name};
          },
          [&](const DropCheck& op) -> Result {
            return AddCheck{op.table, *find_check(before.table(op.table), op.check)};
          },
          [](const RunSql& op) -> Result {
            if (!op.reverse_sqlite && !op.reverse_postgres) return std::nullopt;
            return RunSql{op.reverse_sqlite, op.reverse_postgres, op.sqlite, op.postgres, false, op.touches};
          },
          [](const Backfill& op) -> Result {
            if (op.irreversible) return std::nullopt;
            auto back = op;
            back.set = op.reverse;
            back.where.reset();
            back.reverse.clear();
            return back;
          },
          [](const CallFunction& op) -> Result {
            if (op.irreversible || op.reverse.empty()) return std::nullopt;
            return CallFunction{op.reverse, op.function, false, op.touches};
          },
      },
      operation);
}

}  // namespace mpf::migrate
