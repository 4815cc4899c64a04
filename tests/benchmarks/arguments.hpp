#pragma once

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The command line of a benchmark, and its main().
namespace mpf::bench {

class Arguments {
 public:
  explicit Arguments(std::string benchmark) : benchmark_(std::move(benchmark)) {}

  Arguments& text(std::string name, std::string placeholder, std::string& into, std::string help) {
    return add(std::move(name), std::move(placeholder), std::move(help),
               [&into](const char* value) { into = value; });
  }
  /// Above 0.
  template <class Number>
  Arguments& number(std::string name, Number& into, std::string help) {
    return add(name, "N", std::move(help) + " (" + std::to_string(into) + ")",
               [this, name, &into](const char* value) {
                 const int given = std::atoi(value);
                 if (given <= 0) fail(name + " needs a number above 0");
                 into = static_cast<Number>(given);
               });
  }
  /// Switches something off.
  Arguments& no(std::string name, bool& into, std::string help) {
    return add(std::move(name), "", std::move(help), [&into](const char*) { into = false; });
  }

  /// Ends the program when they make no sense.
  void parse(int argc, char** argv) const {
    for (int i = 1; i < argc; ++i) {
      const std::string_view name = argv[i];
      const Option* found = nullptr;
      for (const Option& each : options_) {
        if (each.name == name) found = &each;
      }
      if (!found) fail("unknown option " + std::string(name));
      if (!found->placeholder.empty() && ++i == argc) fail("a value is missing behind " + std::string(name));
      found->take(argv[i]);
    }
  }

  [[noreturn]] void fail(const std::string& why) const {
    std::fprintf(stderr, "%s benchmark: %s\noptions:\n", benchmark_.c_str(), why.c_str());
    for (const Option& each : options_) {
      std::fprintf(stderr, "  %-20s %s\n", (each.name + " " + each.placeholder).c_str(), each.help.c_str());
    }
    std::exit(2);
  }

 private:
  struct Option {
    std::string name;
    std::string placeholder;
    std::string help;
    std::function<void(const char*)> take;
  };
  Arguments& add(std::string name, std::string placeholder, std::string help,
                 std::function<void(const char*)> take) {
    options_.push_back({std::move(name), std::move(placeholder), std::move(help), std::move(take)});
    return *this;
  }

  std::string benchmark_;
  std::vector<Option> options_;
};

/// The exit code of work() that is a benchmark: what it throws is told, and 1.
template <class Work>
int run_benchmark(const char* name, const Work& work) {
  try {
    return work() ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s benchmark: %s\n", name, error.what());
    return 1;
  }
}

}  // namespace mpf::bench
