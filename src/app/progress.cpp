#include <mpf/app/progress.hpp>

#include <algorithm>
#include <chrono>
#include <ostream>
#include <utility>

#include <fmt/core.h>

#include <mpf/base/text.hpp>

namespace mpf {

namespace {

constexpr int bar_width = 30;
constexpr std::size_t note_width = 32;
constexpr std::chrono::milliseconds redraw_interval{80};

using Steady = std::chrono::steady_clock;

}  // namespace

struct Progress::State {
  std::ostream& out;
  bool terminal;
  std::string title;
  std::int64_t done = 0;
  std::int64_t total = 0;
  std::string note = {};
  Steady::time_point drawn{};
  std::int64_t printed_tenths = -1;
  bool ended = false;

  std::string count() const {
    return total > 0 ? fmt::format("{}/{}", done, total) : fmt::format("{}", done);
  }

  void draw() {
    if (terminal) {
      draw_bar();
    } else {
      print_line();
    }
  }

  void draw_bar() {
    const auto now = Steady::now();
    if (now - drawn < redraw_interval && done != total) return;
    drawn = now;
    const std::int64_t filled =
        total > 0 ? std::clamp<std::int64_t>(done * bar_width / total, 0, bar_width) : 0;
    std::string bar;
    for (int i = 0; i < bar_width; ++i) bar += i < filled ? "█" : "░";
    out << fmt::format("\r\x1b[2K{} {} {} {}", title, bar, count(), truncate_utf8(note, note_width))
        << std::flush;
  }

  void print_line() {
    const std::int64_t tenths = total > 0 ? std::clamp<std::int64_t>(done * 10 / total, 0, 10) : 0;
    if (tenths == printed_tenths) return;
    printed_tenths = tenths;
    out << fmt::format("{}: {}\n", title, count()) << std::flush;
  }

  void end(std::string_view summary) {
    if (std::exchange(ended, true)) return;
    if (terminal) out << (summary.empty() ? "\n" : "\r\x1b[2K");
    if (!summary.empty()) out << title << ": " << summary << '\n';
    out << std::flush;
  }
};

Progress::Progress(std::ostream& out, bool terminal, std::string title, std::int64_t total)
    : state_(std::make_unique<State>(State{.out = out, .terminal = terminal, .title = std::move(title)})) {
  state_->total = total;
  state_->draw();
}

Progress::~Progress() {
  if (state_) state_->end({});
}

Progress::Progress(Progress&&) noexcept = default;
Progress& Progress::operator=(Progress&& other) noexcept {
  if (state_) state_->end({});
  state_ = std::move(other.state_);
  return *this;
}

void Progress::update(std::int64_t done, std::int64_t total, std::string_view note) {
  state_->done = done;
  state_->total = total;
  state_->note = note;
  if (!state_->ended) state_->draw();
}

void Progress::finish(std::string_view summary) { state_->end(summary); }

}  // namespace mpf
