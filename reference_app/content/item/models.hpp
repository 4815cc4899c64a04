#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <mpf/auth/models.hpp>
#include <mpf/base/json_value.hpp>
#include <mpf/base/timestamp.hpp>
#include <mpf/orm/model.hpp>
#include <mpf/tenant/models.hpp>

#include "content/collection/models.hpp"
#include "content/item/visibility.hpp"

namespace portal::content {

/// What an item is, which decides how it is shown.
enum class Kind : std::uint8_t { page, markdown, text, pdf, image, video, audio };

/// A folder that a site's content comes from. Importing it again brings the content up to date.
struct Source {
  orm::Id id;
  orm::Ref<mpf::tenant::Site> site;
  std::string folder;  ///< canonical path on the machine that imports; tells the source apart
  std::string name;
  orm::Ref<Collection> collection;  ///< the top of the tree it fills
  Visibility visibility = Visibility::members;
  std::int64_t run = 0;             ///< number of the newest import; files that it did not meet are retired
  std::int64_t job = 0;             ///< that import's job
  std::int64_t total = 0;           ///< files that it has found so far; 0 before it has looked
  std::string scanned;              ///< the last of them: its look at the folder goes on behind that
  std::int64_t scanned_folder = 0;  ///< identity of the folder that it looks at; 0: not known yet
  std::int64_t edits = 0;           ///< changes by people of what may be seen
  std::string problem;              ///< why it is incomplete, or empty
  bool again = false;               ///< another import was asked for while this one ran: it follows
  bool retire_most = false;         ///< it may retire more than half of what there is
  std::int64_t left_out = 0;    ///< files and folders that it did not take: by their names or kinds, links
  std::int64_t unreadable = 0;  ///< files and folders that it may not read; what was imported of them stays
  std::string reasons;          ///< "path: reason" of the first of these, one a line
  mpf::Timestamp created_at;
  std::optional<mpf::Timestamp> imported_at;  ///< end of the newest complete import

  static constexpr auto model() {
    return orm::model<Source>(
        "content_source", orm::field<&Source::id>(), orm::field<&Source::site>(orm::tenant),
        orm::field<&Source::folder>(orm::max_length(4000)), orm::field<&Source::name>(orm::max_length(200)),
        orm::field<&Source::collection>(), orm::field<&Source::visibility>(), orm::field<&Source::run>(),
        orm::field<&Source::job>(), orm::field<&Source::total>(),
        orm::field<&Source::scanned>(orm::default_value("''")),
        orm::field<&Source::scanned_folder>(orm::default_value("0")),
        orm::field<&Source::edits>(orm::default_value("0")), orm::field<&Source::problem>(),
        orm::field<&Source::again>(orm::default_value("false")),
        orm::field<&Source::retire_most>(orm::default_value("false")),
        orm::field<&Source::left_out>(orm::default_value("0")),
        orm::field<&Source::unreadable>(orm::default_value("0")),
        orm::field<&Source::reasons>(orm::default_value("''")),
        orm::field<&Source::created_at>(orm::auto_now_add), orm::field<&Source::imported_at>(),
        orm::unique<&Source::site, &Source::folder>());
  }
};

/// A folder of a source and the collection that stands for it.
struct Folder {
  orm::Id id;
  orm::Ref<mpf::tenant::Site> site;
  orm::Ref<Source> source;
  std::string path;  ///< below the source's folder; empty for the folder itself
  orm::Ref<Collection> collection;

  static constexpr auto model() {
    return orm::model<Folder>(
        "content_folder", orm::field<&Folder::id>(), orm::field<&Folder::site>(orm::tenant),
        orm::field<&Folder::source>(), orm::field<&Folder::path>(orm::max_length(1000)),
        orm::field<&Folder::collection>(), orm::unique<&Folder::source, &Folder::path>());
  }
};

/// A file of a source: the body of an item, or an asset that pages use.
struct File {
  orm::Id id;
  orm::Ref<mpf::tenant::Site> site;
  orm::Ref<Source> source;
  std::string path;    ///< below the source's folder, with '/'
  std::string stored;  ///< its name in protected storage, which nobody can guess
  std::string content_type;
  std::int64_t size = 0;
  std::string sha256;
  std::int64_t modified =
      0;           ///< of the imported file, ns since the epoch: unchanged files are not read again
  mpf::Json uses;  ///< paths of the files that it shows: images, style sheets, …
  /// The most open of the items that use it: a page's assets are as visible as the page.
  Visibility visibility = Visibility::staff;
  std::int64_t position = 0;  ///< in its folder
  std::int64_t run = 0;
  std::optional<mpf::Timestamp> retired_at;

  static constexpr auto model() {
    return orm::model<File>("content_file", orm::field<&File::id>(), orm::field<&File::site>(orm::tenant),
                            orm::field<&File::source>(), orm::field<&File::path>(orm::max_length(1000)),
                            orm::field<&File::stored>(orm::max_length(200)),
                            orm::field<&File::content_type>(orm::max_length(100)), orm::field<&File::size>(),
                            orm::field<&File::sha256>(orm::max_length(64)), orm::field<&File::modified>(),
                            orm::field<&File::uses>(), orm::field<&File::visibility>(),
                            orm::field<&File::position>(orm::default_value("0")), orm::field<&File::run>(),
                            orm::field<&File::retired_at>(), orm::unique<&File::source, &File::path>());
  }
};

/// One thing that people open.
struct Item {
  orm::Id id;
  orm::Ref<mpf::tenant::Site> site;
  orm::Ref<Collection> collection;
  orm::Ref<File> file;
  std::string title;
  bool title_edited = false;  ///< by a person: imports leave it alone then
  std::string summary;
  bool summary_edited = false;
  std::string slug;
  Kind kind = Kind::page;
  Visibility visibility = Visibility::members;
  std::int64_t position = 0;  ///< in the collection
  std::int64_t revision = 1;  ///< goes up when the content changes
  std::optional<mpf::Timestamp> retired_at;
  bool retired_by_import = false;  ///< comes back by itself when the file does
  mpf::Timestamp created_at;
  mpf::Timestamp updated_at;

  static constexpr auto model() {
    return orm::model<Item>(
        "content_item", orm::field<&Item::id>(), orm::field<&Item::site>(orm::tenant),
        orm::field<&Item::collection>(), orm::field<&Item::file>(),
        orm::field<&Item::title>(orm::max_length(300)), orm::field<&Item::title_edited>(),
        orm::field<&Item::summary>(orm::max_length(1000)), orm::field<&Item::summary_edited>(),
        orm::field<&Item::slug>(orm::max_length(200)), orm::field<&Item::kind>(),
        orm::field<&Item::visibility>(), orm::field<&Item::position>(), orm::field<&Item::revision>(),
        orm::field<&Item::retired_at>(), orm::field<&Item::retired_by_import>(),
        orm::field<&Item::created_at>(orm::auto_now_add), orm::field<&Item::updated_at>(orm::auto_now),
        orm::unique<&Item::file>());
  }
};

/// Permission for one person, in one session, to load an item and what it shows, for a while. Only a hash of
/// its token is stored.
struct Grant {
  orm::Id id;
  orm::Ref<mpf::tenant::Site> site;
  orm::Ref<Item> item;
  std::string token_hash;
  std::string holder;  ///< whose it is: a session and, in it, a user
  mpf::Timestamp expires_at;

  static constexpr auto model() {
    return orm::model<Grant>("content_grant", orm::field<&Grant::id>(), orm::field<&Grant::site>(orm::tenant),
                             orm::field<&Grant::item>(orm::on_delete(orm::OnDelete::cascade)),
                             orm::field<&Grant::token_hash>(orm::max_length(64)),
                             orm::field<&Grant::holder>(orm::max_length(200)),
                             orm::field<&Grant::expires_at>(orm::indexed), orm::unique<&Grant::token_hash>());
  }
};

}  // namespace portal::content
