#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "benchmarks/migrate_portal.hpp"

/// People who use a portal over HTTP while something is done to its database.
namespace mpf::bench {

/// What they met.
struct Experience {
  std::vector<double> waits;    ///< of each request for its whole answer, in milliseconds
  std::size_t failed = 0;       ///< requests with another answer than they should have had, or none; imports
  std::string failure;          ///< the first of these
  double longest = 0;           ///< the longest of the waits,
  std::string longest_request;  ///< and what waited

  void add(Experience&& other);
  double percentile(double part);
};

class PortalClient;

/// Clients with a connection each that stays open, half of them at either site of the sample: visitors who
/// look at the start page, its files and the site's content; members who open pages; staff who change titles
/// and look whether these show; and those who ask whether the portal is ready, and sign in now and then. Each
/// pauses for two milliseconds behind a request. Besides, somebody imports a page every few seconds.
class PortalLoad {
 public:
  /// Signs them in.
  PortalLoad(ServedPortal& portal, int clients);
  ~PortalLoad();
  PortalLoad(const PortalLoad&) = delete;
  PortalLoad& operator=(const PortalLoad&) = delete;

  /// Lets them work as long as change() runs.
  Experience during(const std::function<void()>& change);

 private:
  std::vector<std::unique_ptr<PortalClient>> clients_;
};

}  // namespace mpf::bench
