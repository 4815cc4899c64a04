#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <mpf/auth/passwords.hpp>
#include <mpf/base/error.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/http/retry_later.hpp>

using namespace mpf;
using auth::Passwords;

namespace {

auth::Settings cheap() {
  auth::Settings settings;
  settings.argon2_memory_kib = 1024;
  settings.argon2_passes = 1;
  return settings;
}

}  // namespace

TEST_CASE("a hash fits its password and no other") {
  fiber::run([] {
    Passwords passwords(cheap());
    const std::string hash = passwords.hash("correct horse");
    CHECK(hash.starts_with("$argon2id$v=19$m=1024,t=1,p=1$"));
    CHECK(passwords.verify("correct horse", hash));
    CHECK_FALSE(passwords.verify("correct horsf", hash));
    CHECK_FALSE(passwords.verify("", hash));
    CHECK_FALSE(passwords.verify(std::string_view("correct horse\0", 14), hash));
    CHECK(passwords.hash("correct horse") != hash);
    CHECK_FALSE(passwords.verify("x", "no hash at all"));
  });
}

TEST_CASE("a hash made with other parameters is outdated") {
  fiber::run([] {
    Passwords before(cheap());
    auto stronger = cheap();
    stronger.argon2_memory_kib = 2048;
    Passwords now(stronger);
    const std::string hash = before.hash("correct horse");
    CHECK_FALSE(before.is_outdated(hash));
    CHECK(now.is_outdated(hash));
    CHECK(now.verify("correct horse", hash));
    CHECK_FALSE(now.is_outdated(now.hash("correct horse")));
  });
}

TEST_CASE("checking the password of nobody takes as long as that of somebody") {
  fiber::run([] {
    auto settings = cheap();
    settings.argon2_memory_kib = 8 * 1024;
    settings.argon2_passes = 2;
    Passwords passwords(settings);
    const std::string hash = passwords.hash("correct horse");
    const auto fastest = [](auto&& check) {
      auto best = std::chrono::nanoseconds::max();
      for (int i = 0; i < 5; ++i) {
        const auto begin = std::chrono::steady_clock::now();
        check();
        best = std::min<std::chrono::nanoseconds>(best, std::chrono::steady_clock::now() - begin);
      }
      return std::chrono::duration<double>(best).count();
    };
    const double somebody = fastest([&] { CHECK_FALSE(passwords.verify("wrong", hash)); });
    const double nobody = fastest([&] { CHECK_FALSE(passwords.verify_nobody("wrong")); });
    CHECK(nobody > somebody * 0.5);
    CHECK(nobody < somebody * 2);
  });
}

TEST_CASE("only a few wait to be hashed, the others are told") {
  fiber::run(
      [] {
        auto settings = cheap();
        settings.argon2_memory_kib = 16 * 1024;
        settings.hash_concurrency = 1;
        settings.hash_queue = 2;
        Passwords passwords(settings);
        std::atomic<int> hashed{0};
        std::atomic<int> refused{0};
        std::vector<fiber::Fiber<>> fibers;
        for (int i = 0; i < 6; ++i) {
          fibers.push_back(fiber::spawn([&] {
            try {
              (void)passwords.hash("correct horse");
              ++hashed;
            } catch (const Error& e) {
              CHECK(e.kind() == ErrorKind::unavailable);
              ++refused;
            }
          }));
        }
        for (auto& f : fibers) f.get();
        CHECK(hashed == 2);
        CHECK(refused == 4);
        CHECK_FALSE(passwords.hash("and later it works again").empty());
      },
      {.loops = 1});
}

TEST_CASE("strangers who wait for a hash do not keep users from signing in") {
  fiber::run(
      [] {
        auto settings = cheap();
        settings.argon2_memory_kib = 16 * 1024;
        settings.hash_concurrency = 2;
        settings.hash_queue = 8;
        Passwords passwords(settings);
        const std::string hash = passwords.hash("correct horse");
        int hashed = 0;
        int refused = 0;
        int ahead = -1;
        std::vector<fiber::Fiber<>> fibers;
        for (int i = 0; i < 20; ++i) {
          fibers.push_back(fiber::spawn([&] {
            try {
              (void)passwords.hash("a stranger's password", {.asker = auth::Asker::stranger});
              ++hashed;
            } catch (const Error& e) {
              CHECK(e.kind() == ErrorKind::unavailable);
              ++refused;
            }
          }));
        }
        // As many users as may wait: none is refused, and each has its turn before most of the strangers.
        for (int i = 0; i < 8; ++i) {
          fibers.push_back(fiber::spawn([&] {
            CHECK(passwords.verify("correct horse", hash));
            if (ahead < 0) ahead = hashed;
          }));
        }
        for (auto& f : fibers) f.get();
        CHECK(hashed == 2);
        CHECK(refused == 18);
        CHECK(ahead <= 1);
      },
      {.loops = 1});
}

TEST_CASE("one site or one address that floods the queue keeps nobody else from signing in") {
  struct Case {
    const char* name;
    bool one_site;
    bool one_address;
    int share;
  };
  for (const auto& [name, one_site, one_address, share] :
       {Case{"a site, from many addresses", true, false, 4},
        Case{"an address, on many sites", false, true, 2},
        Case{"a customer's IPv6 addresses", false, true, 2}}) {
    CAPTURE(name);
    const bool ipv6 = share == 2 && std::string_view(name).find("IPv6") != std::string_view::npos;
    fiber::run(
        [&] {
          auto settings = cheap();
          settings.argon2_memory_kib = 16 * 1024;
          settings.hash_concurrency = 1;
          settings.hash_queue = 8;
          Passwords passwords(settings);
          const std::string hash = passwords.hash("correct horse");
          int checked = 0;
          int refused = 0;
          std::vector<fiber::Fiber<>> fibers;
          for (int i = 0; i < 20; ++i) {
            fibers.push_back(fiber::spawn([&, i] {
              const auto address = !one_address ? "10.0.0." + std::to_string(i)
                                   : ipv6       ? "2001:db8::" + std::to_string(i)
                                                : "10.0.0.1";
              try {
                passwords.verify("guess", hash,
                                 {.site = Id(one_site ? 1 : 1 + i), .remote_address = address});
                ++checked;
              } catch (const http::RetryLater& e) {
                CHECK(e.kind() == ErrorKind::unavailable);
                CHECK(e.after() > std::chrono::seconds(0));
                ++refused;
              }
            }));
          }
          // As many others as there may be of one site.
          for (int i = 0; i < 4; ++i) {
            fibers.push_back(fiber::spawn([&, i] {
              const auto address = "192.168.0." + std::to_string(i);
              CHECK(passwords.verify("correct horse", hash, {.site = Id(99), .remote_address = address}));
            }));
          }
          for (auto& f : fibers) f.get();
          CHECK(checked == share);
          CHECK(refused == 20 - share);
          // What they held is given back.
          CHECK(passwords.verify("correct horse", hash, {.site = Id(1), .remote_address = "10.0.0.1"}));
        },
        {.loops = 1});
  }
}
