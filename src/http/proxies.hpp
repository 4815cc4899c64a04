#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>

#include <mpf/http/message.hpp>

namespace mpf::http {

/// Addresses and networks ("10.0.0.0/8") whose X-Forwarded fields count.
class ProxyList {
 public:
  /// Error(configuration) for what is neither.
  explicit ProxyList(const std::vector<std::string>& entries);

  bool empty() const noexcept { return v4_.empty() && v6_.empty(); }
  bool contains(const boost::asio::ip::address& address) const;

  /// Puts address and scheme that the request's proxies tell in place of the peer's: the last address of
  /// X-Forwarded-For that is no trusted proxy itself, and X-Forwarded-Proto. For requests of trusted peers.
  void apply(Request& request) const;

 private:
  std::vector<boost::asio::ip::network_v4> v4_;
  std::vector<boost::asio::ip::network_v6> v6_;
};

}  // namespace mpf::http
