#pragma once

#include <mpf/app/setup.hpp>

namespace portal::content {

/// Items as JSON: reading, changing, retiring.
void add_item_routes(mpf::Setup& s);

/// Grants, and the files that they open.
void add_delivery_routes(mpf::Setup& s);

}  // namespace portal::content
