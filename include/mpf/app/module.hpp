#pragma once

#include <memory>
#include <string_view>
#include <vector>

namespace mpf {

class Setup;

/// A unit that adds models, routes, tasks, commands and settings to an application. An application is a list
/// of modules; each is set up once per start, after those it needs.
class Module {
 public:
  virtual ~Module() = default;

  /// Unique in the application. What is before the first dot is the service group: "content.item" belongs to
  /// the group "content". Lower-case letters, digits, '_' and dots.
  virtual std::string_view name() const noexcept = 0;

  /// Names of modules that must be there, and set up earlier.
  virtual std::vector<std::string_view> needs() const { return {}; }

  /// Registers everything. The configuration is loaded, nothing else exists yet: no database, no fiber.
  virtual void setup(Setup& s) = 0;
};

using Modules = std::vector<std::unique_ptr<Module>>;

/// modules<ItemModule, PortalModule>(): a list of default-constructed modules.
template <class... M>
Modules modules() {
  Modules list;
  list.reserve(sizeof...(M));
  (list.push_back(std::make_unique<M>()), ...);
  return list;
}

}  // namespace mpf
