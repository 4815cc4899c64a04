#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>

namespace mpf {

/// Shows how far a command is: a bar redrawn in place on a terminal, elsewhere a line at the start, at every
/// tenth of the way and at the end. Used by one fiber.
class Progress {
 public:
  /// `total` 0: not known yet. `out` outlives it.
  Progress(std::ostream& out, bool terminal, std::string title, std::int64_t total = 0);
  /// Ends the line, as it is.
  ~Progress();
  Progress(Progress&&) noexcept;
  Progress& operator=(Progress&&) noexcept;

  void update(std::int64_t done, std::int64_t total, std::string_view note = {});
  /// Replaces the bar by this line.
  void finish(std::string_view summary);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mpf
