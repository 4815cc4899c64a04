#include <atomic>

#include "cache/epoch_table.hpp"

namespace mpf::cache {

namespace {

class LocalEpochs final : public EpochStore {
 public:
  Epoch epoch(const Group& group) override { return table_.of(group); }
  Epoch known_epoch(const Group& group) const override { return table_.of(group); }
  void bump(const Group& group) override { table_.raise(group.chain().back(), ++last_); }
  Standing standing(const Group&) const override { return Standing::open; }

 private:
  EpochTable table_;
  std::atomic<Epoch> last_{0};
};

}  // namespace

std::unique_ptr<EpochStore> local_epochs() { return std::make_unique<LocalEpochs>(); }

}  // namespace mpf::cache
