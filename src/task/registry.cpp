#include <mpf/task/registry.hpp>

#include <algorithm>

#include <mpf/base/error.hpp>

namespace mpf::task {

void Registry::add_entry(std::type_index payload, Entry entry) {
  if (entry.name.empty()) throw Error(ErrorKind::configuration, "a task needs a name");
  if (by_name_.contains(entry.name)) {
    throw Error(ErrorKind::configuration, "two tasks are named \"" + entry.name + "\"");
  }
  if (const auto there = by_payload_.find(payload); there != by_payload_.end()) {
    throw Error(ErrorKind::configuration, "the tasks \"" + there->second->name + "\" and \"" + entry.name +
                                              "\" have the same payload type; give each its own struct");
  }
  auto shared = std::make_shared<const Entry>(std::move(entry));
  by_payload_.emplace(payload, shared);
  by_name_.emplace(shared->name, std::move(shared));
}

void Registry::also_known_as(std::string_view name, std::string old_name) {
  const auto there = by_name_.find(std::string(name));
  if (there == by_name_.end()) {
    throw Error(ErrorKind::configuration, "no task is named \"" + std::string(name) + "\"");
  }
  const auto entry = there->second;
  if (!by_name_.emplace(old_name, entry).second) {
    throw Error(ErrorKind::configuration, "two tasks are named \"" + old_name + "\"");
  }
}

const Registry::Entry* Registry::find(std::string_view name) const noexcept {
  const auto there = by_name_.find(std::string(name));
  return there == by_name_.end() ? nullptr : there->second.get();
}

const Registry::Entry& Registry::of(std::type_index payload) const {
  const auto there = by_payload_.find(payload);
  if (there != by_payload_.end()) return *there->second;
  throw Error(ErrorKind::internal,
              std::string("no task is registered for the payload type ") + payload.name());
}

std::vector<std::string> Registry::names() const {
  std::vector<std::string> names;
  names.reserve(by_name_.size());
  for (const auto& [name, entry] : by_name_) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

void Registry::bad_payload(const ValidationError& error) {
  throw Permanent(std::string("the stored payload does not fit the task's struct: ") + error.what());
}

}  // namespace mpf::task
