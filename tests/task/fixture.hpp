#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <mpf/base/manual_clock.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/task/queue.hpp>
#include <mpf/task/worker.hpp>

#include "support/database.hpp"

namespace mpf::test {

struct Note {
  std::string text;
  static constexpr auto describe() { return mpf::describe(mpf::field<&Note::text>()); }
};
struct Done {
  std::string text;
  static constexpr auto describe() { return mpf::describe(mpf::field<&Done::text>()); }
};

/// A queue on a fresh database, with a clock that stands. Made in a fiber.
struct Tasks {
  Database db{{task::tables()}};
  ManualClock clock;
  task::Registry registry;
  task::Queue queue{*db, registry, clock};

  /// Registers what notes do.
  void on_note(std::function<void(task::Context&, const Note&)> run, task::TaskOptions options = {}) {
    registry.add<Note>("note", std::move(run), std::move(options));
  }

  static fiber::Runtime& runtime() { return fiber::Loop::current()->runtime(); }

  std::size_t run_due(task::WorkerOptions options = {}) {
    task::Worker worker(runtime(), queue, std::move(options));
    return worker.run_due();
  }

  task::State state(Id id) const { return queue.status(id).state; }

  /// Lets others run until it is so; the test's time limit is the only other end.
  static void until(const std::function<bool()>& ready) {
    while (!ready()) fiber::sleep_for(std::chrono::milliseconds(1));
  }
};

}  // namespace mpf::test
