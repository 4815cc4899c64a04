#include "task/attempt.hpp"

#include <algorithm>
#include <utility>

#include <mpf/base/error.hpp>
#include <mpf/db/own_writes.hpp>
#include <mpf/telemetry/log.hpp>

namespace mpf::task {

namespace {

std::string seconds(std::chrono::milliseconds duration) {
  std::string text = std::to_string(duration.count() / 1000);
  if (const auto rest = duration.count() % 1000; rest != 0) {
    const std::string digits = std::to_string(1000 + rest);
    text += "." + digits.substr(1);
  }
  return text + " s";
}

}  // namespace

Outcome Attempt::classify(const Error& error, bool permanent) const {
  Outcome ended{Outcome::Type::failed, error.what(), permanent, {}};
  if (permanent) return ended;
  if (error.kind() == ErrorKind::timeout && fiber::SteadyClock::now() >= fiber::deadline()) {
    ended.error = "the deadline of " + seconds(entry->options.timeout) + " passed: " + error.what();
    return ended;
  }
  const auto& kinds = entry->options.permanent;
  ended.permanent = std::find(kinds.begin(), kinds.end(), error.kind()) != kinds.end();
  return ended;
}

void Attempt::run(Queue& queue) noexcept {
  const log::FieldScope task_field("task", hold.task);
  const log::FieldScope name_field("task_name", name);
  fiber::set_name("task " + name);
  const fiber::DeadlineScope deadline(entry->options.timeout);
  const db::OwnWritesScope writes;
  try {
    Context context(*this, queue);
    entry->run(context, payload);
    // Who returns after having seen that it should stop may have left work undone.
    outcome.type = stop_seen_ ? Outcome::Type::stopped : Outcome::Type::done;
  } catch (const fiber::Cancelled&) {
    outcome.type = Outcome::Type::stopped;
  } catch (const Snooze& snooze) {
    outcome = {Outcome::Type::snoozed, {}, false, snooze.delay()};
  } catch (const Permanent& error) {
    outcome = classify(error, true);
  } catch (const Error& error) {
    outcome = classify(error, false);
  } catch (const std::exception& error) {
    outcome = {Outcome::Type::failed, error.what(), false, {}};
  } catch (...) {
    outcome = {Outcome::Type::failed, "something that is no std::exception was thrown", false, {}};
  }
  if (outcome.type == Outcome::Type::failed && completed) {
    log::warning("task {} {} threw after it had completed: {}", name, hold.task.value, outcome.error);
  }
}

void Attempt::ask_to_stop(Stop reason) noexcept {
  Stop before = Stop::none;
  if (!stop_.compare_exchange_strong(before, reason) && reason == Stop::lost) stop_ = reason;
  if (fiber) fiber->cancel();
}

void Attempt::progress(Progress progress) {
  const std::scoped_lock lock(mutex_);
  progress_ = std::move(progress);
  progress_changed_ = true;
}

void Attempt::result(std::string json) {
  const std::scoped_lock lock(mutex_);
  result_ = std::move(json);
}

Attempt::Report Attempt::report() const {
  const std::scoped_lock lock(mutex_);
  return {progress_, result_};
}

std::optional<Progress> Attempt::take_progress() {
  const std::scoped_lock lock(mutex_);
  if (!std::exchange(progress_changed_, false)) return std::nullopt;
  return progress_;
}

bool Attempt::progress_waits() const {
  const std::scoped_lock lock(mutex_);
  return progress_changed_;
}

Id Context::task_id() const noexcept { return attempt_.hold.task; }
std::string_view Context::name() const noexcept { return attempt_.name; }
int Context::attempt() const noexcept { return attempt_.number; }
std::optional<Id> Context::site() const noexcept { return attempt_.site; }
std::optional<Id> Context::job() const noexcept { return attempt_.hold.job; }
db::Database& Context::db() const noexcept { return queue_.db(); }

void Context::progress(std::int64_t done, std::int64_t total, std::string_view note) {
  attempt_.progress({done, total, std::string(note)});
}

bool Context::cancelled() const noexcept { return attempt_.stop_seen(); }

namespace {

[[noreturn]] void lost(const Attempt& attempt) {
  throw Error(ErrorKind::conflict, "task " + attempt.name + " " + attempt.hold.task.to_string() +
                                       " is not this attempt's any more: its process was taken for dead");
}

}  // namespace

void Context::check_lease() {
  if (!store::holds(db(), attempt_.hold)) lost(attempt_);
}

void Context::complete_in(db::Transaction& transaction) {
  const Attempt::Report report = attempt_.report();
  const store::Ending ending{"done", true, std::nullopt, std::nullopt, report.result, report.progress};
  if (!store::end_attempt(db(), attempt_.hold, ending, queue_.clock().now())) lost(attempt_);
  transaction.on_commit([&attempt = attempt_] { attempt.completed = true; });
}

void Context::set_result(Json result) { attempt_.result(result.text()); }

}  // namespace mpf::task
