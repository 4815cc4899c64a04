#include "user/account/api.hpp"

#include <mpf/base/json.hpp>

namespace portal::user {
namespace {

struct UserView {
  mpf::Id id;
  std::string name;
  std::string email;
  mpf::auth::Role role;

  static constexpr auto describe() {
    return mpf::describe(mpf::field<&UserView::id>(), mpf::field<&UserView::name>(),
                         mpf::field<&UserView::email>(), mpf::field<&UserView::role>());
  }
};

}  // namespace

std::string user_json(const mpf::auth::User* user) {
  return user == nullptr ? "null" : mpf::to_json(UserView{user->id, user->name, user->email, user->role});
}

}  // namespace portal::user
