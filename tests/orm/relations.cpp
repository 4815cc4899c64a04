#include "orm/relations.hpp"

template const mpf::orm::detail::ModelInfo& mpf::orm::detail::model_info<mpf::test::Post>();
template const mpf::orm::detail::ModelInfo& mpf::orm::detail::model_info<mpf::test::Comment>();
template const mpf::orm::detail::ModelInfo& mpf::orm::detail::model_info<mpf::test::Tag>();
template const mpf::orm::detail::ModelInfo& mpf::orm::detail::model_info<mpf::test::Reading>();
template const mpf::orm::detail::ModelInfo& mpf::orm::detail::model_info<mpf::test::Template>();
template const mpf::orm::detail::ModelInfo& mpf::orm::detail::model_info<mpf::test::Page>();
template const mpf::orm::detail::ModelInfo& mpf::orm::detail::model_info<mpf::orm::Change>();
template const mpf::orm::detail::ModelInfo&
mpf::orm::detail::model_info<mpf::orm::Link<&mpf::test::Post::tags>>();
template const mpf::orm::detail::ModelInfo&
mpf::orm::detail::model_info<mpf::orm::Link<&mpf::test::Post::related>>();

namespace mpf::test {

Blog::Blog(db::Dialect dialect, Keys keys) : WorldWith(dialect, keys) {}

}  // namespace mpf::test
