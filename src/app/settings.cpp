#include <mpf/app/settings.hpp>

#include <fmt/core.h>

#include <mpf/db/postgres.hpp>

namespace mpf::app::detail {

std::optional<std::string> wrong_database_url(const Secret& url) {
  if (url.empty() || url.reveal().starts_with("sqlite:")) return {};
  const auto wrong = db::wrong_postgres_url(url);
  return wrong ? std::optional("must be sqlite:PATH, or " + *wrong) : std::nullopt;
}

std::optional<std::string> wrong_token(const Secret& token) {
  constexpr std::size_t least = 16;
  if (token.empty() || token.reveal().size() >= least) return {};
  return fmt::format("must have {} characters or more, so that nobody guesses it", least);
}

std::optional<std::string> wrong_replicas(const std::vector<Secret>& urls) {
  for (std::size_t i = 0; i < urls.size(); ++i) {
    if (const auto wrong = db::wrong_postgres_url(urls[i])) {
      return fmt::format("item {}: must be {}", i + 1, *wrong);
    }
  }
  return {};
}

}  // namespace mpf::app::detail
