#pragma once

#include <mpf/app/module.hpp>

namespace portal::user {

/// Signing in, up and out.
class AccountModule final : public mpf::Module {
 public:
  std::string_view name() const noexcept override { return "user.account"; }
  void setup(mpf::Setup& s) override;
};

}  // namespace portal::user
