#include "benchmarks/migrate_load.hpp"

#include <httplib.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>

namespace mpf::bench {

using Clock = std::chrono::steady_clock;
using nlohmann::json;
using namespace std::chrono_literals;

void Experience::add(Experience&& other) {
  waits.insert(waits.end(), other.waits.begin(), other.waits.end());
  failed += other.failed;
  if (failure.empty()) failure = std::move(other.failure);
  if (other.longest >= longest) {
    longest = other.longest;
    longest_request = std::move(other.longest_request);
  }
}

double Experience::percentile(double part) {
  if (waits.empty()) return 0;
  std::ranges::sort(waits);
  return waits[static_cast<std::size_t>(static_cast<double>(waits.size() - 1) * part)];
}

namespace {

struct Site {
  const char* host;
  const char* member;
  const char* member_password;
  const char* staff;
  const char* staff_password;
};

/// As the sample has them.
constexpr Site sites[] = {
    {"acme.localhost", "mika@acme.test", "acme-member-2026", "olivia@acme.test", "acme-staff-2026"},
    {"globex.localhost", "lea@globex.test", "globex-member-2026", "sam@globex.test", "globex-staff-2026"}};

constexpr auto pause = 2ms;
constexpr const char* bootstrap = "/api/portal/bootstrap";

}  // namespace

/// One of them, on a thread of its own.
class PortalClient {
 public:
  PortalClient(ServedPortal& portal, const Site& site)
      : portal_(portal), site_(site), http_("127.0.0.1", portal.port()) {
    http_.set_keep_alive(true);
    http_.set_tcp_nodelay(true);
    http_.set_url_encode(false);
    http_.set_read_timeout(60s);
    const auto first = json::parse(ask("GET", bootstrap).value_or("{}"));
    csrf_ = first.value("csrf", "");
  }
  virtual ~PortalClient() = default;
  PortalClient(const PortalClient&) = delete;
  PortalClient& operator=(const PortalClient&) = delete;

  virtual void turn() = 0;

  /// What it has met since the last time.
  Experience take() { return std::exchange(experience_, {}); }

  void fail(const std::string& why) {
    ++experience_.failed;
    if (experience_.failure.empty()) experience_.failure = why;
  }

 protected:
  /// Sends a request, with the token against forged ones where it takes one, and gives the body of the
  /// answer; nothing if that is another one than it should be, which is counted.
  std::optional<std::string> ask(const std::string& method, const std::string& path,
                                 const std::string& body = {}) {
    httplib::Request request;
    request.method = method;
    request.path = path;
    request.body = body;
    request.headers.emplace("Host", site_.host);
    if (!cookies_.empty()) request.headers.emplace("Cookie", cookies());
    if (method != "GET") request.headers.emplace("X-CSRF-Token", csrf_);
    if (!body.empty()) request.headers.emplace("Content-Type", "application/json");
    const auto begin = Clock::now();
    const auto answer = http_.send(request);
    const double waited = std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
    experience_.waits.push_back(waited);
    if (waited > experience_.longest) {
      experience_.longest = waited;
      experience_.longest_request = method + " " + path;
    }
    std::this_thread::sleep_for(pause);
    if (!answer) {
      fail(method + " " + path + ": " + httplib::to_string(answer.error()));
      return std::nullopt;
    }
    keep_cookies(*answer);
    if (answer->status != 200) {
      fail(method + " " + path + ": " + std::to_string(answer->status) + " " + answer->body.substr(0, 300));
      return std::nullopt;
    }
    return answer->body;
  }

  void sign_in(const char* email, const char* password) {
    if (const auto answer =
            ask("POST", "/api/account/sign-in", json{{"email", email}, {"password", password}}.dump())) {
      csrf_ = json::parse(*answer).at("csrf");
    }
  }

  /// Whether so much time has passed since this was true last.
  bool every(Clock::duration time) {
    const auto now = Clock::now();
    if (now < next_) return false;
    next_ = now + time;
    return true;
  }

  /// Ids of the items that this client may open.
  std::vector<std::int64_t> items() {
    std::vector<std::int64_t> ids;
    const auto content = json::parse(ask("GET", bootstrap).value_or("{}"));
    for (const auto& item : content.value("items", json::array())) {
      if (!item.at("locked").get<bool>()) ids.push_back(item.at("id").get<std::int64_t>());
    }
    if (ids.empty()) throw std::runtime_error(std::string(site_.host) + " has no items to open");
    return ids;
  }

  ServedPortal& portal_;
  const Site& site_;
  std::size_t turns_ = 0;

 private:
  std::string cookies() const {
    std::string text;
    for (const auto& [name, value] : cookies_) text += (text.empty() ? "" : "; ") + name + "=" + value;
    return text;
  }

  void keep_cookies(const httplib::Response& answer) {
    const auto [first, last] = answer.headers.equal_range("Set-Cookie");
    for (auto each = first; each != last; ++each) {
      const auto pair = each->second.substr(0, each->second.find(';'));
      const auto equals = pair.find('=');
      if (equals != pair.npos) cookies_[pair.substr(0, equals)] = pair.substr(equals + 1);
    }
  }

  httplib::Client http_;
  std::map<std::string, std::string> cookies_;
  std::string csrf_;
  Experience experience_;
  Clock::time_point next_{};
};

namespace {

class Visitor final : public PortalClient {
 public:
  Visitor(ServedPortal& portal, const Site& site) : PortalClient(portal, site) {
    const std::string page = ask("GET", "/").value_or("");
    const auto begin = page.find("/portal-assets/");
    if (begin == page.npos) throw std::runtime_error("the portal's pages are not built: ./dev build");
    file_ = page.substr(begin, page.find('"', begin) - begin);
  }
  void turn() override {
    switch (turns_++ % 10) {
      case 0:
        ask("GET", "/");
        break;
      case 1:
        ask("GET", file_);
        break;
      default:
        ask("GET", bootstrap);
    }
  }

 private:
  std::string file_;
};

class Member final : public PortalClient {
 public:
  Member(ServedPortal& portal, const Site& site) : PortalClient(portal, site) {
    sign_in(site.member, site.member_password);
    items_ = items();
  }
  void turn() override {
    const auto item = std::to_string(items_[turns_++ % items_.size()]);
    if (const auto access = ask("POST", "/api/items/" + item + "/access")) {
      ask("GET", json::parse(*access).at("url").get<std::string>());
    }
  }

 private:
  std::vector<std::int64_t> items_;
};

class Editor final : public PortalClient {
 public:
  Editor(ServedPortal& portal, const Site& site) : PortalClient(portal, site) {
    sign_in(site.staff, site.staff_password);
    item_ = "/api/items/" + std::to_string(items().front());
  }
  void turn() override {
    const auto title = "Title number " + std::to_string(++turns_) + " of this item";
    if (!ask("PATCH", item_, json{{"title", title}}.dump())) return;
    for (const auto& path : {item_, std::string(bootstrap)}) {
      const auto shown = ask("GET", path);
      if (shown && shown->find(title) == shown->npos) fail(path + " does not show the title '" + title + "'");
    }
  }

 private:
  std::string item_;
};

class Prober final : public PortalClient {
 public:
  using PortalClient::PortalClient;
  void turn() override {
    if (!every(50ms)) return;
    ask("GET", "/health/ready");
    if (++turns_ % 20 == 0) sign_in(site_.member, site_.member_password);
  }
};

class Importer final : public PortalClient {
 public:
  using PortalClient::PortalClient;
  void turn() override {
    if (!every(5s)) return;
    const auto title = "Page number " + std::to_string(++turns_) + " of this import";
    try {
      portal_.import_page(title);
    } catch (const std::exception& e) {
      return fail(e.what());
    }
    const auto shown = ask("GET", bootstrap);
    if (shown && shown->find(title) == shown->npos) fail("the imported page '" + title + "' is not shown");
  }
};

}  // namespace

PortalLoad::PortalLoad(ServedPortal& portal, int clients) {
  for (int i = 0; i < clients; ++i) {
    const Site& site = sites[i / 4 % 2];
    switch (i % 4) {
      case 0:
        clients_.push_back(std::make_unique<Visitor>(portal, site));
        break;
      case 1:
        clients_.push_back(std::make_unique<Member>(portal, site));
        break;
      case 2:
        clients_.push_back(std::make_unique<Editor>(portal, site));
        break;
      default:
        clients_.push_back(std::make_unique<Prober>(portal, site));
    }
  }
  clients_.push_back(std::make_unique<Importer>(portal, sites[1]));
  for (const auto& client : clients_) {
    if (const auto met = client->take(); met.failed > 0) throw std::runtime_error(met.failure);
  }
}

PortalLoad::~PortalLoad() = default;

Experience PortalLoad::during(const std::function<void()>& change) {
  std::atomic<bool> stopping{false};
  Experience all;
  {
    std::vector<std::jthread> threads;
    // Whatever happens: the threads end before they are waited for.
    const std::shared_ptr<void> end(nullptr, [&](void*) { stopping = true; });
    for (const auto& client : clients_) {
      threads.emplace_back([&stopping, &client] {
        while (!stopping) {
          try {
            client->turn();
          } catch (const std::exception& e) {
            client->fail(e.what());
          }
          std::this_thread::sleep_for(pause);
        }
      });
    }
    change();
  }
  for (const auto& client : clients_) all.add(client->take());
  return all;
}

}  // namespace mpf::bench
