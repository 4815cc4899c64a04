#pragma once

#include <mpf/app/module.hpp>

namespace portal::foundation {

/// Sites as files: their look, hosts and users described in JSON, applied any number of times.
class SiteModule final : public mpf::Module {
 public:
  std::string_view name() const noexcept override { return "foundation.site"; }
  void setup(mpf::Setup& s) override;
};

}  // namespace portal::foundation
