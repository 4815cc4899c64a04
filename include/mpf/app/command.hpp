#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mpf/app/progress.hpp>
#include <mpf/app/services.hpp>

namespace mpf {

class CommandContext;

/// What must be there before a command runs.
enum class Needs : std::uint8_t {
  configuration,  ///< settings and modules only
  database,       ///< also the database, in whatever state its schema is
  application,    ///< also all services; pending migrations are an error, or applied (see auto_migrate)
};

/// Description of a verb of the command line, filled in a chain:
///
///     s.command("import", "Imports a folder of documents into a site")
///         .argument("site", "Slug or host of the site")
///         .argument("folder", "Folder to import")
///         .option("collection", "NAME", "Collection to put everything into")
///         .flag("dry-run", "Only show what would be done")
///         .run([](CommandContext& ctx) { … });
///
/// Names are given without dashes. References stay valid for the application's setup.
class Command {
 public:
  struct Parameter {
    enum class Kind : std::uint8_t { argument, optional_argument, arguments, option, flag };
    enum class Type : std::uint8_t { text, integer };
    Kind kind = Kind::argument;
    Type type = Type::text;
    std::string name = {};
    std::string value_name = {};
    std::string help = {};
    std::optional<std::string> fallback = {};
    std::vector<std::string> choices = {};
  };

  Command(std::string name, std::string help) : name_(std::move(name)), help_(std::move(help)) {}
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  /// Positional, in the order of calls. Optional ones after all others, `arguments` (any number) last.
  Command& argument(std::string name, std::string help);
  Command& optional_argument(std::string name, std::string help);
  Command& arguments(std::string name, std::string help);

  /// "--name VALUE".
  Command& option(std::string name, std::string value_name, std::string help,
                  std::optional<std::string> fallback = {});
  /// "--name N", a whole number.
  Command& integer(std::string name, std::string help, std::optional<std::int64_t> fallback = {});
  /// "--name VALUE", one of these.
  Command& choice(std::string name, std::vector<std::string> choices, std::string help,
                  std::optional<std::string> fallback = {});
  /// "--name".
  Command& flag(std::string name, std::string help);

  /// Default: application.
  Command& needs(Needs needs);

  /// What the command does, in a fiber. It ends with exit code 0, or by an exception with that of its kind.
  Command& run(std::function<void(CommandContext&)> body);

  /// A verb below this one: "site create". A command with verbs has no body of its own.
  Command& command(std::string name, std::string help);

  const std::string& name() const noexcept { return name_; }
  const std::string& help() const noexcept { return help_; }
  Needs needs() const noexcept { return needs_; }
  const std::vector<Parameter>& parameters() const noexcept { return parameters_; }
  const std::vector<std::unique_ptr<Command>>& commands() const noexcept { return commands_; }
  const std::function<void(CommandContext&)>& body() const noexcept { return body_; }

 private:
  Command& add(Parameter parameter);

  std::string name_;
  std::string help_;
  Needs needs_ = Needs::application;
  std::vector<Parameter> parameters_;
  std::function<void(CommandContext&)> body_;
  std::vector<std::unique_ptr<Command>> commands_;
};

/// Values given to a command, by parameter name.
class CommandValues {
 public:
  struct Value {
    std::string name;
    std::vector<std::string> texts;
  };
  explicit CommandValues(std::vector<Value> values) : values_(std::move(values)) {}

  const std::vector<std::string>* find(std::string_view name) const noexcept;

 private:
  std::vector<Value> values_;
};

/// Where a command reads and writes. Outlives it.
struct Console {
  std::istream* in;
  std::ostream* out;
  std::ostream* errors;
  bool terminal = false;  ///< a person looks at `out`
};

/// A running command. Belongs to its fiber.
class CommandContext : public Services {
 public:
  CommandContext(Services services, CommandValues values, Console console);

  /// Argument or option; asking for one that is not described, or for an option that was neither given nor
  /// has a fallback, is a mistake of the programmer.
  const std::string& text(std::string_view name) const;
  std::int64_t integer(std::string_view name) const;
  std::optional<std::string> find(std::string_view name) const;
  std::vector<std::string> list(std::string_view name) const;
  bool flag(std::string_view name) const;

  /// Standard input, which blocks whoever reads it: in fiber::offload().
  std::istream& in() const noexcept { return *console_.in; }
  /// Standard output, or what stands for it in tests.
  std::ostream& out() const noexcept { return *console_.out; }
  void print(std::string_view line) const;

  Progress progress(std::string title, std::int64_t total = 0) const;

  /// The site with this slug or host. Error(not_found) listing those that exist.
  std::shared_ptr<const tenant::CurrentSite> find_site(std::string_view slug_or_host) const;

  /// Runs tasks in this process until the command ends, beside those of other processes.
  void start_worker() const;

  /// Shows the question to the person at the terminal; true for "yes". Nothing where nobody is.
  std::optional<bool> confirm(std::string_view question) const;

  /// Reads a line without echo; from standard input as it is when that is no terminal.
  std::string read_password(std::string_view prompt) const;

 private:
  CommandValues values_;
  Console console_;
};

}  // namespace mpf
