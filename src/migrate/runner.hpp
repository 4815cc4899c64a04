#pragma once

#include <span>
#include <vector>

#include "migrate/executor.hpp"
#include "migrate/history.hpp"
#include "migrate/prepared.hpp"
#include "migrate/throttle.hpp"

namespace mpf::migrate {

/// Runs prepared migrations, phase by phase, and records them. Killed at any moment, another run goes on with
/// the phase, or the batch, that was under way: transactions record themselves, and what runs outside of them
/// looks first whether it has been done.
class Runner {
 public:
  Runner(db::Database& database, const std::vector<ModuleModels>& modules, const Clock& clock,
         const ApplyOptions& options)
      : database_(database), modules_(modules), clock_(clock), options_(options) {}

  /// Returns what this call ran: another process may have done some of it meanwhile.
  std::vector<MigrationId> run(const std::vector<Prepared>& work);

 private:
  using Steps = std::span<const Step>;
  enum class Outcome { done, skipped };

  Outcome run(const Prepared& work);
  /// Inside a phase's transaction: whether the phase is still to be run.
  bool is_due(const Prepared& work, std::size_t phase);
  static History::Progress progress_of(const Prepared& work, std::size_t phase,
                                       std::int64_t position = DataStep::beginning);
  void finish_phase(const Prepared& work, std::size_t phase, bool last, bool changes);
  void keep_maintenance_out(const Prepared& work, Steps steps);
  bool run_phase(const Prepared& work, Steps steps, std::size_t phase, bool last);
  bool run_portions(const Prepared& work, const Step& step, std::size_t phase, bool last);
  std::optional<std::int64_t> run_portion(const Prepared& work, const Step& step, std::int64_t position,
                                          const Throttle& throttle);
  std::int64_t last_id(const Batches& batches);
  void tell(const Prepared* work, std::string step = {}, std::int64_t rows = 0, std::int64_t total = 0);
  void tell_long(const Prepared& work, const Step& step, const LongWork& now);
  StepWatch watch(const Prepared& work);
  TransactionSettings settings(const Script& script) const;

  db::Database& database_;
  const std::vector<ModuleModels>& modules_;
  const Clock& clock_;
  const ApplyOptions& options_;
  ExtrasGuard extras_{database_};
  std::size_t done_ = 0;
  std::size_t total_ = 0;
  bool has_progress_ = false;  ///< the table is there
  std::string told_;           ///< last of a step that takes long
  std::string waits_for_;
};

/// The function that a `call` names. Error(configuration) where the module has none.
const DataFunction& find_function(const std::vector<ModuleModels>& modules, const Prepared& work,
                                  const Step& step);

}  // namespace mpf::migrate
