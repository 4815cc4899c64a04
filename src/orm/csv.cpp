#include <mpf/orm/csv.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <istream>
#include <memory>
#include <ostream>
#include <span>
#include <system_error>

#include <fmt/core.h>

#include <mpf/base/error.hpp>
#include <mpf/base/text.hpp>
#include <mpf/db/copy.hpp>
#include <mpf/fiber/fiber.hpp>

#include "orm/csv_text.hpp"
#include "orm/csv_value.hpp"

namespace mpf::orm {

namespace {

constexpr std::uint64_t rows_between_news = 1'000;
constexpr std::size_t flush_bytes = 64 * 1024;

using Columns = std::vector<const Column*>;

std::vector<db::BulkColumn> bulk_columns(const Columns& columns) {
  std::vector<db::BulkColumn> bulk;
  for (const Column* column : columns) {
    bulk.push_back({column->name, column->type, column->element.value_or(ElementType::text), column->scale});
  }
  return bulk;
}

/// As policies of row security are told of a SystemScope.
db::CopySettings all_rows() { return {{"mpf.scope", "system"}}; }

/// From the first line of the file.
Columns columns_of(const Table& table, csv::Reader& reader, const std::vector<csv::Field>& names) {
  Columns columns;
  for (const csv::Field& field : names) {
    const auto found = std::ranges::find(table.columns, field.text, &Column::name);
    if (found == table.columns.end()) {
      std::vector<std::string_view> known;
      for (const Column& column : table.columns) known.push_back(column.name);
      const auto near = nearest_word(field.text, known);
      reader.fail(field.line,
                  fmt::format("{}: table {} has no such column{}; the first line names the columns",
                              truncate_utf8(field.text, 100), table.name,
                              near ? fmt::format(" (did you mean {}?)", *near) : ""));
    }
    if (found->generated) {
      reader.fail(field.line, found->name + ": the database computes this column; leave it out");
    }
    if (std::ranges::find(columns, &*found) != columns.end()) {
      reader.fail(field.line, found->name + ": the column is there twice");
    }
    columns.push_back(&*found);
  }
  for (const Column& column : table.columns) {
    const bool filled = column.nullable || column.generated || column.computed_default ||
                        column.default_value || (column.primary_key && !column.references);
    if (!filled && std::ranges::find(columns, &column) == columns.end()) {
      reader.fail(1, column.name + ": the column is missing, and must not be null");
    }
  }
  return columns;
}

class Import {
 public:
  Import(const Table& table, std::istream& in, const std::string& name, const CsvOptions& options)
      : table_(table), in_(in), name_(name), options_(options), start_(in.tellg()), reader_(in, name) {}

  std::uint64_t run(db::Database& database) {
    // The first look at the file may have to wait for a disk.
    fiber::offload([&] { read_head(reader_); });
    const db::CopyIn copy{.table = table_.name,
                          .columns = bulk_columns(columns_),
                          .settings = all_rows(),
                          .next = [&](db::RowWriter& writer) { return next(writer); }};
    std::uint64_t rows = 0;
    try {
      rows = database.copy_in(copy);
    } catch (const db::RefusedRow& refused) {
      const std::string where = fiber::offload([&] { return place_of(refused); });
      throw Error(refused.kind(), where + explanation(refused), where + explanation(refused));
    }
    tell();
    return rows;
  }

 private:
  void read_head(csv::Reader& reader) {
    if (!reader.next(fields_)) reader.fail(1, "the file is empty; its first line names the columns");
    columns_ = columns_of(table_, reader, fields_);
  }

  /// A whole row, of as many fields as there are columns.
  bool read_row(csv::Reader& reader) {
    if (!reader.next(fields_)) return false;
    if (fields_.size() != columns_.size()) {
      reader.fail(fields_.front().line,
                  fmt::format("{} fields, the first line has {}", fields_.size(), columns_.size()));
    }
    return true;
  }

  bool next(db::RowWriter& writer) {
    if (!read_row(reader_)) return false;
    for (std::size_t i = 0; i < columns_.size(); ++i) write(writer, *columns_[i], fields_[i]);
    if (++rows_ % rows_between_news == 0) tell();
    return true;
  }

  void write(db::RowWriter& writer, const Column& column, const csv::Field& field) const {
    if (field.null) {
      if (!column.nullable) {
        reader_.fail(field.line, column.name + ": must not be null" +
                                     (column.type == ColumnType::text ? "; an empty text is \"\"" : ""));
      }
      return writer.null();
    }
    try {
      csv::write_value(writer, column, field.text);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::invalid) throw;
      reader_.fail(field.line, fmt::format("{}: {}", column.name, error.what()));
    }
  }

  void tell() const {
    if (options_.progress) options_.progress(rows_, reader_.bytes());
  }

  bool has(const db::RefusedRow& refused, std::uint64_t row) const {
    if (refused.row() != 0) return row == refused.row();
    for (std::size_t i = 0; i < refused.values().size(); ++i) {
      const std::string& name = refused.columns()[i];
      const auto column = std::ranges::find_if(
          columns_, [&](const Column* each) { return name == table_.name + "." + each->name; });
      if (column == columns_.end()) return false;
      const auto& field = fields_[static_cast<std::size_t>(column - columns_.begin())];
      if (field.null || field.text != refused.values()[i]) return false;
    }
    return true;
  }

  /// "people.csv:17: ", or without the line where the row cannot be found again.
  std::string place_of(const db::RefusedRow& refused) {
    const bool known = refused.row() != 0 || !refused.values().empty();
    if (known && start_ != std::istream::pos_type(-1)) {
      in_.clear();
      in_.seekg(start_);
      csv::Reader again(in_, name_);
      read_head(again);
      for (std::uint64_t row = 1; in_ && read_row(again); ++row) {
        if (has(refused, row)) return fmt::format("{}:{}: ", name_, fields_.front().line);
      }
    }
    return name_ + ": ";
  }

  std::string explanation(const db::RefusedRow& refused) const {
    std::string columns;
    const auto name = [&](std::string_view column) {
      columns += (columns.empty() ? "" : ", ") + std::string(column);
    };
    for (const std::string& column : refused.columns()) name(column.substr(column.find('.') + 1));
    // Behind row security PostgreSQL tells no more than this.
    const auto index = std::ranges::find(table_.indexes, refused.constraint(), &Index::name);
    if (columns.empty() && index != table_.indexes.end()) {
      for (const std::string& column : index->columns) name(column);
    }
    if (!columns.empty()) columns += ": ";
    using Type = db::ConstraintError::Type;
    switch (refused.type()) {
      case Type::unique:
        return columns + "another row has the same already; it must be unique";
      case Type::foreign_key:
        return columns + "refers to a row that does not exist; import the table it is of first";
      case Type::not_null:
        return columns + "must not be null";
      case Type::check:
      case Type::exclusion:
        break;
    }
    return columns + "breaks the rule " + refused.constraint();
  }

  const Table& table_;
  std::istream& in_;
  const std::string& name_;
  const CsvOptions& options_;
  const std::istream::pos_type start_;
  csv::Reader reader_;
  std::vector<csv::Field> fields_;
  Columns columns_;
  std::uint64_t rows_ = 0;
};

/// A file under another name until it is whole.
class PartFile {
 public:
  explicit PartFile(const std::filesystem::path& file)
      : file_(file), part_(file.string() + ".part"), stream_(part_, std::ios::binary | std::ios::trunc) {
    if (!stream_) fail_errno(errno, "writing " + part_.string());
  }
  ~PartFile() {
    std::error_code ignored;
    if (!kept_) std::filesystem::remove(part_, ignored);
  }
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  std::ostream& stream() noexcept { return stream_; }

  void keep() {
    stream_.close();
    const int fd = stream_ ? ::open(part_.c_str(), O_WRONLY | O_CLOEXEC) : -1;
    const bool synced = fd >= 0 && ::fsync(fd) == 0;
    const int error = errno;
    if (fd >= 0) ::close(fd);
    if (!synced) fail_errno(error, "writing " + part_.string());
    if (::rename(part_.c_str(), file_.c_str()) != 0) fail_errno(errno, "writing " + file_.string());
    kept_ = true;
  }

 private:
  const std::filesystem::path file_;
  const std::filesystem::path part_;
  std::ofstream stream_;
  bool kept_ = false;
};

}  // namespace

std::uint64_t export_csv(db::Database& database, const Table& table, std::ostream& out,
                         const CsvOptions& options) {
  Columns columns;
  std::string text, value, order;
  for (const Column& column : table.columns) {
    if (column.generated) continue;
    if (column.primary_key) order = column.name;
    if (!columns.empty()) text += ',';
    csv::append_field(text, column.name);
    columns.push_back(&column);
  }
  text += '\n';
  std::uint64_t bytes = 0, rows = 0;
  const auto flush = [&] {
    if (!out.write(text.data(), static_cast<std::streamsize>(text.size())).flush()) {
      fail(ErrorKind::unavailable,
           fmt::format("row {} of table {} cannot be written: is the disk full?", rows, table.name));
    }
    bytes += text.size();
    text.clear();
  };
  const auto write_row = [&](const db::Row& row) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (i > 0) text += ',';
      if (row.is_null(i)) continue;
      value.clear();
      csv::read_value(row, i, *columns[i], value);
      csv::append_field(text, value);
    }
    text += '\n';
    ++rows;
    if (text.size() >= flush_bytes) flush();
    if (options.progress && rows % rows_between_news == 0) options.progress(rows, bytes + text.size());
  };
  database.copy_out({.table = table.name,
                     .columns = bulk_columns(columns),
                     .order = order,
                     .settings = all_rows(),
                     .on_row = write_row});
  fiber::offload(flush);
  if (options.progress) options.progress(rows, bytes);
  return rows;
}

std::uint64_t export_csv(db::Database& database, const Table& table, const std::filesystem::path& file,
                         const CsvOptions& options) {
  std::unique_ptr<PartFile> part = fiber::offload([&] { return std::make_unique<PartFile>(file); });
  const std::uint64_t rows = export_csv(database, table, part->stream(), options);
  fiber::offload([&] { part->keep(); });
  return rows;
}

std::uint64_t import_csv(db::Database& database, const Table& table, std::istream& in,
                         const std::string& name, const CsvOptions& options) {
  // What has been read of it at once is taken from the stream off the loop too.
  const auto import = fiber::offload([&] { return std::make_unique<Import>(table, in, name, options); });
  return import->run(database);
}

}  // namespace mpf::orm
