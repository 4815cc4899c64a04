#pragma once

#include <optional>
#include <string>

#include <doctest/doctest.h>

#include <mpf/fiber/fiber.hpp>
#include <mpf/orm/change_log.hpp>
#include <mpf/orm/links.hpp>

#include "orm/models.hpp"

/// A blog on a site: posts with comments, tags and readers; what is written down about it.
namespace mpf::test {

struct Post;

struct Comment {
  orm::Id id;
  orm::Ref<Site> site;
  orm::Ref<Post> post;
  orm::Ref<User> author;
  std::string text;
  std::int64_t rank = 0;

  static constexpr auto model() {
    return orm::model<Comment>(
        "comment", orm::field<&Comment::site>(orm::tenant),
        orm::field<&Comment::post>(orm::on_delete(orm::OnDelete::cascade)), orm::field<&Comment::author>(),
        orm::field<&Comment::text>(orm::max_length(100)), orm::field<&Comment::rank>());
  }
};

struct Tag;

/// Links posts to their readers, with something of its own.
struct Reading {
  orm::Id id;
  orm::Ref<Site> site;
  orm::Ref<Post> post;
  orm::Ref<User> reader;
  int stars = 0;

  static constexpr auto model() {
    return orm::model<Reading>("reading", orm::field<&Reading::site>(orm::tenant),
                               orm::field<&Reading::post>(orm::on_delete(orm::OnDelete::cascade)),
                               orm::field<&Reading::reader>(), orm::field<&Reading::stars>(),
                               orm::unique<&Reading::post, &Reading::reader>());
  }
};

// [model]
struct Post {
  orm::Id id;
  orm::Ref<Site> site;
  orm::Ref<User> author;
  std::optional<orm::Ref<Post>> parent;
  std::string slug;
  std::string title;
  std::int64_t likes = 0;
  std::optional<Timestamp> retired_at;
  Timestamp created_at;
  std::int64_t version = 0;
  orm::Many<Comment> comments;
  orm::Many<Post> answers;
  orm::Many<Tag> tags;
  orm::Many<User> readers;
  orm::Many<Post> related;

  static constexpr auto model() {
    return orm::model<Post>(
        "post", orm::field<&Post::site>(orm::tenant), orm::field<&Post::author>(),
        orm::field<&Post::parent>(orm::on_delete(orm::OnDelete::set_null)),
        orm::field<&Post::slug>(orm::max_length(40)), orm::field<&Post::title>(orm::max_length(100)),
        orm::field<&Post::likes>(), orm::field<&Post::retired_at>(orm::retired),
        orm::field<&Post::created_at>(orm::auto_now_add), orm::field<&Post::version>(orm::row_version),
        orm::unique<&Post::site, &Post::slug>(), orm::many<&Post::comments>(),
        orm::many<&Post::answers, &Post::parent>(), orm::links<&Post::tags>(),
        orm::links<&Post::readers, Reading>(), orm::links<&Post::related>(), orm::change_log());
  }
};
// [/model]

struct Tag {
  orm::Id id;
  orm::Ref<Site> site;
  std::string name;
  orm::Many<Post> posts;

  static constexpr auto model() {
    return orm::model<Tag>("tag", orm::field<&Tag::site>(orm::tenant), orm::field<&Tag::name>(),
                           orm::unique<&Tag::site, &Tag::name>(), orm::linked<&Tag::posts, &Post::tags>());
  }
};

/// Of a provider, or of the system and for all.
struct Template {
  orm::Id id;
  std::optional<orm::Ref<Provider>> provider;
  std::string name;

  static constexpr auto model() {
    return orm::model<Template>("template", orm::field<&Template::provider>(orm::provider_or_system),
                                orm::field<&Template::name>());
  }
};

/// Refers to both.
struct Page {
  orm::Id id;
  orm::Ref<Site> site;
  std::optional<orm::Ref<Template>> look;

  static constexpr auto model() {
    return orm::model<Page>("page", orm::field<&Page::site>(orm::tenant), orm::field<&Page::look>());
  }
};

struct Blog : WorldWith<Post, Comment, Tag, Reading, orm::Link<&Post::tags>, orm::Link<&Post::related>,
                        Template, Page, orm::Change> {
  explicit Blog(db::Dialect dialect = db::Dialect::sqlite, Keys keys = Keys::all);

  Post post(const User& author, std::string slug) const {
    Post made;
    made.author = orm::Ref<User>(author.id);
    made.title = slug;
    made.slug = std::move(slug);
    return made;
  }
  Comment comment(const Post& post, const User& author, std::string text, std::int64_t rank = 0) const {
    Comment made;
    made.post = orm::Ref<Post>(post.id);
    made.author = orm::Ref<User>(author.id);
    made.text = std::move(text);
    made.rank = rank;
    return made;
  }
};

}  // namespace mpf::test

// Described once, in relations.cpp, and not by each test.
extern template const mpf::orm::detail::ModelInfo& mpf::orm::detail::model_info<mpf::test::Post>();
extern template const mpf::orm::detail::ModelInfo& mpf::orm::detail::model_info<mpf::test::Comment>();
extern template const mpf::orm::detail::ModelInfo& mpf::orm::detail::model_info<mpf::test::Tag>();
extern template const mpf::orm::detail::ModelInfo& mpf::orm::detail::model_info<mpf::test::Reading>();
extern template const mpf::orm::detail::ModelInfo& mpf::orm::detail::model_info<mpf::test::Template>();
extern template const mpf::orm::detail::ModelInfo& mpf::orm::detail::model_info<mpf::test::Page>();
extern template const mpf::orm::detail::ModelInfo& mpf::orm::detail::model_info<mpf::orm::Change>();
extern template const mpf::orm::detail::ModelInfo&
mpf::orm::detail::model_info<mpf::orm::Link<&mpf::test::Post::tags>>();
extern template const mpf::orm::detail::ModelInfo&
mpf::orm::detail::model_info<mpf::orm::Link<&mpf::test::Post::related>>();
