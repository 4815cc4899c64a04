#pragma once

#include <memory>
#include <string>
#include <string_view>

/// Digests are text of 64 lower-case hexadecimal digits.
namespace mpf {

std::string sha256(std::string_view data);
std::string hmac_sha256(std::string_view key, std::string_view message);

/// SHA-256 of data that comes in pieces.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(std::string_view data);

  /// Once, at the end.
  std::string finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Takes the same time wherever the first difference is. Only the lengths can be told from the time.
bool constant_time_equal(std::string_view a, std::string_view b) noexcept;

}  // namespace mpf
