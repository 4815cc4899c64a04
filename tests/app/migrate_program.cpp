// A program for tests of `migrate` at a real shell. What its models are says the variable SHELL_MODELS, as
// branches and releases of one application would; migrations lie in the folder SHELL_SOURCE.

#include <cstdlib>
#include <filesystem>
#include <string>

#include <mpf/app/app.hpp>

using namespace mpf;

namespace {

struct Item {
  orm::Id id;
  std::string title;
  std::string teaser;
  static constexpr auto model() {
    return orm::model<Item>("content_item", orm::field<&Item::title>(), orm::field<&Item::teaser>());
  }
};

struct Summary {
  orm::Id id;
  std::string title, teaser, summary;
  static constexpr auto model() {
    return orm::model<Summary>("content_item", orm::field<&Summary::title>(), orm::field<&Summary::teaser>(),
                               orm::field<&Summary::summary>(orm::default_value("''")));
  }
};

struct Abstract {
  orm::Id id;
  std::string title, teaser, summary;
  static constexpr auto model() {
    return orm::model<Abstract>(
        "content_item", orm::field<&Abstract::title>(), orm::field<&Abstract::teaser>(),
        orm::field<&Abstract::summary>(orm::default_value("'-'"), orm::max_length(80)));
  }
};

struct Indexed {
  orm::Id id;
  std::string title, teaser;
  static constexpr auto model() {
    return orm::model<Indexed>("content_item", orm::field<&Indexed::title>(orm::indexed),
                               orm::field<&Indexed::teaser>());
  }
};

struct Both {
  orm::Id id;
  std::string title, teaser, summary;
  static constexpr auto model() {
    return orm::model<Both>("content_item", orm::field<&Both::title>(orm::indexed),
                            orm::field<&Both::teaser>(),
                            orm::field<&Both::summary>(orm::default_value("''")));
  }
};

struct Slim {
  orm::Id id;
  std::string title, summary;
  static constexpr auto model() {
    return orm::model<Slim>("content_item", orm::field<&Slim::title>(orm::indexed),
                            orm::field<&Slim::summary>(orm::default_value("''")));
  }
};

struct Renamed {
  orm::Id id;
  std::string headline, summary;
  static constexpr auto model() {
    return orm::model<Renamed>("content_item",
                               orm::field<&Renamed::headline>(orm::renamed_from("title"), orm::indexed),
                               orm::field<&Renamed::summary>(orm::default_value("''")));
  }
};

struct Cart {
  orm::Id id;
  orm::Ref<Item> item;
  static constexpr auto model() { return orm::model<Cart>("shop_cart", orm::field<&Cart::item>()); }
};

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::filesystem::path source(const char* folder) {
  return std::filesystem::path(variable("SHELL_SOURCE")) / folder / "migrations";
}

const EmbeddedFiles& none() {
  static const EmbeddedFiles files{std::vector<EmbeddedFiles::File>{}};
  return files;
}

struct ItemModule final : Module {
  std::string_view name() const noexcept override { return "content.item"; }
  void setup(Setup& s) override {
    const auto models = variable("SHELL_MODELS");
    if (models == "summary") {
      s.model<Summary>();
    } else if (models == "abstract") {
      s.model<Abstract>();
    } else if (models == "indexed") {
      s.model<Indexed>();
    } else if (models == "both") {
      s.model<Both>();
    } else if (models == "slim") {
      s.model<Slim>();
    } else if (models == "renamed") {
      s.model<Renamed>();
    } else {
      s.model<Item>();
    }
    s.migrations(none(), source("content_item"));
  }
};

/// An extension: there, or not.
struct CartModule final : Module {
  std::string_view name() const noexcept override { return "shop.cart"; }
  void setup(Setup& s) override {
    s.model<Cart>();
    s.migrations(none(), source("shop_cart"));
  }
};

}  // namespace

int main(int argc, char** argv) {
  auto list = modules<ItemModule>();
  if (!variable("SHELL_EXTENSION").empty()) list.push_back(std::make_unique<CartModule>());
  return Application(std::move(list), {.name = "portal", .version = "1"}).main(argc, argv);
}
