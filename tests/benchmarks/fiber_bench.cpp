// What fibers cost: ns per operation, the median of several runs.
//   mpf_bench_fiber [--json FILE]

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <future>
#include <string>
#include <vector>

#include <mpf/fiber/fiber.hpp>
#include <mpf/fiber/sync.hpp>

#include "fiber/loop_impl.hpp"

using namespace std::chrono_literals;
namespace fiber = mpf::fiber;

namespace {

struct Row {
  const char* name;
  double nanoseconds;
};

template <class Fn>
double measure(int operations, Fn fn) {
  std::vector<double> runs;
  for (int run = 0; run < 7; ++run) {
    const auto begin = fiber::SteadyClock::now();
    fn(operations);
    const std::chrono::duration<double, std::nano> took = fiber::SteadyClock::now() - begin;
    runs.push_back(took.count() / operations);
  }
  std::nth_element(runs.begin(), runs.begin() + 3, runs.end());
  return runs[3];
}

void yields(int count) {
  while (count-- > 0) fiber::yield();
}

void spawns(int count) {
  while (count-- > 0) fiber::spawn([] {}).get();
}

void wakes(int count) {
  while (count-- > 0) {
    fiber::Waiter waiter;
    fiber::Loop::current()->post([&] { waiter.wake(); });
    waiter.wait();
  }
}

void wakes_with_deadline(int count) {
  const fiber::DeadlineScope scope(1h);
  wakes(count);
}

void locks(int count) {
  fiber::Mutex mutex;
  while (count-- > 0) const std::scoped_lock lock(mutex);
}

void offloads(int count) {
  while (count-- > 0) fiber::offload([] {});
}

void ping_pong(int count) {
  auto& runtime = fiber::Loop::current()->runtime();
  fiber::Semaphore ping(0);
  fiber::Semaphore pong(0);
  auto other = fiber::spawn(
      [&] {
        for (int i = 0; i < count; ++i) {
          ping.acquire();
          pong.release();
        }
      },
      {.loop = &runtime.loop(1 - fiber::Loop::current()->index())});
  for (int i = 0; i < count; ++i) {
    ping.release();
    pong.acquire();
  }
  other.get();
}

/// As the HTTP server starts its handlers: from a callback, nobody joins.
void starts(int count) {
  fiber::Waiter done;
  auto& loop = *fiber::Loop::current();
  loop.post([&] {
    for (int i = 0; i < count; ++i) fiber::start(loop, "GET /plaintext", [] {});
    done.wake();
  });
  done.wait();
}

bool write_json(const char* path, const std::vector<Row>& rows) {
  std::FILE* const file = std::fopen(path, "w");
  if (!file) return false;
  std::fputs("{\"benchmark\":\"fiber\",\"rows\":[", file);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::fprintf(file,
                 "%s{\"case\":\"%s\",\"subject\":\"mpf\",\"metric\":\"time\",\"value\":%.1f,\"unit\":\"ns\"}",
                 i ? "," : "", rows[i].name, rows[i].nanoseconds);
  }
  std::fputs("]}\n", file);
  return std::fclose(file) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  const bool json = argc == 3 && std::strcmp(argv[1], "--json") == 0;
  if (argc != 1 && !json) {
    std::fprintf(stderr, "usage: %s [--json FILE]\n", argv[0]);
    return 64;
  }
  fiber::RuntimeOptions options;
  options.loops = 2;
  options.stall_threshold = 0ms;
  const auto rows = fiber::run(
      [] {
        return std::vector<Row>{
            {"start_in_callback", measure(200'000, starts)},
            {"spawn_and_join", measure(200'000, spawns)},
            {"yield", measure(500'000, yields)},
            {"wait_and_wake", measure(200'000, wakes)},
            {"wait_and_wake_with_deadline", measure(200'000, wakes_with_deadline)},
            {"mutex_uncontended", measure(1'000'000, locks)},
            {"ping_pong_between_loops", measure(20'000, ping_pong)},
            {"offload", measure(20'000, offloads)},
        };
      },
      options);
  for (const auto& row : rows) std::printf("%-30s %10.1f ns\n", row.name, row.nanoseconds);
  if (json && !write_json(argv[2], rows)) {
    std::fprintf(stderr, "cannot write %s\n", argv[2]);
    return 74;
  }
  return 0;
}
