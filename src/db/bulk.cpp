#include <mpf/db/bulk.hpp>

namespace mpf::db {

void RowWriter::param(const Param& value) {
  struct Visitor {
    RowWriter& writer;
    void operator()(std::nullptr_t) const { writer.null(); }
    void operator()(bool v) const { writer.boolean(v); }
    void operator()(std::int64_t v) const { writer.integer(v); }
    void operator()(double v) const { writer.real(v); }
    void operator()(const std::string& v) const { writer.text(v); }
    void operator()(const Bytes& v) const { writer.bytes(v); }
    void operator()(Timestamp v) const { writer.timestamp(v); }
    void operator()(Numeric v) const { writer.numeric(v); }
    void operator()(Date v) const { writer.date(v); }
    void operator()(Microseconds v) const { writer.duration(v); }
    void operator()(const Uuid& v) const { writer.uuid(v); }
    void operator()(const JsonText& v) const { writer.json(v.text); }
    void operator()(const IpNetwork& v) const { writer.network(v); }
    void operator()(const Array& v) const { writer.array(v); }
    void operator()(const RangeValue& v) const { writer.range(v); }
  };
  std::visit(Visitor{*this}, value);
}

}  // namespace mpf::db
