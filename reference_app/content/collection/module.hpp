#pragma once

#include <mpf/app/module.hpp>

namespace portal::content {

/// The tree that a site's content is arranged in.
class CollectionModule final : public mpf::Module {
 public:
  std::string_view name() const noexcept override { return "content.collection"; }
  void setup(mpf::Setup& s) override;
};

}  // namespace portal::content
