#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <typeindex>
#include <unordered_map>
#include <utility>
#include <vector>

#include <mpf/base/json.hpp>
#include <mpf/task/context.hpp>
#include <mpf/task/options.hpp>

namespace mpf::task {

/// The tasks that a program knows: names, payload types, functions. Filled at start, then only read; must
/// outlive the queues and workers made on it.
class Registry {
 public:
  struct Entry {
    std::string name;
    TaskOptions options;
    std::function<void(Context&, std::string_view payload)> run;
  };

  /// `run` gets payloads of type P (a described struct, stored as JSON). The name is what the database keeps:
  /// renaming it orphans waiting tasks, so give the old one to also_known_as(). Error(configuration) for a
  /// name or a payload type that is there already.
  template <class P>
  void add(std::string name, std::function<void(Context&, const P&)> run, TaskOptions options = {}) {
    add_entry(typeid(P), Entry{std::move(name), std::move(options),
                               [run = std::move(run)](Context& context, std::string_view payload) {
                                 run(context, decode<P>(payload));
                               }});
  }

  /// Tasks stored under the old name run as `name`.
  void also_known_as(std::string_view name, std::string old_name);

  /// Null for a name that is not known.
  const Entry* find(std::string_view name) const noexcept;

  /// The entry for payloads of this type; Error(internal) when there is none.
  const Entry& of(std::type_index payload) const;

  /// All names, old ones too, sorted.
  std::vector<std::string> names() const;

 private:
  template <class P>
  static P decode(std::string_view payload) {
    try {
      return from_json<P>(payload);
    } catch (const ValidationError& error) {
      bad_payload(error);
    }
  }
  [[noreturn]] static void bad_payload(const ValidationError& error);

  void add_entry(std::type_index payload, Entry entry);

  std::unordered_map<std::string, std::shared_ptr<const Entry>> by_name_;
  std::unordered_map<std::type_index, std::shared_ptr<const Entry>> by_payload_;
};

}  // namespace mpf::task
