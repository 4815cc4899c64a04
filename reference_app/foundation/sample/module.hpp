#pragma once

#include <mpf/app/module.hpp>

namespace portal::foundation {

/// Fills a new deployment with sites to look at.
class SampleModule final : public mpf::Module {
 public:
  std::string_view name() const noexcept override { return "foundation.sample"; }
  std::vector<std::string_view> needs() const override { return {"foundation.site", "content.import"}; }
  void setup(mpf::Setup& s) override;
};

}  // namespace portal::foundation
