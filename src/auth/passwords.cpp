#include <mpf/auth/passwords.hpp>

#include <sodium.h>

#include <algorithm>
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
        users(settings.hash_queue, settings.hash_concurrency),
        strangers(std::max<std::int64_t>(settings.hash_queue / 4, 1),
                  std::max<std::int64_t>(settings.hash_concurrency / 2, 1)) {
    if (sodium_init() < 0) fail(ErrorKind::internal, "libsodium does not start");
    // Has the form of a hash that no password is known for; checking one against it costs what any costs.
    nobody = fmt::format("$argon2id$v=19$m={},t={},p=1${}${}", settings.argon2_memory_kib, passes,
                         random_base64(16), random_base64(32));
  }

  /// Runs work on a thread, when one of the few slots is free.
  template <class Work>
  auto run(Asker asker, Work work) {
    if (!fiber::in_fiber()) return work();
    if (asker == Asker::user) {
      const Place place(users);
      return fiber::offload(work);
    }
    const Place among_strangers(strangers);
    const Place place(users, false);
    return fiber::offload(work);
  }

  /// Some who wait for slots.
  struct Queue {
    Queue(std::int64_t most, std::int64_t at_once)
        : max_waiting(static_cast<std::size_t>(most)), slots(static_cast<std::size_t>(at_once)) {}

    const std::size_t max_waiting;
    fiber::Semaphore slots;
    std::atomic<std::size_t> waiting{0};
  };

  /// A slot that was waited for, in a place of the queue that may be refused.
  class Place {
   public:
    explicit Place(Queue& queue, bool counted = true) : queue_(queue), counted_(counted) {
      if (counted_ && queue_.waiting.fetch_add(1) >= queue_.max_waiting) {
        --queue_.waiting;
        throw Error(ErrorKind::unavailable, "too many passwords wait to be checked (auth.hash_queue)",
                    "Too many people are signing in at this moment. Try again in a few seconds");
      }
      try {
        queue_.slots.acquire();
      } catch (...) {
        leave();
        throw;
      }
    }
    ~Place() {
      queue_.slots.release();
      leave();
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

   private:
    void leave() noexcept {
      if (counted_) --queue_.waiting;
    }

    Queue& queue_;
    const bool counted_;
  };

  unsigned long long passes;
  std::size_t memory;
  std::string nobody;
  Queue users;
  Queue strangers;
};

Passwords::Passwords(const Settings& settings) : impl_(std::make_unique<Impl>(settings)) {}
Passwords::~Passwords() = default;

std::string Passwords::hash(std::string_view password, Asker asker) {
  return impl_->run(asker, [&]() -> std::string {
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
  return impl_->run(Asker::user, [&] {
    return crypto_pwhash_str_verify(hash.c_str(), bytes_of(password), password.size()) == 0;
  });
}

bool Passwords::verify_nobody(std::string_view password) {
  verify(password, impl_->nobody);
  return false;
}

bool Passwords::is_outdated(const std::string& hash) const {
  return crypto_pwhash_str_needs_rehash(hash.c_str(), impl_->passes, impl_->memory) != 0;
}

}  // namespace mpf::auth
