#include "db/sqlite_writer.hpp"

namespace mpf::db::sqlite {

Writer::Writer(const SqliteOptions& options)
    : options_(options),
      connection_(std::make_unique<Connection>(options, Connection::Role::writer)),
      thread_([this] { loop(); }) {}

Writer::~Writer() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  // Closing moves the write-ahead log into the file, which takes its time.
  const fiber::ShieldScope shield;
  try {
    fiber::offload([this] { thread_.join(); });
  } catch (...) {  // the pool is full
    if (thread_.joinable()) thread_.join();
  }
}

void Writer::call(const std::function<void(Connection&)>& work) {
  Job job{work};
  {
    const std::scoped_lock lock(mutex_);
    (last_ ? last_->next : first_) = &job;
    last_ = &job;
  }
  wake_.notify_one();
  std::exception_ptr ended_by;
  try {
    job.waiter.wait();
  } catch (...) {
    ended_by = std::current_exception();
  }
  if (ended_by) {
    job.abort.store(true, std::memory_order_relaxed);
    const fiber::ShieldScope shield;
    job.waiter.wait();
  }
  if (job.interrupted) std::rethrow_exception(ended_by);
  if (job.error) std::rethrow_exception(job.error);
}

void Writer::perform(Job& job) noexcept {
  if (job.abort.load(std::memory_order_relaxed)) {
    job.interrupted = true;
    return;
  }
  try {
    if (!connection_) connection_ = std::make_unique<Connection>(options_, Connection::Role::writer);
    const Connection::AbortScope heed(*connection_, job.abort);
    job.work(*connection_);
  } catch (const Interrupted&) {
    job.interrupted = true;
  } catch (...) {
    job.error = std::current_exception();
  }
  if (connection_ && connection_->lost()) connection_.reset();
}

void Writer::loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [&] { return stopping_ || first_; });
    if (!first_) {
      connection_.reset();
      return;
    }
    Job& job = *first_;
    first_ = job.next;
    if (!first_) last_ = nullptr;
    lock.unlock();
    perform(job);
    job.waiter.wake();  // the job may be gone after this
    lock.lock();
  }
}

}  // namespace mpf::db::sqlite
