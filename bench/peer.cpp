#include "peer.h"

#include <algorithm>

namespace halconv::bench {
namespace {

std::vector<Peer> &registered() {
  static std::vector<Peer> peers;
  return peers;
}

}  // namespace

std::vector<Peer> peers() {
  std::vector<Peer> sorted = registered();
  std::stable_sort(sorted.begin(), sorted.end(), [](const Peer &a, const Peer &b) { return a.name < b.name; });
  return sorted;
}

PeerRegistration::PeerRegistration(std::vector<Peer> added) {
  for (Peer &peer : added) registered().push_back(std::move(peer));
}

}  // namespace halconv::bench
