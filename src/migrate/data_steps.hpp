#pragma once

#include "migrate/state.hpp"

/// What steps on rows have to do with operations of other branches, which replaying both cannot show.
namespace mpf::migrate {

/// Whether it is SQL or a call that does not say what it touches: nobody knows what it gets along with.
bool says_nothing(const Operation& operation);

/// Whether one of them is a step on rows that may come out otherwise behind the other than before it.
/// `common` is the state that both branches begin with.
bool contradict(const Operation& a, const Operation& b, const State& common);

}  // namespace mpf::migrate
