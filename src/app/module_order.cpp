#include "app/module_order.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include <fmt/core.h>

#include <mpf/base/error.hpp>

namespace mpf::app {

namespace {

bool is_module_name(std::string_view name) noexcept {
  if (name.empty() || name.front() == '.' || name.back() == '.') return false;
  if (name.find("..") != std::string_view::npos) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
  });
}

class Ordering {
 public:
  explicit Ordering(const Modules& modules) {
    for (const auto& module : modules) {
      const std::string_view name = module->name();
      if (!is_module_name(name)) {
        problems_.push_back(fmt::format("'{}' is no module name (a-z, 0-9, '_', dots between)", name));
      } else if (!by_name_.emplace(name, module.get()).second) {
        problems_.push_back(fmt::format("module '{}' is there twice", name));
      }
    }
  }

  std::vector<Module*> result(const Modules& modules) {
    for (const auto& module : modules) visit(*module);
    if (!problems_.empty()) {
      std::string message = "the modules of the application do not fit together:";
      for (const std::string& problem : problems_) message += "\n  " + problem;
      throw Error(ErrorKind::configuration, message);
    }
    return std::move(ordered_);
  }

 private:
  void visit(Module& module) {
    if (done_.contains(&module)) return;
    const auto open = std::find(path_.begin(), path_.end(), &module);
    if (open != path_.end()) {
      report_circle(open);
      return;
    }
    path_.push_back(&module);
    for (const std::string_view need : module.needs()) {
      const auto found = by_name_.find(need);
      if (found == by_name_.end()) {
        problems_.push_back(
            fmt::format("module '{}' needs '{}', which is not among the modules", module.name(), need));
      } else {
        visit(*found->second);
      }
    }
    path_.pop_back();
    done_.insert(&module);
    ordered_.push_back(&module);
  }

  void report_circle(std::vector<Module*>::const_iterator from) {
    std::string circle;
    for (auto it = from; it != path_.end(); ++it) circle += fmt::format("'{}' needs ", (*it)->name());
    problems_.push_back(fmt::format("modules need each other in a circle: {}'{}'", circle, (*from)->name()));
  }

  std::map<std::string_view, Module*> by_name_;
  std::set<const Module*> done_;
  std::vector<Module*> path_;
  std::vector<Module*> ordered_;
  std::vector<std::string> problems_;
};

}  // namespace

std::vector<Module*> in_order(const Modules& modules) { return Ordering(modules).result(modules); }

std::string_view service_group(std::string_view module_name) noexcept {
  return module_name.substr(0, module_name.find('.'));
}

}  // namespace mpf::app
