#include "measurement.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>
#include <memory>

#include "agreement.h"
#include "cache_eviction.h"
#include "fma_peak.h"
#include "halconv_contender.h"

namespace halconv::bench {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// A contender in the race and what was measured of it.
struct Lane {
  std::string name;
  std::unique_ptr<Contender> contender;
  std::unique_ptr<Elements> result;
  double first_call = 0;
  int calls = 1;  ///< in a turn
  std::vector<double> hot, cold;

  Times times() const {
    const double middle = median(hot);
    return {middle, quantile(hot, 0), (quantile(hot, 0.75) - quantile(hot, 0.25)) / middle, median(cold), first_call};
  }
};

/// How long a contender computes before the next one does.
constexpr double kTurn = 2e-3;
constexpr int kLeastRounds = 11;
constexpr int kColdRounds = 5;
constexpr double kConfidence = 0.95;
/// A library's threads go on spinning for a while when its call has returned, and would disturb the next contender.
constexpr double kSpinning = 3e-3;

/// The lane of a new contender, whose first result has been checked.
Lane enter(const Case &c, const std::string &name, const MakeContender &make, const Lane *ours) {
  Lane lane;
  lane.name = name;
  lane.result =
      std::make_unique<Elements>(static_cast<size_t>(result_elements(c)), std::numeric_limits<float>::quiet_NaN());
  const auto start = Clock::now();
  lane.contender = make(lane.result->data());
  lane.contender->run();
  lane.first_call = seconds_since(start);
  lane.contender->store_result();
  if (ours == nullptr) {
    check_sample(c, *lane.result, name);
  } else {
    check_same(*lane.result, name, *ours->result, ours->name, c.dtype);
  }
  return lane;
}

/// Seconds of a call on average over a turn.
double take_turn(Lane *lane, int threads) {
  const auto settling = Clock::now();
  do {
    lane->contender->run();
  } while (threads > 1 && seconds_since(settling) < kSpinning);
  const auto start = Clock::now();
  for (int i = 0; i < lane->calls; ++i) lane->contender->run();
  return seconds_since(start) / lane->calls;
}

void choose_calls(Lane *lane) {
  lane->contender->run();
  const auto start = Clock::now();
  lane->contender->run();
  lane->calls = std::clamp(static_cast<int>(kTurn / seconds_since(start)), 1, 10000);
}

std::vector<double> ratios(const std::vector<double> &numerators, const std::vector<double> &denominators) {
  std::vector<double> result(numerators.size());
  for (size_t i = 0; i < result.size(); ++i) result[i] = numerators[i] / denominators[i];
  return result;
}

Ratio ratio(const Lane &peer, const Lane &ours) {
  const std::vector<double> paired = ratios(peer.hot, ours.hot);
  return {median(paired), median_interval(paired, kConfidence), median(ratios(peer.cold, ours.cold))};
}

/// All lanes of a case and the FMA peak between them.
class Race {
 public:
  Race(const Case &c, const Effort &effort) : case_(c), effort_(effort) {}

  Lane &add(const std::string &name, const MakeContender &make) {
    lanes_.push_back(std::make_unique<Lane>(enter(case_, name, make, lanes_.empty() ? nullptr : lanes_.front().get())));
    return *lanes_.back();
  }

  /// The pair's ratio has to become as precise as asked.
  void compare(const Lane &peer, const Lane &ours) { compared_.emplace_back(&peer, &ours); }

  /// Its share of the FMA peak is told.
  void compare_with_peak(const Lane &lane) { rated_ = &lane; }

  void run() {
    for (const auto &lane : lanes_) choose_calls(lane.get());
    const auto start = Clock::now();
    while (rounds_ < kLeastRounds || (seconds_since(start) < effort_.seconds && !is_precise())) {
      peaks_.push_back(measure_fma_peak(case_.target, case_.dtype, case_.threads, kTurn / 2));
      for (size_t i = 0; i < lanes_.size(); ++i) {
        // Forth and back, so that a drift of the clock favours nobody.
        Lane *const lane = lanes_[rounds_ % 2 == 0 ? i : lanes_.size() - 1 - i].get();
        lane->hot.push_back(take_turn(lane, case_.threads));
      }
      ++rounds_;
    }
    for (int round = 0; round < kColdRounds; ++round) {
      for (const auto &lane : lanes_) {
        evict_caches(case_.threads);
        const auto call = Clock::now();
        lane->contender->run();
        lane->cold.push_back(seconds_since(call));
      }
    }
  }

  int rounds() const { return rounds_; }
  const std::vector<double> &peaks() const { return peaks_; }

  /// What is known least precisely, a ratio or the share of the peak, and how wide its interval is relative to it.
  std::pair<std::string, double> widest_interval() const {
    const auto width = [](const std::vector<double> &paired) { return median_interval(paired, kConfidence).width(); };
    std::pair<std::string, double> widest{"the share of the peak", peaks_.front() > 0 ? width(shares()) : 0};
    for (const auto &[peer, ours] : compared_) {
      if (const double ratio = width(ratios(peer->hot, ours->hot)); ratio > widest.second) {
        widest = {"the ratio to " + peer->name, ratio};
      }
    }
    return widest;
  }

  /// Of the peak beside it, in each round.
  std::vector<double> shares() const {
    std::vector<double> rates = rated_->hot;
    for (double &rate : rates) rate = case_.problem.flops() / rate;
    return ratios(rates, peaks_);
  }

 private:
  bool is_precise() const { return widest_interval().second <= effort_.precision; }

  const Case &case_;
  const Effort &effort_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::vector<std::pair<const Lane *, const Lane *>> compared_;
  const Lane *rated_ = nullptr;
  std::vector<double> peaks_;
  int rounds_ = 0;
};

std::string percent(double share) {
  char text[16];
  std::snprintf(text, sizeof text, "%.0f %%", 100 * share);
  return text;
}

void rate_peak(const Race &race, Measurement *m) {
  m->peak = median(race.peaks());
  if (m->peak == 0) return;
  const auto middle = race.peaks().begin() + static_cast<std::ptrdiff_t>(race.peaks().size() / 2);
  m->peak_drift = median({middle, race.peaks().end()}) / median({race.peaks().begin(), middle}) - 1;
  m->peak_share = median(race.shares());
}

void doubt(const Race &race, const Effort &effort, Measurement *m) {
  constexpr double kSteady = 0.05;
  if (const auto [name, width] = race.widest_interval(); width > effort.precision) {
    m->doubts.push_back(name + " is known to " + percent(width) + " only, " + percent(effort.precision) + " was asked");
  }
  if (std::abs(m->peak_drift) > kSteady) {
    m->doubts.push_back("the FMA peak changed by " + percent(m->peak_drift) + " while it was measured");
  }
}

}  // namespace

Measurement measure(const Case &c, const std::vector<Peer> &peers, const std::vector<Bandwidth> &bandwidths,
                    const Effort &effort) {
  Race race(c, effort);
  // The one-shot call before the plan, so that its first call finds nothing warm.
  const Lane &one_shot = race.add("halconv one-shot", [&](float *result) { return make_one_shot(c, result); });
  const Lane &plan = race.add("halconv", [&](float *result) { return make_plan(c, result); });
  race.compare_with_peak(plan);
  const Lane *on_one_thread = nullptr;
  Case single = c;
  single.threads = 1;
  if (c.threads > 1) {
    on_one_thread = &race.add("halconv on one thread", [&](float *result) { return make_plan(single, result); });
    race.compare(*on_one_thread, plan);
  }
  Measurement m;
  std::vector<std::pair<const Lane *, const Lane *>> pairs;
  for (const Peer &peer : peers) {
    PeerResult &report = m.peers.emplace_back();
    report.name = peer.name;
    pairs.emplace_back();
    try {
      if (c.dtype != Dtype::kFloat32 && !peer.is_for_all_dtypes) throw CannotCompute("it is compared in f32 only");
      const Lane &lane = race.add(peer.name, peer.prepare(c));
      pairs.back() = {&lane, peer.counterpart == Counterpart::kPlan ? &plan : &one_shot};
      race.compare(lane, *pairs.back().second);
      report.implementation = lane.contender->implementation();
    } catch (const CannotCompute &reason) {
      report.left_out = reason.what();
    }
  }
  race.run();
  m.kernel = plan.contender->implementation();
  m.rounds = race.rounds();
  m.plan = plan.times();
  m.one_shot = one_shot.times();
  if (on_one_thread != nullptr) m.scaling = ratio(*on_one_thread, plan);
  for (size_t i = 0; i < pairs.size(); ++i) {
    if (pairs[i].first == nullptr) continue;
    m.peers[i].times = pairs[i].first->times();
    m.peers[i].ratio = ratio(*pairs[i].first, *pairs[i].second);
  }
  rate_peak(race, &m);
  m.roof = find_roof(c, m.peak, bandwidths);
  doubt(race, effort, &m);
  return m;
}

}  // namespace halconv::bench
