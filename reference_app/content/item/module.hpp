#pragma once

#include <mpf/app/module.hpp>

namespace portal::content {

/// Items, their files and their delivery.
class ItemModule final : public mpf::Module {
 public:
  std::string_view name() const noexcept override { return "content.item"; }
  std::vector<std::string_view> needs() const override { return {"content.collection"}; }
  void setup(mpf::Setup& s) override;
};

}  // namespace portal::content
