#include <mpf/http/client.hpp>

#include <algorithm>
#include <optional>

#include <httplib.h>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <mpf/fiber/fiber.hpp>
#include <mpf/fiber/wait_watch.hpp>

namespace mpf::http {

namespace {

using std::chrono::milliseconds;

struct Address {
  std::string origin;  // scheme, host and port
  std::string target;
};

Address parse_url(const std::string& url) {
  const auto parsed = boost::urls::parse_uri(url);
  const auto malformed = [&](const char* why) {
    throw Error(ErrorKind::invalid, "'" + url.substr(0, 200) + "' is no URL to call: " + why,
                "The URL is malformed");
  };
  if (!parsed) malformed("it is malformed");
  if (parsed->scheme_id() != boost::urls::scheme::http && parsed->scheme_id() != boost::urls::scheme::https) {
    malformed("it must start with http:// or https://");
  }
  if (parsed->encoded_host().empty()) malformed("it has no host");
  if (parsed->has_userinfo()) malformed("user names and passwords do not belong in it, use a header");
  const auto text = [](auto view) { return std::string(view.data(), view.size()); };
  Address address;
  address.origin = text(parsed->scheme()) + "://" + text(parsed->encoded_host());
  if (parsed->has_port() && !parsed->port().empty()) address.origin += ":" + text(parsed->port());
  address.target = text(parsed->encoded_path());
  if (address.target.empty()) address.target = "/";
  if (parsed->has_query()) address.target += "?" + text(parsed->encoded_query());
  return address;
}

/// Ends a call that takes too long, wherever it hangs.
class TimeLimit {
 public:
  TimeLimit(httplib::Client& client, fiber::TimePoint at) {
    if (!fiber::in_fiber()) return;
    watcher_ = fiber::spawn(
        [&client, at] {
          fiber::sleep_until(at);
          // Off the loop: it waits for a lookup of the name that has not ended.
          fiber::offload([&client] { client.stop(); });
        },
        {.name = "time limit of an HTTP call", .inherit = false});
  }

 private:
  fiber::Fiber<> watcher_;
};

struct Outcome {
  httplib::Error error = httplib::Error::Success;
  bool too_large = false;
  ClientResponse response;
};

Outcome call(httplib::Client& client, const ClientRequest& request, const std::string& target,
             std::size_t limit, fiber::TimePoint until) {
  Outcome outcome;
  httplib::Request message;
  message.method = to_string(request.method);
  message.path = target;
  for (const auto& [name, value] : request.headers) message.headers.emplace(name, value);
  message.body = request.body;
  message.content_receiver = [&](const char* data, std::size_t size, std::uint64_t, std::uint64_t) {
    if (fiber::SteadyClock::now() >= until) return false;
    if (size > limit - outcome.response.body.size()) {
      outcome.too_large = true;
      return false;
    }
    outcome.response.body.append(data, size);
    return true;
  };
  httplib::Response answer;
  if (!client.send(message, answer, outcome.error)) return outcome;
  outcome.error = httplib::Error::Success;
  outcome.response.status = answer.status;
  for (const auto& [name, value] : answer.headers) outcome.response.headers.add(name, value);
  return outcome;
}

}  // namespace

ClientResponse Client::send(const ClientRequest& request) const {
  const Address address = parse_url(request.url);
  const auto now = fiber::SteadyClock::now();
  const auto until = std::min<fiber::TimePoint>(now + options_.timeout, fiber::deadline());
  // Rounded up: what ends by this limit has then passed `until` too, and is told from a broken connection.
  const auto left = std::chrono::ceil<milliseconds>(until - now) + milliseconds(1);
  if (until <= now) throw Error(ErrorKind::timeout, "no time is left to call " + address.origin);

  httplib::Client client(address.origin);
  client.set_connection_timeout(std::min(options_.connect_timeout, left));
  client.set_read_timeout(left);
  client.set_write_timeout(left);
  client.set_follow_location(options_.follow_redirects);
  client.set_keep_alive(false);
  client.set_tcp_nodelay(true);
  client.set_url_encode(false);

  Outcome outcome;
  {
    fiber::note_wait("an HTTP request to " + address.origin);
    const auto told = fiber::wait_watch.set(nullptr);
    const TimeLimit limit(client, until);
    outcome = fiber::offload(
        [&] { return call(client, request, address.target, options_.max_response_bytes, until); });
  }
  if (outcome.error == httplib::Error::Success) return std::move(outcome.response);
  if (outcome.too_large) {
    throw Error(ErrorKind::too_large, "the answer of " + address.origin + " is larger than " +
                                          std::to_string(options_.max_response_bytes) + " bytes");
  }
  if (fiber::SteadyClock::now() >= until || outcome.error == httplib::Error::ConnectionTimeout) {
    throw Error(ErrorKind::timeout, address.origin + " did not answer in time");
  }
  throw Error(ErrorKind::unavailable,
              "calling " + address.origin + " failed: " + httplib::to_string(outcome.error));
}

ClientResponse Client::get(std::string_view url) const {
  ClientRequest request;
  request.url = url;
  return send(request);
}

}  // namespace mpf::http
