#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <mpf/http/message.hpp>

namespace mpf::http {

/// How an error page looks: a site's own name and colours ("#rrggbb"), or something neutral.
struct PageLook {
  std::string name = {};  ///< of the site, shown above; empty: nothing
  std::string primary = "#2f5bea";
  std::string background = "#f6f7fb";
  std::string surface = "#ffffff";
  std::string text = "#171b26";
  std::int64_t radius = 12;  ///< of corners, in pixels
};

/// Whether whoever asks is a person with a browser, who is told of an error by a page; programs and calls
/// below /api/ get application/problem+json.
bool wants_page(const Request& request);

/// A page that tells of an error, without scripts, with a policy that allows nothing but its own style, and
/// with a link to the start page unless the look has no name. Texts are escaped.
Response error_page(int status, std::string_view title, std::string_view text, std::string_view request_id,
                    const PageLook& look = {});

/// The same for an answer that is application/problem+json: its status, its detail, its other headers.
/// Other answers stay as they are.
Response page_of_problem(Response problem, std::string_view request_id, const PageLook& look = {});

}  // namespace mpf::http
