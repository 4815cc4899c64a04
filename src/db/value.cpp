#include <mpf/db/value.hpp>

namespace mpf::db {

Array::Array() = default;
Array::Array(ElementType elements) : type(elements) {}
Array::Array(ElementType elements, std::vector<Param> content) : type(elements), values(std::move(content)) {}
Array::Array(const Array& other) = default;
Array::Array(Array&& other) noexcept = default;
Array& Array::operator=(const Array& other) = default;
Array& Array::operator=(Array&& other) noexcept = default;
Array::~Array() = default;
bool Array::operator==(const Array& other) const { return type == other.type && values == other.values; }

Param::Param(const char* value) : variant(std::in_place_type<std::string>, value) {}
Param::Param(std::string value) noexcept : variant(std::in_place_type<std::string>, std::move(value)) {}
Param::Param(Bytes value) noexcept : variant(std::in_place_type<Bytes>, std::move(value)) {}
Param::Param(JsonText value) noexcept : variant(std::in_place_type<JsonText>, std::move(value)) {}
Param::Param(Array value) noexcept : variant(std::in_place_type<Array>, std::move(value)) {}

Param::Param(const Param& other) = default;
Param::Param(Param&& other) noexcept = default;
Param& Param::operator=(const Param& other) = default;
Param& Param::operator=(Param&& other) noexcept = default;
Param::~Param() = default;

bool operator==(const Param& left, const Param& right) {
  using Variant = Param::variant;
  return static_cast<const Variant&>(left) == static_cast<const Variant&>(right);
}

}  // namespace mpf::db
