#include "prefetch.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace halconv::schedules {
namespace {

using Halide::Expr;
using Halide::Internal::Call;
using Halide::Internal::For;
using Halide::Internal::Load;
using Halide::Internal::Ramp;
using Halide::Internal::Stmt;

constexpr int kLineBytes = 64;

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
  const Halide::Type address = Halide::UInt(64);
  if (const auto *const sum = element.as<Halide::Internal::Add>()) {
    if (const auto constant = Halide::Internal::as_const_int(sum->b)) {
      return address_of(tensor, sum->a, element_bytes) +
             Halide::Internal::make_const(address, *constant * element_bytes);
    }
  }
  const Expr start = Halide::Internal::Variable::make(Halide::Handle(), tensor);
  return Halide::reinterpret(address, start) + Halide::cast(address, element) * element_bytes;
}

/// https://llvm.org/docs/LangRef.html#llvm-prefetch-intrinsic
Stmt fetch(const Expr &address) {
  constexpr int kRead = 0, kAllLevels = 3, kData = 1;
  return Halide::Internal::Evaluate::make(
      Call::make(Halide::Int(32), "llvm.prefetch.p0",
                 {Halide::reinterpret(Halide::Handle(), address), kRead, kAllLevels, kData}, Call::Extern));
}

}  // namespace

Stmt PrefetchInsertion::visit(const For *loop) {
  if (!loop->name.starts_with(prefetch_.function + ".s1.")) return IRMutator::visit(loop);
  const Lines lines(prefetch_.tensor, loop);
  if (lines.first_elements().empty()) return IRMutator::visit(loop);
  const Expr later = Halide::Internal::Variable::make(Halide::Int(32), loop->name) + prefetch_.iterations;
  std::vector<Stmt> statements;
  for (const Expr &element : lines.first_elements()) {
    const Expr fetched = Halide::Internal::simplify(Halide::Internal::substitute(loop->name, later, element));
    statements.push_back(fetch(address_of(prefetch_.tensor, fetched, lines.element_bytes())));
  }
  statements.push_back(loop->body);
  return For::make(loop->name, loop->min, loop->extent, loop->for_type, loop->partition_policy, loop->device_api,
                   Halide::Internal::Block::make(statements));
}

}  // namespace halconv::schedules
