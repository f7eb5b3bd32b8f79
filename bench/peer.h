/// Libraries that the bench compares halconv with, one file each in peers/.
#ifndef HALCONV_BENCH_PEER_H_
#define HALCONV_BENCH_PEER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "contender.h"

namespace halconv::bench {

/// Makes the contender that writes to `result` anew each time, with all that the library's user pays before a first
/// call.
using MakeContender = std::function<std::unique_ptr<Contender>(float *result)>;

/// Which of halconv's ways a peer is compared with.
enum class Counterpart {
  kOneShot,  ///< TensorFlow's function on plain tensors: the filter is packed in every call
  kPlan      ///< a plan whose filter is packed beforehand
};

struct Peer {
  std::string name;  ///< of the counter, vs_<name>
  Counterpart counterpart;
  /// Chooses the library's best way for a case, by trying where it has several. Throws CannotCompute.
  std::function<MakeContender(const Case &)> prepare;
  bool is_for_all_dtypes = false;  ///< or for rows of f32 alone
};

/// The peers that this program was built with, by name.
std::vector<Peer> peers();

/// Defined at namespace scope of a peer's file, it adds to peers().
struct PeerRegistration {
  explicit PeerRegistration(std::vector<Peer> added);
};

}  // namespace halconv::bench

#endif  // HALCONV_BENCH_PEER_H_
