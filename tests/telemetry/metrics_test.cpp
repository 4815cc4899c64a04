#include <mpf/telemetry/metrics.hpp>

#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <mpf/base/error.hpp>

using namespace mpf;

TEST_CASE("counters, gauges and histograms appear in the text format") {
  telemetry::Metrics metrics;
  metrics.counter("requests_total", "Requests answered", {{"status", "200"}}).add();
  metrics.counter("requests_total", "Requests answered", {{"status", "200"}}).add(2);
  metrics.counter("requests_total", "Requests answered", {{"status", "404"}}).add();
  auto& gauge = metrics.gauge("fibers", "Fibers that exist");
  gauge.set(5);
  gauge.add(-1);
  metrics.histogram("seconds", "Time", {}, {0.1, 1}).observe(0.5);
  double waiting = 3;
  metrics.observe("waiting", "Tasks waiting", {}, [&] { return waiting; });
  waiting = 8;

  const std::string text = metrics.render();
  for (const char* expected : {"# HELP requests_total Requests answered\n", "# TYPE requests_total counter\n",
                               "requests_total{status=\"200\"} 3\n", "requests_total{status=\"404\"} 1\n",
                               "fibers 4\n", "seconds_bucket{le=\"0.1\"} 0\n", "seconds_bucket{le=\"1\"} 1\n",
                               "seconds_count 1\n", "waiting 8\n"}) {
    CAPTURE(expected);
    CHECK(text.find(expected) != std::string::npos);
  }
  CHECK(gauge.value() == 4);
}

TEST_CASE("the same name and labels are the same object") {
  telemetry::Metrics metrics;
  CHECK(&metrics.counter("a_total", "A") == &metrics.counter("a_total", "A"));
  CHECK(&metrics.counter("a_total", "A", {{"x", "1"}}) != &metrics.counter("a_total", "A"));
}

TEST_CASE("names that Prometheus refuses are mistakes of the programmer") {
  telemetry::Metrics metrics;
  CHECK_THROWS_AS(metrics.counter("not a name", "A"), Error);
  metrics.counter("taken", "A");
  CHECK_THROWS_AS(metrics.gauge("taken", "A"), Error);
}

TEST_CASE("two applications count apart, and threads count together") {
  telemetry::Metrics one;
  const telemetry::Metrics other;
  auto& counter = one.counter("n_total", "N");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) counter.add();
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(counter.value() == 4000);
  CHECK(other.render().empty());
}
