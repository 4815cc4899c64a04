#include <mpf/web/security.hpp>

#include <string_view>
#include <utility>

namespace mpf::web {

namespace {

void add(std::string& policy, std::string_view directive, const std::vector<std::string>& sources) {
  if (!policy.empty()) policy += "; ";
  policy += directive;
  if (sources.empty()) policy += " 'none'";
  for (const auto& source : sources) {
    policy += ' ';
    policy += source;
  }
}

}  // namespace

std::string ContentPolicy::to_string() const {
  std::string policy = "default-src 'none'";
  add(policy, "script-src", scripts);
  add(policy, "style-src", styles);
  add(policy, "img-src", images);
  add(policy, "font-src", fonts);
  add(policy, "connect-src", connections);
  add(policy, "media-src", media);
  add(policy, "frame-src", frames);
  add(policy, "worker-src", workers);
  add(policy, "manifest-src", manifests);
  add(policy, "form-action", form_targets);
  add(policy, "frame-ancestors", frame_ancestors);
  policy += "; object-src 'none'; base-uri 'none'";
  if (sandbox) policy += sandbox->empty() ? "; sandbox" : "; sandbox " + *sandbox;
  return policy;
}

http::Middleware security_headers(const SecurityOptions& options) {
  std::vector<std::pair<std::string, std::string>> always{
      {"Content-Security-Policy", options.policy.to_string()},
      {"X-Content-Type-Options", "nosniff"},
      {"Referrer-Policy", options.referrer_policy},
      {"Cross-Origin-Opener-Policy", "same-origin"},
      {"Cross-Origin-Resource-Policy", "same-origin"},
      {"Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"},
  };
  std::string hsts;
  if (options.hsts.count() > 0)
    hsts = "max-age=" + std::to_string(options.hsts.count()) + "; includeSubDomains";
  http::Headers().set("Content-Security-Policy",
                      always.front().second);  // refuses line breaks now, not later

  return
      [always = std::move(always), hsts = std::move(hsts)](http::Request& request, const http::Next& next) {
        http::Response response;
        try {
          response = next(request);
        } catch (...) {
          response = http::answer_current_exception(request);
        }
        for (const auto& [name, value] : always) {
          if (!response.headers.find(name)) response.headers.add(name, value);
        }
        if (request.secure && !hsts.empty() && !response.headers.find("Strict-Transport-Security")) {
          response.headers.add("Strict-Transport-Security", hsts);
        }
        return response;
      };
}

}  // namespace mpf::web
