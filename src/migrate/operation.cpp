#include "migrate/operation.hpp"

namespace mpf::migrate {

Operation::Operation(const Operation& other) = default;
Operation::Operation(Operation&& other) noexcept = default;
Operation& Operation::operator=(const Operation& other) = default;
Operation& Operation::operator=(Operation&& other) noexcept = default;
Operation::~Operation() = default;

std::string describe(const Operation& operation) {
  return std::visit(
      Overloaded{
          [](const CreateTable& op) { return "create table " + op.table.name; },
          [](const DropTable& op) { return "drop table " + op.table; },
          [](const RenameTable& op) { return "rename table " + op.from + " to " + op.to; },
          [](const MoveTable& op) { return "move table " + op.table + " to module " + op.to; },
          [](const AlterTable& op) { return "alter table " + op.table; },
          [](const AlterRowSecurity& op) {
            return (op.security ? "set row security of " : "drop row security of ") + op.table;
          },
          [](const AddColumn& op) { return "add column " + op.table + "." + op.column.name; },
          [](const DropColumn& op) { return "drop column " + op.table + "." + op.column; },
          [](const AlterColumn& op) {
            return "alter column " + op.table + "." + op.column.name +
                   (op.fill_nulls ? ", and fill nulls" : "");
          },
          [](const RenameColumn& op) { return "rename column " + op.table + "." + op.from + " to " + op.to; },
          [](const ExpandColumn& op) {
            return "expand column " + op.table + "." + op.from + " to " + op.column.name;
          },
          [](const ContractColumn& op) {
            return "contract column " + op.table + "." + op.from + " to " + op.to;
          },
          [](const CreateIndex& op) { return "create index " + op.index.name; },
          [](const DropIndex& op) { return "drop index " + op.index; },
          [](const RenameIndex& op) { return "rename index " + op.from + " to " + op.to; },
          [](const AddCheck& op) { return "add check " + op.check.name; },
          [](const DropCheck& op) { return "drop check " + op.check; },
          [](const RunSql&) { return std::string("run SQL"); },
          [](const Backfill& op) { return "backfill " + op.table; },
          [](const CallFunction& op) { return "call " + op.function; },
      },
      operation);
}

std::string changed_table(const Operation& operation) {
  return std::visit(Overloaded{
                        [](const CreateTable& op) { return op.table.name; },
                        [](const RenameTable& op) { return op.from; },
                        [](const RunSql&) { return std::string(); },
                        [](const CallFunction&) { return std::string(); },
                        [](const auto& op) { return op.table; },
                    },
                    operation);
}

bool loses_data(const Operation& operation) {
  return std::holds_alternative<DropTable>(operation) || std::holds_alternative<DropColumn>(operation);
}

}  // namespace mpf::migrate
