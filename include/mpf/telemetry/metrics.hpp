#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace mpf::telemetry {

using Labels = std::map<std::string, std::string>;

/// Goes up only. Thread-safe and without locks, like Gauge and Histogram.
class Counter {
 public:
  virtual ~Counter() = default;
  virtual void add(double amount = 1) noexcept = 0;
  virtual double value() const noexcept = 0;
};

class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void set(double value) noexcept = 0;
  virtual void add(double amount = 1) noexcept = 0;
  virtual double value() const noexcept = 0;
};

class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void observe(double value) noexcept = 0;
};

/// Upper bounds in seconds, from half a millisecond to ten seconds.
std::vector<double> latency_buckets();

/// Numbers of one application for Prometheus. Thread-safe. What it hands out lives as long as it does and is
/// the same object for the same name and labels: ask once and keep the reference where it is quick.
///
/// A name belongs to one kind and one help text; a name or label that Prometheus does not allow, or a name
/// used for another kind, is Error(internal). Labels with unbounded values (ids, paths) belong in the log.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  Histogram& histogram(const std::string& name, const std::string& help, const Labels& labels = {},
                       const std::vector<double>& buckets = latency_buckets());

  /// A gauge that is asked for its value at each render(); `read` may be called from any thread.
  void observe(const std::string& name, const std::string& help, const Labels& labels,
               std::function<double()> read);

  /// Prometheus' text format 0.0.4.
  std::string render() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mpf::telemetry
