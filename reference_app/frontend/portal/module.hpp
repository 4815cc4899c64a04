#pragma once

#include <mpf/app/module.hpp>

namespace portal::frontend {

/// The portal's pages and the data they start with.
class PortalModule final : public mpf::Module {
 public:
  std::string_view name() const noexcept override { return "frontend.portal"; }
  std::vector<std::string_view> needs() const override {
    return {"foundation.site", "user.account", "content.item"};
  }
  void setup(mpf::Setup& s) override;
};

}  // namespace portal::frontend
