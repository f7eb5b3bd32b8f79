#include "row_json.h"

namespace halconv::bench {
namespace {

nlohmann::json to_json(const Times &times) {
  return {{"median", times.median},
          {"least", times.least},
          {"spread", times.spread},
          {"cold", times.cold},
          {"first_call", times.first_call}};
}

nlohmann::json to_json(const Ratio &ratio) {
  return {{"median", ratio.median}, {"low", ratio.interval.low}, {"high", ratio.interval.high}, {"cold", ratio.cold}};
}

nlohmann::json to_json(const PeerResult &peer) {
  if (!peer.left_out.empty()) return {{"left_out", peer.left_out}};
  return {{"implementation", peer.implementation}, {"times", to_json(peer.times)}, {"ratio", to_json(peer.ratio)}};
}

}  // namespace

nlohmann::json to_json(const Case &c, const SuiteEntry &entry, const Measurement &m) {
  const Traffic traffic = least_traffic(c);
  nlohmann::json row = {{"kernel", m.kernel},
                        {"problem", to_string(c.problem)},
                        {"batch", c.problem.batch},
                        {"layer", entry.name},
                        {"repeat", entry.repeat},
                        {"target", c.target},
                        {"dtype", dtype_info(c.dtype).name},
                        {"threads", c.threads},
                        {"rounds", m.rounds},
                        {"flops", c.problem.flops()},
                        {"flops_inside", c.problem.flops_inside()},
                        {"plan", to_json(m.plan)},
                        {"one_shot", to_json(m.one_shot)},
                        {"peak", m.peak},
                        {"peak_drift", m.peak_drift},
                        {"peak_share", m.peak_share},
                        {"roof",
                         {{"name", m.roof.name},
                          {"is_memory", m.roof.is_memory},
                          {"seconds", m.roof.seconds},
                          {"seconds_inside", m.roof.seconds_inside},
                          {"bytes", traffic.read + traffic.written}}},
                        {"peers", nlohmann::json::object()},
                        {"doubts", m.doubts}};
  if (m.scaling) row["scaling"] = to_json(*m.scaling);
  for (const PeerResult &peer : m.peers) row["peers"][peer.name] = to_json(peer);
  return row;
}

}  // namespace halconv::bench
