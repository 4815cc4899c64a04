#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <mpf/app/services.hpp>
#include <mpf/base/json_value.hpp>
#include <mpf/orm/scope.hpp>
#include <mpf/tenant/site.hpp>

#include "content/item/models.hpp"
#include "content/path_key.hpp"

namespace portal::content {

/// Drops what the cache holds of a site's content: at commit, inside a transaction.
void content_changed(const mpf::Services& services, mpf::Id site);

/// Holds a source until the transaction ends, and lets an import that is about to finish know of what people
/// change. To be called before an item's visibility is changed, or whether it is there.
void hold_source(const orm::SiteScope& scope, mpf::Id source);

/// How visible the files of a source are to be: each as the most open item that uses it, over any number of
/// steps (a page's style sheet's pictures). What it holds in memory is the paths that are used, some 60 bytes
/// each.
class FileVisibility {
 public:
  /// Looks through the source.
  FileVisibility(const orm::SiteScope& scope, mpf::Id source);

  /// Finds the next files whose visibility is to change; false when there are no more.
  bool find();
  /// Changes those. Right only as long as nobody has changed the source since it was looked through: in a
  /// transaction that holds it.
  void apply() const;

 private:
  /// A file as far as its visibility is concerned.
  struct Node {
    mpf::Id id;
    std::string path;
    Visibility before;
    mpf::Json uses;
    std::optional<Visibility> now;  ///< nothing: no item uses it
  };

  std::vector<Node> next_nodes(std::string& last) const;
  bool reach(const std::string& path, Visibility visibility);

  orm::SiteScope scope_;
  mpf::Id source_;
  std::unordered_map<PathKey, Visibility, PathKey::Hash> reached_;  // by what shows them
  std::string last_;
  std::map<Visibility, std::vector<mpf::Id>> changes_;
};

/// Brings all files of a source in line with its items. To be called in the transaction that has changed
/// these and holds the source.
void update_file_visibility(const orm::SiteScope& scope, mpf::Id source);

}  // namespace portal::content
