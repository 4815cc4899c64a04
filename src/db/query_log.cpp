#include <mpf/db/query_log.hpp>

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include <fmt/core.h>

namespace mpf::db {

namespace {
constexpr fiber::Local<QueryLog> current_log{};
}

struct QueryLog::Impl {
  const std::size_t budget;
  mutable std::mutex mutex;
  std::size_t statements = 0;
  std::chrono::microseconds time{0};
  struct Count {
    std::size_t statements = 0;
    std::chrono::microseconds time{0};
  };
  std::map<std::pair<std::string_view, unsigned>, Count>
      origins;  // names of files last as long as the program
};

QueryLog::QueryLog(std::size_t budget) : impl_(new Impl{.budget = budget}) {}
QueryLog::~QueryLog() = default;

std::size_t QueryLog::statements() const noexcept {
  const std::scoped_lock lock(impl_->mutex);
  return impl_->statements;
}

std::chrono::microseconds QueryLog::time() const noexcept {
  const std::scoped_lock lock(impl_->mutex);
  return impl_->time;
}

std::size_t QueryLog::budget() const noexcept { return impl_->budget; }
bool QueryLog::over_budget() const noexcept { return impl_->budget > 0 && statements() > impl_->budget; }

std::vector<QueryLog::Origin> QueryLog::origins() const {
  std::vector<Origin> all;
  {
    const std::scoped_lock lock(impl_->mutex);
    for (const auto& [place, count] : impl_->origins) {
      all.push_back({fmt::format("{}:{}", place.first, place.second), count.statements, count.time});
    }
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Origin& a, const Origin& b) { return a.statements > b.statements; });
  return all;
}

std::string QueryLog::summary() const {
  const auto count = statements();
  std::string text = fmt::format("{} statement{}, {:.1f} ms", count, count == 1 ? "" : "s",
                                 static_cast<double>(time().count()) / 1000);
  if (!over_budget()) return text;
  text += fmt::format(" (budget {})", budget());
  const char* separator = ": ";
  for (const Origin& each : origins()) {
    text += fmt::format("{}{} from {}", separator, each.statements, each.where);
    separator = ", ";
  }
  return text;
}

void QueryLog::note(const std::source_location& origin, std::chrono::microseconds took,
                    std::size_t statements) {
  QueryLog* const log = current_log.get();
  if (!log) return;
  const std::scoped_lock lock(log->impl_->mutex);
  log->impl_->statements += statements;
  log->impl_->time += took;
  if (statements == 0) return;
  auto& count = log->impl_->origins[{origin.file_name(), origin.line()}];
  count.statements += statements;
  count.time += took;
}

bool QueryLog::active() noexcept { return current_log.get() != nullptr; }

QueryLogScope::QueryLogScope(std::size_t budget)
    : log_(std::make_shared<QueryLog>(budget)), scope_(current_log.set(log_)) {}

}  // namespace mpf::db
