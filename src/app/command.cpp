#include <mpf/app/command.hpp>

#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <istream>
#include <ostream>

#include <fmt/core.h>

#include <mpf/app/application.hpp>
#include <mpf/base/error.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/tenant/sites.hpp>

namespace mpf {

using Kind = Command::Parameter::Kind;
using Type = Command::Parameter::Type;

Command& Command::add(Parameter parameter) {
  const bool taken = std::any_of(parameters_.begin(), parameters_.end(),
                                 [&](const Parameter& other) { return other.name == parameter.name; });
  if (taken) {
    throw Error(ErrorKind::configuration,
                fmt::format("command '{}' has two parameters '{}'", name_, parameter.name));
  }
  parameters_.push_back(std::move(parameter));
  return *this;
}

Command& Command::argument(std::string name, std::string help) {
  return add({.kind = Kind::argument, .name = std::move(name), .help = std::move(help)});
}

Command& Command::optional_argument(std::string name, std::string help) {
  return add({.kind = Kind::optional_argument, .name = std::move(name), .help = std::move(help)});
}

Command& Command::arguments(std::string name, std::string help) {
  return add({.kind = Kind::arguments, .name = std::move(name), .help = std::move(help)});
}

Command& Command::option(std::string name, std::string value_name, std::string help,
                         std::optional<std::string> fallback) {
  return add({.kind = Kind::option,
              .name = std::move(name),
              .value_name = std::move(value_name),
              .help = std::move(help),
              .fallback = std::move(fallback)});
}

Command& Command::integer(std::string name, std::string help, std::optional<std::int64_t> fallback) {
  return add({.kind = Kind::option,
              .type = Type::integer,
              .name = std::move(name),
              .value_name = "N",
              .help = std::move(help),
              .fallback = fallback ? std::optional(std::to_string(*fallback)) : std::nullopt});
}

Command& Command::choice(std::string name, std::vector<std::string> choices, std::string help,
                         std::optional<std::string> fallback) {
  return add({.kind = Kind::option,
              .name = std::move(name),
              .value_name = "CHOICE",
              .help = std::move(help),
              .fallback = std::move(fallback),
              .choices = std::move(choices)});
}

Command& Command::flag(std::string name, std::string help) {
  return add({.kind = Kind::flag, .name = std::move(name), .help = std::move(help)});
}

Command& Command::needs(Needs needs) {
  needs_ = needs;
  return *this;
}

Command& Command::run(std::function<void(CommandContext&)> body) {
  body_ = std::move(body);
  return *this;
}

Command& Command::command(std::string name, std::string help) {
  for (const auto& other : commands_) {
    if (other->name() == name) {
      throw Error(ErrorKind::configuration, fmt::format("command '{} {}' is there twice", name_, name));
    }
  }
  return *commands_.emplace_back(std::make_unique<Command>(std::move(name), std::move(help)));
}

const std::vector<std::string>* CommandValues::find(std::string_view name) const noexcept {
  for (const Value& value : values_) {
    if (value.name == name) return &value.texts;
  }
  return nullptr;
}

CommandContext::CommandContext(Services services, CommandValues values, Console console)
    : Services(services), values_(std::move(values)), console_(console) {}

const std::string& CommandContext::text(std::string_view name) const {
  const auto* texts = values_.find(name);
  if (!texts || texts->empty()) {
    fail(ErrorKind::internal, fmt::format("the command has no value '{}'", name));
  }
  return texts->front();
}

std::int64_t CommandContext::integer(std::string_view name) const {
  const std::string& value = text(name);
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size()) {
    throw ValidationError(std::string(name), "type", fmt::format("'{}' is no whole number", value));
  }
  return number;
}

std::optional<std::string> CommandContext::find(std::string_view name) const {
  const auto* texts = values_.find(name);
  if (!texts || texts->empty()) return std::nullopt;
  return texts->front();
}

std::vector<std::string> CommandContext::list(std::string_view name) const {
  const auto* texts = values_.find(name);
  return texts ? *texts : std::vector<std::string>();
}

bool CommandContext::flag(std::string_view name) const { return values_.find(name) != nullptr; }

void CommandContext::print(std::string_view line) const { out() << line << '\n' << std::flush; }

Progress CommandContext::progress(std::string title, std::int64_t total) const {
  return {out(), console_.terminal, std::move(title), total};
}

std::shared_ptr<const tenant::CurrentSite> CommandContext::find_site(std::string_view slug_or_host) const {
  if (auto site = sites().find_slug(slug_or_host)) return site;
  if (auto site = sites().find_host(slug_or_host)) return site;
  std::string known;
  for (const tenant::Site& site : sites().sites()) {
    if (!known.empty()) known += ", ";
    known += site.slug;
  }
  fail(ErrorKind::not_found,
       fmt::format("there is no active site '{}' ({})", slug_or_host,
                   known.empty() ? "there are no sites: `site create` makes one" : "sites: " + known));
}

namespace {

/// Turns the terminal's echo off until it goes.
class NoEcho {
 public:
  NoEcho() {
    if (tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    changed_ = tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0;
  }
  ~NoEcho() {
    if (changed_) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  NoEcho(const NoEcho&) = delete;
  NoEcho& operator=(const NoEcho&) = delete;

 private:
  termios before_{};
  bool changed_ = false;
};

}  // namespace

namespace {

/// Waits for a line without blocking a thread on it, so that Ctrl-C ends the command and the echo comes back.
void wait_for_terminal_line() {
  pollfd input{STDIN_FILENO, POLLIN, 0};
  while (poll(&input, 1, 0) == 0) fiber::sleep_for(std::chrono::milliseconds(30));
}

}  // namespace

std::optional<bool> CommandContext::confirm(std::string_view question) const {
  if (!console_.terminal || isatty(STDIN_FILENO) == 0) return std::nullopt;
  out() << question << "\ntype yes to go on: " << std::flush;
  wait_for_terminal_line();
  std::string line;
  std::getline(*console_.in, line);
  if (line.ends_with('\r')) line.pop_back();
  return line == "yes";
}

std::string CommandContext::read_password(std::string_view prompt) const {
  std::string line;
  bool read = false;
  if (console_.terminal && isatty(STDIN_FILENO) != 0) {
    out() << prompt << std::flush;
    {
      const NoEcho silent;
      wait_for_terminal_line();
      read = static_cast<bool>(std::getline(*console_.in, line));
    }
    out() << '\n' << std::flush;
  } else {
    read = fiber::offload([&] { return static_cast<bool>(std::getline(*console_.in, line)); });
  }
  if (!read) throw ValidationError("password", "required", "standard input has no line with a password");
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

}  // namespace mpf
