#pragma once

#include <mpf/app/module.hpp>

namespace portal::content {

/// Takes folders of documents over into a site.
class ImportModule final : public mpf::Module {
 public:
  std::string_view name() const noexcept override { return "content.import"; }
  std::vector<std::string_view> needs() const override { return {"content.item"}; }
  void setup(mpf::Setup& s) override;
};

}  // namespace portal::content
