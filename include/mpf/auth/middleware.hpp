#pragma once

#include <mpf/auth/identity.hpp>
#include <mpf/auth/sessions.hpp>
#include <mpf/db/database.hpp>
#include <mpf/http/router.hpp>

namespace mpf::auth {

/// Attaches the Identity and writes its cookies. After tenant::site_of_host(); requests without a site have
/// no identity.
http::Middleware identify(db::Database& db, const Sessions& sessions);

/// Refuses forged requests: those of other methods than GET, HEAD and OPTIONS must come from the same origin,
/// by Sec-Fetch-Site or else Origin, and carry the identity's token. Routes with csrf = false are exempt.
/// After identify().
http::Middleware protect_from_forgery(const http::Router& router);

/// The attached identity, or null.
Identity* current_identity(const http::Request& request) noexcept;

}  // namespace mpf::auth
