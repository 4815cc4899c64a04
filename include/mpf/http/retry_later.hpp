#pragma once

#include <chrono>
#include <string>
#include <utility>

#include <mpf/base/error.hpp>

namespace mpf::http {

/// An error that passes by itself: its answer says when to try again (Retry-After).
class RetryLater : public Error {
 public:
  RetryLater(ErrorKind kind, std::chrono::seconds after, const std::string& message,
             std::string public_message)
      : Error(kind, message, std::move(public_message)), after_(after) {}

  std::chrono::seconds after() const noexcept { return after_; }

 private:
  std::chrono::seconds after_;
};

}  // namespace mpf::http
