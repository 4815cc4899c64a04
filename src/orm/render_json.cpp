#include <fmt/core.h>

#include "orm/render.hpp"

/// What JSON documents hold, in SQL.
namespace mpf::orm::detail {

void Renderer::write_json_place(const Node& document, std::span<const JsonStep> steps) {
  std::string place = sql_.capture([&] { write_value(document); });
  for (const JsonStep& step : steps) {
    place = sql_.capture([&] {
      const auto* const key = std::get_if<std::string>(&step);
      if (sql_.sqlite()) {
        sql_ << place << ", ";
        key ? sql_.bind(*key) : sql_.bind(std::get<std::int64_t>(step));
      } else if (key) {
        sql_ << place << " -> ";
        sql_.bind(*key);
      } else {  // "->" takes a value that is no array for one of that value alone
        sql_ << "jsonb_path_query_first(" << place << ", 'strict $[$i]', ";
        sql_.bind(db::JsonText{fmt::format(R"({{"i":{}}})", std::get<std::int64_t>(step))}) << ", TRUE)";
      }
    });
  }
  sql_ << place;
}

void Renderer::write_json(const JsonNode& node) {
  if (sql_.sqlite()) {
    constexpr std::string_view names[] = {"exists", "text", "integer", "real", "boolean", "length"};
    sql_ << "mpf_json('" << names[static_cast<std::size_t>(node.type)] << "', ";
    write_json_place(*node.document, node.steps);
    sql_ << ")";
    return;
  }
  const std::string at = sql_.capture([&] {
    sql_ << "(";
    write_json_place(*node.document, node.steps);
    sql_ << ")";
  });
  const auto typed = [&](std::string_view type, std::string_view value) {
    sql_ << fmt::format("(CASE WHEN jsonb_typeof({}) = '{}' THEN {} END)", at, type, value);
  };
  const std::string text = at + " #>> '{}'";
  switch (node.type) {
    case JsonType::exists:
      sql_ << fmt::format("(CASE WHEN {} IS NOT NULL THEN TRUE END)", at);
      return;
    case JsonType::text:
      typed("string", "(" + text + ")");
      return;
    case JsonType::integer:  // whole numbers that 64 bits hold; nested, so that no number is cast too early
      typed("number",
            fmt::format("CASE WHEN CAST({0} AS numeric) = trunc(CAST({0} AS numeric)) AND CAST({0} AS "
                        "numeric) BETWEEN -9223372036854775808 AND 9223372036854775807 THEN "
                        "CAST(CAST({0} AS numeric) AS int8) END",
                        text));
      return;
    case JsonType::real:
      // What a double holds; what is smaller than the smallest counts for 0, as it does where JSON is read.
      typed("number",
            fmt::format("CASE WHEN abs(CAST({0} AS numeric)) < 2.5e-324 THEN CAST(0 AS float8) WHEN "
                        "abs(CAST({0} AS numeric)) < 1.797693134862315807e308 THEN CAST({0} AS float8) END",
                        text));
      return;
    case JsonType::boolean:
      typed("boolean", fmt::format("CAST({} AS boolean)", text));
      return;
    case JsonType::array_length:
      typed("array", fmt::format("CAST(jsonb_array_length({}) AS int8)", at));
      return;
  }
}

void Renderer::write_json_contains(const JsonContainsNode& node) {
  if (sql_.sqlite()) {
    sql_ << "mpf_json_contains(";
    sql_.bind(node.wanted) << ", ";
    write_json_place(*node.document, node.steps);
    sql_ << ")";
    return;
  }
  sql_ << (node.steps.empty() ? "" : "(");
  write_json_place(*node.document, node.steps);
  sql_ << (node.steps.empty() ? " @> " : ") @> ");
  sql_.bind(db::JsonText{node.wanted});
}

}  // namespace mpf::orm::detail
