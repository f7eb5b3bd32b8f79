#include <map>
#include <string>

#include "kernel_schedule.h"

namespace halconv::schedules {
namespace {

/// Vectors over the innermost pure dimension, threads over the outermost one that the stage has.
void spread(Halide::Stage stage, const Halide::Func &func, const std::vector<Halide::Expr> &arguments, int lanes) {
  std::vector<Halide::Var> pure;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const auto *variable = arguments[i].as<Halide::Internal::Variable>();
    if (variable != nullptr && variable->name == func.args()[i].name()) pure.push_back(func.args()[i]);
  }
  if (pure.empty()) return;
  stage.vectorize(pure.front(), lanes, Halide::TailStrategy::GuardWithIf);
  if (pure.size() > 1) stage.parallel(pure.back());
}

}  // namespace

void schedule_autodiff(const Halide::Target &target, Halide::Func result) {
  const int lanes = target.natural_vector_size<float>();
  for (const auto &[name, function] : Halide::Internal::find_transitive_calls(result.function())) {
    Halide::Func func(function);
    if (!func.has_update_definition() && name != result.name()) continue;  // inlined
    func.compute_root();
    const std::vector<Halide::Var> variables = func.args();
    spread(func, func, {variables.begin(), variables.end()}, lanes);
    for (int i = 0; i < func.num_update_definitions(); ++i) {
      spread(func.update(i), func, func.update_args(i), lanes);
    }
  }
}

}  // namespace halconv::schedules
