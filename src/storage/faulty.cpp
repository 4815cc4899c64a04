#include <mpf/storage/faulty.hpp>

namespace mpf::storage {
namespace {

[[noreturn]] void fail_full() {
  throw Error(ErrorKind::unavailable, "cannot write a file: the disk is full (fault on purpose)",
              "The storage is full. Please try again later.");
}

class FaultyUpload final : public Upload {
 public:
  FaultyUpload(std::unique_ptr<Upload> inner, std::shared_ptr<Faults> faults)
      : inner_(std::move(inner)), faults_(std::move(faults)) {}

  void write(std::span<const std::byte> bytes) override {
    auto left = faults_->free_bytes.load();
    do {
      if (left == UINT64_MAX) break;
      if (left < bytes.size()) fail_full();
    } while (!faults_->free_bytes.compare_exchange_weak(left, left - bytes.size()));
    inner_->write(bytes);
  }

  StoredFile commit() override {
    if (faults_->fail_commit) fail_full();
    return inner_->commit();
  }

 private:
  const std::unique_ptr<Upload> inner_;
  const std::shared_ptr<Faults> faults_;
};

class FaultyStorage final : public Storage {
 public:
  FaultyStorage(std::unique_ptr<Storage> inner, std::shared_ptr<Faults> faults)
      : inner_(std::move(inner)), faults_(std::move(faults)) {}

  std::string description() const override { return "faulty " + inner_->description(); }

  std::unique_ptr<Upload> begin(const PutOptions& options) override {
    return std::make_unique<FaultyUpload>(inner_->begin(options), faults_);
  }
  std::optional<FileInfo> find(std::string_view name) const override {
    check_read();
    return inner_->find(name);
  }
  std::string read(std::string_view name, std::uint64_t max_bytes) const override {
    check_read();
    return inner_->read(name, max_bytes);
  }
  std::optional<std::filesystem::path> local_path(std::string_view name) const override {
    check_read();
    return inner_->local_path(name);
  }
  bool remove(std::string_view name) override { return inner_->remove(name); }
  void each(std::string_view folder, const std::function<bool(const FileInfo&)>& visit) const override {
    check_read();
    inner_->each(folder, visit);
  }

 private:
  void check_read() const {
    if (faults_->fail_read) fail(ErrorKind::unavailable, "cannot read a file (fault on purpose)");
  }

  const std::unique_ptr<Storage> inner_;
  const std::shared_ptr<Faults> faults_;
};

}  // namespace

std::unique_ptr<Storage> make_faulty(std::unique_ptr<Storage> inner, std::shared_ptr<Faults> faults) {
  return std::make_unique<FaultyStorage>(std::move(inner), std::move(faults));
}

}  // namespace mpf::storage
