#include <mpf/auth/passwords.hpp>

#include <sodium.h>

#include <array>
#include <atomic>
#include <new>
#include <optional>
#include <span>

#include <fmt/core.h>

#include <mpf/base/error.hpp>
#include <mpf/base/random.hpp>
#include <mpf/fiber/fiber.hpp>
#include <mpf/fiber/sync.hpp>

namespace mpf::auth {

namespace {

std::string random_base64(std::size_t bytes) {
  std::array<std::byte, 32> raw{};
  random_bytes(std::span(raw).first(bytes));
  std::array<char, 64> text{};
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(raw.data()), bytes,
                    sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
  return text.data();
}

/// Never null, as libsodium wants it.
const char* bytes_of(std::string_view text) { return text.empty() ? "" : text.data(); }

}  // namespace

struct Passwords::Impl {
  explicit Impl(const Settings& settings)
      : passes(static_cast<unsigned long long>(settings.argon2_passes)),
        memory(static_cast<std::size_t>(settings.argon2_memory_kib) * 1024),
        max_waiting(static_cast<std::size_t>(settings.hash_queue)),
        slots(static_cast<std::size_t>(settings.hash_concurrency)) {
    if (sodium_init() < 0) fail(ErrorKind::internal, "libsodium does not start");
    // Has the form of a hash that no password is known for; checking one against it costs what any costs.
    nobody = fmt::format("$argon2id$v=19$m={},t={},p=1${}${}", settings.argon2_memory_kib, passes,
                         random_base64(16), random_base64(32));
  }

  /// Runs work on a thread, when one of the few slots is free.
  template <class Work>
  auto run(Work work) {
    if (!fiber::in_fiber()) return work();
    struct Waiting {
      std::atomic<std::size_t>& count;
      ~Waiting() { --count; }
    };
    const std::size_t before = waiting.fetch_add(1);
    const Waiting leave{waiting};
    if (before >= max_waiting) {
      throw Error(ErrorKind::unavailable, "too many passwords wait to be checked (auth.hash_queue)",
                  "Too many people are signing in at this moment. Try again in a few seconds");
    }
    slots.acquire();
    struct Release {
      fiber::Semaphore& slots;
      ~Release() { slots.release(); }
    };
    const Release release{slots};
    return fiber::offload(work);
  }

  unsigned long long passes;
  std::size_t memory;
  std::size_t max_waiting;
  std::string nobody;
  fiber::Semaphore slots;
  std::atomic<std::size_t> waiting{0};
};

Passwords::Passwords(const Settings& settings) : impl_(std::make_unique<Impl>(settings)) {}
Passwords::~Passwords() = default;

std::string Passwords::hash(std::string_view password) {
  return impl_->run([&]() -> std::string {
    std::array<char, crypto_pwhash_STRBYTES> text{};
    if (crypto_pwhash_str_alg(text.data(), bytes_of(password), password.size(), impl_->passes, impl_->memory,
                              crypto_pwhash_ALG_ARGON2ID13) != 0) {
      throw Error(ErrorKind::unavailable,
                  fmt::format("no memory for hashing a password ({} KiB, auth.argon2_memory_kib)",
                              impl_->memory / 1024));
    }
    return text.data();
  });
}

bool Passwords::verify(std::string_view password, const std::string& hash) {
  return impl_->run(
      [&] { return crypto_pwhash_str_verify(hash.c_str(), bytes_of(password), password.size()) == 0; });
}

bool Passwords::verify_nobody(std::string_view password) {
  verify(password, impl_->nobody);
  return false;
}

bool Passwords::is_outdated(const std::string& hash) const {
  return crypto_pwhash_str_needs_rehash(hash.c_str(), impl_->passes, impl_->memory) != 0;
}

}  // namespace mpf::auth
