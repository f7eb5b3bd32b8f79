#include "prefetch.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "ceil_divide.h"
#include "cpu_machine.h"

namespace halconv::schedules {
namespace {

using Halide::Expr;
using Halide::Internal::Call;
using Halide::Internal::For;
using Halide::Internal::Load;
using Halide::Internal::Ramp;
using Halide::Internal::Stmt;

const Halide::Type kAddress = Halide::UInt(64);

/// The elements at which a loop's reads of a tensor begin, one for each cache line; none if another loop is inside.
class Lines : public Halide::Internal::IRVisitor {
 public:
  Lines(const std::string &tensor, const For *loop) : tensor_(tensor) {
    Halide::Internal::substitute_in_all_lets(loop->body).accept(this);
    if (has_loop_) first_elements_.clear();
  }

  const std::vector<Expr> &first_elements() const { return first_elements_; }
  int element_bytes() const { return element_bytes_; }

 private:
  using IRVisitor::visit;

  void visit(const For *loop) override {
    has_loop_ = true;
    IRVisitor::visit(loop);
  }

  void visit(const Load *load) override {
    IRVisitor::visit(load);
    const auto *const vector = load->index.as<Ramp>();
    if (load->name != tensor_ || vector == nullptr || !Halide::Internal::is_const_one(vector->stride)) return;
    element_bytes_ = load->type.bytes();
    const auto on_same_line = [&](const Expr &other) {
      const auto distance = Halide::Internal::as_const_int(Halide::Internal::simplify(vector->base - other));
      return distance && std::abs(*distance) * element_bytes_ < kLineBytes;
    };
    if (std::none_of(first_elements_.begin(), first_elements_.end(), on_same_line)) {
      first_elements_.push_back(vector->base);
    }
  }

  std::string tensor_;
  std::vector<Expr> first_elements_;
  int element_bytes_ = 0;
  bool has_loop_ = false;
};

/// The address of an element. A constant is added last, so that neighbours share a register.
Expr address_of(const std::string &tensor, const Expr &element, int element_bytes) {
  if (const auto *const sum = element.as<Halide::Internal::Add>()) {
    if (const auto constant = Halide::Internal::as_const_int(sum->b)) {
      return address_of(tensor, sum->a, element_bytes) +
             Halide::Internal::make_const(kAddress, *constant * element_bytes);
    }
  }
  const Expr start = Halide::Internal::Variable::make(Halide::Handle(), tensor);
  return Halide::reinterpret(kAddress, start) + Halide::cast(kAddress, element) * element_bytes;
}

/// The levels of the cache that a fetch fills, as LLVM counts them.
enum class Locality { kL2 = 2, kAllLevels = 3 };

/// https://llvm.org/docs/LangRef.html#llvm-prefetch-intrinsic
Stmt fetch(const Expr &address, Locality locality) {
  constexpr int kRead = 0, kData = 1;
  return Halide::Internal::Evaluate::make(Call::make(
      Halide::Int(32), "llvm.prefetch.p0",
      {Halide::reinterpret(Halide::Handle(), address), kRead, static_cast<int>(locality), kData}, Call::Extern));
}

/// `loop` with `statements` before its body.
Stmt with_statements(const For *loop, std::vector<Stmt> statements) {
  statements.push_back(loop->body);
  return For::make(loop->name, loop->min, loop->extent, loop->for_type, loop->partition_policy, loop->device_api,
                   Halide::Internal::Block::make(statements));
}

bool is_of_update(const For *loop, const std::string &function) { return loop->name.starts_with(function + ".s1."); }

Expr variable(const For *loop) { return Halide::Internal::Variable::make(Halide::Int(32), loop->name); }

class VectorPrefetchInsertion : public Halide::Internal::IRMutator {
 public:
  explicit VectorPrefetchInsertion(VectorPrefetch prefetch) : prefetch_(std::move(prefetch)) {}

 private:
  using IRMutator::visit;

  Stmt visit(const For *loop) override {
    if (!is_of_update(loop, prefetch_.function)) return IRMutator::visit(loop);
    const Lines lines(prefetch_.tensor, loop);
    const Expr later = variable(loop) + prefetch_.iterations;
    std::vector<Stmt> statements;
    for (const Expr &element : lines.first_elements()) {
      const Expr fetched = Halide::Internal::simplify(Halide::Internal::substitute(loop->name, later, element));
      const Expr address = address_of(prefetch_.tensor, fetched, lines.element_bytes());
      statements.push_back(fetch(address, Locality::kAllLevels));
    }
    return statements.empty() ? IRMutator::visit(loop) : with_statements(loop, std::move(statements));
  }

  VectorPrefetch prefetch_;
};

class LoopFinder : public Halide::Internal::IRVisitor {
 public:
  explicit LoopFinder(const Stmt &body) { body.accept(this); }
  bool found() const { return found_; }

 private:
  using IRVisitor::visit;
  void visit(const For *) override { found_ = true; }

  bool found_ = false;
};

class BlockPrefetchInsertion : public Halide::Internal::IRMutator {
 public:
  explicit BlockPrefetchInsertion(BlockPrefetch prefetch) : prefetch_(std::move(prefetch)) {}

 private:
  using IRMutator::visit;

  Stmt visit(const Halide::Internal::ProducerConsumer *stage) override {
    Stmt result = IRMutator::visit(stage);
    const bool is_before_loops =
        stage->is_producer && stage->name == prefetch_.function && prefetch_.iterations.empty();
    if (!is_before_loops) return result;
    std::vector<Stmt> statements = fetches();
    statements.push_back(result);
    return Halide::Internal::Block::make(statements);
  }

  Stmt visit(const For *loop) override {
    loops_.push_back(loop);
    const bool is_innermost =
        !prefetch_.iterations.empty() && is_of_update(loop, prefetch_.function) && !LoopFinder(loop->body).found();
    Stmt result = is_innermost ? with_statements(loop, fetches()) : IRMutator::visit(loop);
    loops_.pop_back();
    return result;
  }

  /// The sum of number * iteration over loops that are around; a loop of one iteration is not there.
  Expr position(const std::vector<NumberedLoop> &loops) const {
    Expr sum = number(0);
    for (const NumberedLoop &numbered : loops) {
      for (const For *loop : loops_) {
        std::string_view full = loop->name;
        if (full.ends_with(kRebased)) full.remove_suffix(kRebased.size());
        if (!full.ends_with("." + numbered.name)) continue;
        Expr iteration = Halide::cast(kAddress, variable(loop)) / number(numbered.divisor);
        if (numbered.extent != 0) iteration = iteration % number(numbered.extent);
        sum += iteration * number(numbered.number);
        break;
      }
    }
    return sum;
  }

  /// Those of one iteration: the lines that follow those of the iteration before.
  std::vector<Stmt> fetches() const {
    std::vector<NumberedLoop> steps = prefetch_.iterations;
    int64_t iterations = 1;
    for (auto step = steps.rbegin(); step != steps.rend(); ++step)
      iterations *= std::exchange(step->number, iterations);
    int64_t lines = ceil_divide(prefetch_.bytes, kLineBytes);
    for (const EvenlySpaced &pieces : prefetch_.pieces) lines *= pieces.count;
    const int64_t together = ceil_divide(lines, iterations), groups = ceil_divide(lines, together);
    // groups / iterations as a fraction of 2^32.
    const Expr group = (position(steps) * number((groups << 32) / iterations)) >> number(32);
    const Expr start =
        Halide::reinterpret(kAddress, Halide::Internal::Variable::make(Halide::Handle(), prefetch_.tensor));
    std::vector<Stmt> statements;
    for (int64_t i = 0; i < together; ++i) {
      const Expr address = start + position(prefetch_.blocks) + number(prefetch_.first) +
                           offset_of(group * number(together) + number(i));
      statements.push_back(fetch(address, Locality::kL2));
    }
    return statements;
  }

  /// The lines of a block as pieces of pieces, the innermost last; pieces that go on where others end are one.
  std::vector<EvenlySpaced> parts() const {
    std::vector<EvenlySpaced> all = prefetch_.pieces, parts;
    all.push_back({ceil_divide(prefetch_.bytes, kLineBytes), kLineBytes});
    for (const EvenlySpaced &part : all) {
      if (!parts.empty() && parts.back().bytes == part.count * part.bytes) {
        parts.back() = {parts.back().count * part.count, part.bytes};
      } else {
        parts.push_back(part);
      }
    }
    return parts;
  }

  /// Bytes from the block's first to its `line`-th line.
  Expr offset_of(Expr line) const {
    const std::vector<EvenlySpaced> parts = this->parts();
    Expr offset = number(0);
    for (size_t i = parts.size(); i-- > 1;) {
      offset += line % number(parts[i].count) * number(parts[i].bytes);
      line = line / number(parts[i].count);
    }
    return Halide::Internal::simplify(offset + line * number(parts.front().bytes));
  }

  static Expr number(int64_t value) { return Halide::Internal::make_const(kAddress, static_cast<uint64_t>(value)); }

  static constexpr std::string_view kRebased = ".rebased";  ///< what Halide calls a loop that it makes begin at 0

  BlockPrefetch prefetch_;
  std::vector<const For *> loops_;  ///< around the statement that is visited
};

}  // namespace

std::unique_ptr<Halide::Internal::IRMutator> insertion(const Prefetch &prefetch) {
  if (const auto *const block = std::get_if<BlockPrefetch>(&prefetch)) {
    return std::make_unique<BlockPrefetchInsertion>(*block);
  }
  return std::make_unique<VectorPrefetchInsertion>(std::get<VectorPrefetch>(prefetch));
}

}  // namespace halconv::schedules
