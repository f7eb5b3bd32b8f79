/// Halide's own autoschedulers on halconv's algorithms: kernels that the driver compiles on demand and this program
/// loads, run by halconv's runtime on the same plain tensors.
#include <algorithm>
#include <string>

#include "../halconv_contender.h"
#include "../peer.h"
#include "halconv/kernel_name.h"

namespace halconv::bench {
namespace {

std::string_view operation_name(Operation operation) {
  switch (operation) {
    case Operation::kForward:
      return kForward;
    case Operation::kBackwardInput:
      return kBackwardInput;
    case Operation::kBackwardFilter:
      break;
  }
  return kBackwardFilter;
}

class AutoscheduledContender : public Contender {
 public:
  AutoscheduledContender(const Case &c, float *result, const std::string &kernel)
      : kernel_(kernel), call_(make_one_shot(c, result, kernel)) {}

  void run() override { call_->run(); }
  std::string implementation() const override { return kernel_; }

 private:
  std::string kernel_;
  std::unique_ptr<Contender> call_;
};

Peer autoscheduler(const std::string &name) {
  const auto prepare = [name](const Case &c) -> MakeContender {
    const std::string kernel =
        to_string(KernelName{std::string(operation_name(c.operation)), name, c.problem, "f32", c.target});
    const std::vector<KernelInfo> linked = kernels();
    if (std::none_of(linked.begin(), linked.end(), [&](const KernelInfo &info) { return info.name == kernel; })) {
      throw CannotCompute(kernel + " was not compiled");
    }
    return [c, kernel](float *result) { return std::make_unique<AutoscheduledContender>(c, result, kernel); };
  };
  return {name, Counterpart::kOneShot, prepare};
}

const PeerRegistration registration({autoscheduler("mullapudi2016"), autoscheduler("adams2019")});

}  // namespace
}  // namespace halconv::bench
