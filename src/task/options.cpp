#include <mpf/task/options.hpp>

#include <algorithm>
#include <cmath>

namespace mpf::task {

std::chrono::milliseconds Backoff::delay(int attempt, double random) const noexcept {
  const double limit = static_cast<double>(max.count());
  const double plain = static_cast<double>(base.count()) * std::pow(factor, std::max(attempt, 1) - 1);
  const double spread = 1 + std::clamp(jitter, 0.0, 1.0) * (2 * random - 1);
  return std::chrono::milliseconds(std::llround(std::min(plain, limit) * spread));
}

}  // namespace mpf::task
