#include <mpf/auth/passwords.hpp>

#include <sodium.h>

#include <array>
#include <new>
#include <span>

#include <fmt/core.h>

#include <mpf/base/error.hpp>
#include <mpf/base/random.hpp>
#include <mpf/fiber/fiber.hpp>

#include "auth/hash_queue.hpp"

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
        users(settings.hash_queue, settings.hash_concurrency),
        strangers(settings.hash_queue / 4, settings.hash_concurrency / 2) {
    if (sodium_init() < 0) fail(ErrorKind::internal, "libsodium does not start");
    // Has the form of a hash that no password is known for; checking one against it costs what any costs.
    nobody = fmt::format("$argon2id$v=19$m={},t={},p=1${}${}", settings.argon2_memory_kib, passes,
                         random_base64(16), random_base64(32));
  }

  /// Runs work on a thread, when one of the few slots is free.
  template <class Work>
  auto run(const HashFor& whose, Work work) {
    if (!fiber::in_fiber()) return work();
    if (whose.asker == Asker::user) {
      const HashQueue::Place place(users, whose);
      return fiber::offload(work);
    }
    const HashQueue::Place among_strangers(strangers, whose);
    const HashQueue::Place place(users);
    return fiber::offload(work);
  }

  unsigned long long passes;
  std::size_t memory;
  std::string nobody;
  HashQueue users;
  HashQueue strangers;
};

Passwords::Passwords(const Settings& settings) : impl_(std::make_unique<Impl>(settings)) {}
Passwords::~Passwords() = default;

std::string Passwords::hash(std::string_view password, const HashFor& whose) {
  return impl_->run(whose, [&]() -> std::string {
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

bool Passwords::verify(std::string_view password, const std::string& hash, const HashFor& whose) {
  return impl_->run(whose, [&] {
    return crypto_pwhash_str_verify(hash.c_str(), bytes_of(password), password.size()) == 0;
  });
}

bool Passwords::verify_nobody(std::string_view password, const HashFor& whose) {
  verify(password, impl_->nobody, whose);
  return false;
}

bool Passwords::is_outdated(const std::string& hash) const {
  return crypto_pwhash_str_needs_rehash(hash.c_str(), impl_->passes, impl_->memory) != 0;
}

}  // namespace mpf::auth
