#include "http/proxies.hpp"

#include <mpf/base/text.hpp>

#include "http/text.hpp"

namespace mpf::http {

namespace ip = boost::asio::ip;

namespace {

ip::address unmapped(const ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return ip::make_address_v4(ip::v4_mapped, address.to_v6());
  }
  return address;
}

}  // namespace

ProxyList::ProxyList(const std::vector<std::string>& entries) {
  for (const auto& entry : entries) {
    const bool network = entry.find('/') != std::string::npos;
    const bool six = entry.find(':') != std::string::npos;
    boost::system::error_code code;
    if (six) {
      v6_.push_back(ip::make_network_v6(network ? entry : entry + "/128", code));
    } else {
      v4_.push_back(ip::make_network_v4(network ? entry : entry + "/32", code));
    }
    if (code) {
      throw Error(ErrorKind::configuration,
                  "trusted proxy '" + entry + "' is no address like 10.0.0.1 and no network like 10.0.0.0/8");
    }
  }
}

bool ProxyList::contains(const ip::address& given) const {
  const ip::address address = unmapped(given);
  if (address.is_v4()) {
    for (const auto& network : v4_) {
      const ip::network_v4 alone(address.to_v4(), 32);
      if (network.prefix_length() == 32 ? network.address() == address.to_v4() : alone.is_subnet_of(network))
        return true;
    }
    return false;
  }
  for (const auto& network : v6_) {
    const ip::network_v6 alone(address.to_v6(), 128);
    if (network.prefix_length() == 128 ? network.address() == address.to_v6() : alone.is_subnet_of(network))
      return true;
  }
  return false;
}

void ProxyList::apply(Request& request) const {
  std::vector<std::string_view> chain;
  for (const auto& [name, value] : request.headers) {
    if (!iequals(name, "X-Forwarded-For")) continue;
    std::string_view rest = value;
    while (const auto element = next_element(rest)) chain.push_back(*element);
  }
  for (auto it = chain.rbegin(); it != chain.rend(); ++it) {
    boost::system::error_code code;
    const auto address = ip::make_address(*it, code);
    if (code) break;
    request.remote_address = unmapped(address).to_string();
    if (!contains(address)) break;
  }
  std::string_view schemes = request.header("X-Forwarded-Proto");
  if (const auto first = next_element(schemes)) request.secure = iequals(*first, "https");
}

}  // namespace mpf::http
