#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "benchmarks/data_model.hpp"
#include "benchmarks/data_subject.hpp"

/// What the hand-written subjects of both databases have in common.
namespace mpf::bench {

struct FloorBook {
  std::int64_t id = 0;
  std::int64_t author = 0;
  std::string title;
  std::int32_t pages = 0;
};
struct FloorAuthor {
  std::int64_t id = 0;
  std::string name;
  std::vector<FloorBook> books;
};

inline std::uint64_t check_sum(const std::vector<FloorAuthor>& writers) {
  std::uint64_t sum = 0;
  for (const FloorAuthor& author : writers) {
    sum += author.name.size();
    for (const FloorBook& book : author.books)
      sum += book.title.size() + static_cast<std::uint64_t>(book.pages);
  }
  return sum;
}

}  // namespace mpf::bench
