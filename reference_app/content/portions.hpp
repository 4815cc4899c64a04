#pragma once

#include <cstddef>
#include <string>

#include <mpf/fiber/fiber.hpp>
#include <mpf/orm/query.hpp>

namespace portal::content {

/// Calls fn(std::vector<T>& rows) with the rows of a query, some at a time, in the order of their paths: a
/// source may have more files than fit into memory. Until fn returns false; whether it never did.
template <class T, class Fn>
bool each_portion(const mpf::orm::Query<T>& query, const Fn& fn) {
  constexpr std::size_t at_once = 256;
  std::string last;
  for (;;) {
    auto rows =
        query.where(mpf::orm::f<&T::path> > last).order_by(mpf::orm::asc<&T::path>).limit(at_once).all();
    if (rows.empty()) return true;
    last = rows.back().path;
    const bool more = rows.size() == at_once;
    if (!fn(rows)) return false;
    if (!more) return true;
    mpf::fiber::yield();
  }
}

}  // namespace portal::content
