#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <mpf/base/json.hpp>
#include <mpf/base/json_value.hpp>
#include <mpf/base/reflect.hpp>

namespace portal::foundation {

enum class Scheme : std::uint8_t { light, dark };
enum class Font : std::uint8_t { sans, serif, rounded };

/// How a site looks: what its owner sets, the rest by default. Colours are "#rrggbb".
struct Look {
  Scheme scheme = Scheme::light;
  std::string primary = "#2f5bea";
  std::string accent = "#0ea5a4";
  std::string background = "#f6f7fb";
  std::string surface = "#ffffff";
  std::string text = "#171b26";
  std::int64_t radius = 12;  ///< of corners, in pixels, 0 to 32
  Font font = Font::sans;
  std::optional<std::string> logo;  ///< path of a picture of the site's own; nothing: its initial
  std::optional<std::string> hero;
  std::string hero_title;
  std::string hero_text;

  static constexpr auto describe() {
    using mpf::defaulted;
    return mpf::describe(mpf::field<&Look::scheme>(defaulted), mpf::field<&Look::primary>(defaulted),
                         mpf::field<&Look::accent>(defaulted), mpf::field<&Look::background>(defaulted),
                         mpf::field<&Look::surface>(defaulted), mpf::field<&Look::text>(defaulted),
                         mpf::field<&Look::radius>(defaulted), mpf::field<&Look::font>(defaulted),
                         mpf::field<&Look::logo>(), mpf::field<&Look::hero>(),
                         mpf::field<&Look::hero_title>(defaulted), mpf::field<&Look::hero_text>(defaulted));
  }
};

/// The look stored with a site; the default one for a site that has none.
Look look_of(const mpf::Json& stored);

/// ValidationError with the fields that no browser could use: colours, radius, pictures outside the site.
void check_look(const Look& look);

}  // namespace portal::foundation
