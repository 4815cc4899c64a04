#include <mpf/telemetry/metrics.hpp>

#include <deque>
#include <exception>
#include <mutex>
#include <unordered_map>
#include <utility>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <mpf/base/error.hpp>

namespace mpf::telemetry {
namespace {

class PrometheusCounter final : public Counter {
 public:
  explicit PrometheusCounter(prometheus::Counter& counter) : counter_(counter) {}
  void add(double amount) noexcept override { counter_.Increment(amount); }
  double value() const noexcept override { return counter_.Value(); }

 private:
  prometheus::Counter& counter_;
};

class PrometheusGauge final : public Gauge {
 public:
  explicit PrometheusGauge(prometheus::Gauge& gauge) : gauge_(gauge) {}
  void set(double value) noexcept override { gauge_.Set(value); }
  void add(double amount) noexcept override { gauge_.Increment(amount); }
  double value() const noexcept override { return gauge_.Value(); }

 private:
  prometheus::Gauge& gauge_;
};

class PrometheusHistogram final : public Histogram {
 public:
  explicit PrometheusHistogram(prometheus::Histogram& histogram) : histogram_(histogram) {}
  void observe(double value) noexcept override { histogram_.Observe(value); }

 private:
  prometheus::Histogram& histogram_;
};

/// The library throws std::invalid_argument for names and kinds that do not fit.
template <class Fn>
auto& checked(const std::string& name, Fn&& fn) {
  try {
    return fn();
  } catch (const std::exception& error) {
    throw Error(ErrorKind::internal, "the metric " + name + " cannot be made: " + error.what());
  }
}

}  // namespace

struct Metrics::Impl {
  /// Prometheus gives the same object for the same labels; this keeps one wrapper for it.
  template <class Wrapper, class Wrapped>
  Wrapper& wrapper(std::unordered_map<const void*, std::unique_ptr<Wrapper>>& wrappers, Wrapped& wrapped) {
    auto& slot = wrappers[&wrapped];
    if (!slot) slot = std::make_unique<Wrapper>(wrapped);
    return *slot;
  }

  std::mutex mutex;
  prometheus::Registry registry{prometheus::Registry::InsertBehavior::Merge};
  std::unordered_map<const void*, std::unique_ptr<PrometheusCounter>> counters;
  std::unordered_map<const void*, std::unique_ptr<PrometheusGauge>> gauges;
  std::unordered_map<const void*, std::unique_ptr<PrometheusHistogram>> histograms;
  std::deque<std::pair<Gauge*, std::function<double()>>> observed;
};

std::vector<double> latency_buckets() {
  return {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
}

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

Counter& Metrics::counter(const std::string& name, const std::string& help, const Labels& labels) {
  const std::lock_guard lock(impl_->mutex);
  return checked(name, [&]() -> Counter& {
    auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(impl_->registry);
    return impl_->wrapper(impl_->counters, family.Add(labels));
  });
}

Gauge& Metrics::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  const std::lock_guard lock(impl_->mutex);
  return checked(name, [&]() -> Gauge& {
    auto& family = prometheus::BuildGauge().Name(name).Help(help).Register(impl_->registry);
    return impl_->wrapper(impl_->gauges, family.Add(labels));
  });
}

Histogram& Metrics::histogram(const std::string& name, const std::string& help, const Labels& labels,
                              const std::vector<double>& buckets) {
  const std::lock_guard lock(impl_->mutex);
  return checked(name, [&]() -> Histogram& {
    auto& family = prometheus::BuildHistogram().Name(name).Help(help).Register(impl_->registry);
    return impl_->wrapper(impl_->histograms, family.Add(labels, buckets));
  });
}

void Metrics::observe(const std::string& name, const std::string& help, const Labels& labels,
                      std::function<double()> read) {
  Gauge& observed = gauge(name, help, labels);
  const std::lock_guard lock(impl_->mutex);
  impl_->observed.emplace_back(&observed, std::move(read));
}

std::string Metrics::render() const {
  const std::lock_guard lock(impl_->mutex);
  for (const auto& [gauge, read] : impl_->observed) gauge->set(read());
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace mpf::telemetry
