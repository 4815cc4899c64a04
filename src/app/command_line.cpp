#include "app/command_line.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <ostream>

#include <fmt/core.h>

#include <mpf/base/error.hpp>
#include <mpf/base/text.hpp>
#include <mpf/fiber/fiber.hpp>

#include "app/instance.hpp"
#include "app/signals.hpp"

namespace mpf::app {

namespace {

constexpr int exit_code_usage = 64;  // EX_USAGE of sysexits.h
constexpr int exit_code_interrupted = 130;

using Kind = Command::Parameter::Kind;
using Type = Command::Parameter::Type;

struct UsageError {
  std::string message;
};

/// The options before the verbs. They are needed before the modules can say which verbs there are, so they
/// are taken out of the arguments by hand.
struct GlobalOptions {
  std::string profile;
  std::string profile_folder;
  std::map<std::string, std::string> overrides;
  bool help = false;
  bool version = false;
  std::vector<std::string> rest;
};

GlobalOptions take_global_options(const std::vector<std::string>& arguments) {
  GlobalOptions result;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--") {
      result.rest.insert(result.rest.end(), arguments.begin() + static_cast<std::ptrdiff_t>(i),
                         arguments.end());
      break;
    }
    const auto value_of = [&](std::string_view name) -> std::optional<std::string> {
      if (argument == name) {
        if (i + 1 == arguments.size()) throw UsageError{fmt::format("{} needs a value", name)};
        return arguments[++i];
      }
      if (argument.starts_with(name) && argument.size() > name.size() && argument[name.size()] == '=') {
        return argument.substr(name.size() + 1);
      }
      return std::nullopt;
    };
    if (auto profile = value_of("--profile")) {
      result.profile = *profile;
    } else if (auto folder = value_of("--profiles")) {
      result.profile_folder = *folder;
    } else if (auto setting = value_of("--set")) {
      const std::size_t equals = setting->find('=');
      if (equals == std::string::npos || equals == 0) {
        throw UsageError{fmt::format("--set needs KEY=VALUE, got '{}'", *setting)};
      }
      result.overrides[setting->substr(0, equals)] = setting->substr(equals + 1);
    } else {
      if (argument == "--help" || argument == "-h") result.help = true;
      if (argument == "--version" && result.rest.empty()) {
        result.version = true;
      } else {
        result.rest.push_back(argument);
      }
    }
  }
  return result;
}

/// One verb as CLI11 sees it, and what was given to it.
struct ParsedVerb {
  const Command* command = nullptr;
  CLI::App* app = nullptr;
  std::map<std::string, std::vector<std::string>> texts;
  std::map<std::string, bool> flags;
};

class Parser {
 public:
  Parser(const ApplicationOptions& options, const std::vector<std::unique_ptr<Command>>& commands)
      : root_(fmt::format("{} {}", options.name, options.version), options.name) {
    // Only for the help: they are taken out before.
    root_.add_option("--profile", unused_, "Profile of settings (default: " + options.default_profile + ")")
        ->option_text("NAME");
    root_.add_option("--profiles", unused_, "Folder with more profiles")->option_text("FOLDER");
    root_.add_option("--set", unused_, "Sets a setting, over all others")->option_text("KEY=VALUE");
    root_.add_flag("--version", unused_flag_, "Shows the version");
    root_.require_subcommand(1);
    for (const auto& command : commands) add(root_, *command);
  }

  /// Null: help has been asked for, and written to out.
  const ParsedVerb* parse(std::vector<std::string> arguments, std::ostream& out) {
    check_verbs(arguments);
    std::reverse(arguments.begin(), arguments.end());
    try {
      root_.parse(std::move(arguments));
    } catch (const CLI::CallForHelp&) {
      out << deepest(root_).help("", CLI::AppFormatMode::Normal);
      return nullptr;
    } catch (const CLI::ParseError& error) {
      const CLI::App& verb = deepest(root_);
      throw UsageError{fmt::format("{} (see `{} --help`)", one_line(error.what()), full_name(verb))};
    }
    for (const auto& verb : verbs_) {
      if (verb->app->parsed() && verb->command->body()) return verb.get();
    }
    throw UsageError{"there is no such command"};
  }

 private:
  /// CLI11 only says that a command is missing where it is misspelt.
  void check_verbs(const std::vector<std::string>& arguments) const {
    const CLI::App* app = &root_;
    for (const auto& argument : arguments) {
      if (argument.starts_with('-')) return;
      std::vector<std::string_view> names;
      const CLI::App* next = nullptr;
      for (const auto* below : app->get_subcommands([](const CLI::App*) { return true; })) {
        names.emplace_back(below->get_name());
        if (below->get_name() == argument) next = below;
      }
      if (names.empty()) return;
      if (next == nullptr) {
        const auto near = nearest_word(argument, names);
        throw UsageError{fmt::format("`{}` has no command '{}'{} (see `{} --help`)", full_name(*app),
                                     argument, near ? fmt::format(", did you mean '{}'?", *near) : "",
                                     full_name(*app))};
      }
      app = next;
    }
  }

  static std::string one_line(std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    while (text.ends_with(' ')) text.pop_back();
    return text;
  }

  static const CLI::App& deepest(const CLI::App& app) {
    const auto below = app.get_subcommands();
    return below.empty() ? app : deepest(*below.front());
  }

  static std::string full_name(const CLI::App& app) {
    return app.get_parent() ? full_name(*app.get_parent()) + " " + app.get_name() : app.get_name();
  }

  void add(CLI::App& parent, const Command& command) {
    CLI::App* app = parent.add_subcommand(command.name(), command.help());
    ParsedVerb& verb = *verbs_.emplace_back(std::make_unique<ParsedVerb>());
    verb.command = &command;
    verb.app = app;
    for (const auto& parameter : command.parameters()) add(verb, parameter);
    for (const auto& below : command.commands()) add(*app, *below);
    if (!command.body()) app->require_subcommand(1);
  }

  static void add(ParsedVerb& verb, const Command::Parameter& parameter) {
    if (parameter.kind == Kind::flag) {
      verb.app->add_flag("--" + parameter.name, verb.flags[parameter.name], parameter.help);
      return;
    }
    auto& texts = verb.texts[parameter.name];
    const bool option = parameter.kind == Kind::option;
    CLI::Option* added =
        verb.app->add_option(option ? "--" + parameter.name : parameter.name, texts, parameter.help);
    if (parameter.kind == Kind::arguments) {
      added->expected(0, -1);
    } else {
      added->expected(1);
      added->allow_extra_args(false);
      added->multi_option_policy(CLI::MultiOptionPolicy::Throw);
    }
    if (parameter.kind == Kind::argument) added->required();
    if (option) added->option_text(option_text(parameter));
    if (!parameter.choices.empty()) added->check(CLI::IsMember(parameter.choices));
    if (parameter.type == Type::integer) added->check(CLI::TypeValidator<std::int64_t>());
  }

  static std::string option_text(const Command::Parameter& parameter) {
    std::string text = parameter.value_name;
    if (!parameter.choices.empty()) {
      text.clear();
      for (const std::string& choice : parameter.choices) text += (text.empty() ? "" : "|") + choice;
    }
    if (parameter.fallback && !parameter.fallback->empty()) text += " [" + *parameter.fallback + "]";
    return text;
  }

  CLI::App root_;
  std::string unused_;
  bool unused_flag_ = false;
  std::vector<std::unique_ptr<ParsedVerb>> verbs_;
};

CommandValues values_of(const ParsedVerb& verb) {
  std::vector<CommandValues::Value> values;
  for (const auto& parameter : verb.command->parameters()) {
    if (parameter.kind == Kind::flag) {
      if (verb.flags.at(parameter.name)) values.push_back({parameter.name, {}});
      continue;
    }
    std::vector<std::string> texts = verb.texts.at(parameter.name);
    if (texts.empty() && parameter.fallback) texts.push_back(*parameter.fallback);
    values.push_back({parameter.name, std::move(texts)});
  }
  return CommandValues(std::move(values));
}

void reach(Instance& instance, Needs needs) {
  if (needs == Needs::configuration) return;
  instance.open();
  if (needs == Needs::application) instance.prepare();
}

void run_verb(Instance& instance, const ParsedVerb& verb, const Console& console, Signals* signals) {
  auto fiber = instance.spawn(
      [&] {
        reach(instance, verb.command->needs());
        CommandContext context(instance.services(), values_of(verb), console);
        verb.command->body()(context);
      },
      verb.command->name());
  if (signals) signals->on_signal([&] { fiber.cancel(); });
  struct Forget {
    Signals* signals;
    ~Forget() {
      if (signals) signals->on_signal(nullptr);
    }
  } const forget{signals};
  fiber.get();
}

int run(const ApplicationOptions& options, const Modules& modules, StartOptions start,
        const std::vector<std::string>& arguments, const Console& console, Signals* signals) {
  GlobalOptions global = take_global_options(arguments);
  if (global.version) {
    *console.out << options.name << ' ' << options.version << '\n';
    return 0;
  }
  if (!global.profile.empty()) start.profile = global.profile;
  if (!global.profile_folder.empty()) start.profile_folder = global.profile_folder;
  for (auto& [key, value] : global.overrides) start.overrides[key] = value;

  Instance instance(options, modules, start);
  instance.configure(global.help);
  Parser parser(options, instance.registrations().commands);
  const ParsedVerb* verb = parser.parse(std::move(global.rest), *console.out);
  if (!verb) return 0;
  const bool serves = verb->command->name() == "serve" || verb->command->name() == "worker";
  if (!serves) instance.log_less();
  run_verb(instance, *verb, console, signals);
  return 0;
}

void print_error(std::ostream& errors, std::string_view message) { errors << "error: " << message << '\n'; }

}  // namespace

int run_command_line(const ApplicationOptions& options, const Modules& modules, StartOptions start,
                     const std::vector<std::string>& arguments, const Console& console, Signals* signals) {
  std::ostream& errors = *console.errors;
  try {
    const int code = run(options, modules, std::move(start), arguments, console, signals);
    console.out->flush();
    return code;
  } catch (const UsageError& e) {
    print_error(errors, e.message);
    return exit_code_usage;
  } catch (const ValidationError& e) {
    print_error(errors, "the input is not right:");
    for (const FieldError& field : e.fields()) {
      errors << "  " << (field.path.empty() ? "" : field.path + ": ") << field.message << '\n';
    }
    return exit_code(e.kind());
  } catch (const Error& e) {
    print_error(errors, e.what());
    return exit_code(e.kind());
  } catch (const fiber::Cancelled&) {
    print_error(errors, "interrupted");
    return exit_code_interrupted;
  } catch (const std::exception& e) {
    print_error(errors, e.what());
    return exit_code(ErrorKind::internal);
  }
}

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], utf8_length(row[i]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - utf8_length(row[i]) + 2, ' ');
    }
    while (line.ends_with(' ')) line.pop_back();
    text += line + '\n';
  }
  return text;
}

}  // namespace mpf::app
