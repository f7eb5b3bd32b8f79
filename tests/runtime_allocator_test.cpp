/// Scratch memory: size classes, the process's cache, a plan's own blocks.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <set>
#include <thread>
#include <vector>

#include "allocator.h"
#include "call_context.h"
#include "execution.h"

namespace halconv::runtime {
namespace {

TEST(SizeClass, IsTheSmallestThatFitsAndWastesAtMostAFifth) {
  for (size_t bytes = 1; bytes < 100'000; ++bytes) {
    const int index = size_class(bytes);
    ASSERT_GE(size_class_bytes(index), bytes);
    if (index == 0) continue;
    ASSERT_LT(size_class_bytes(index - 1), bytes);
    ASSERT_LE(size_class_bytes(index) - bytes, size_class_bytes(index) / 5);
  }
}

TEST(SizeClass, ClassesAreMultiplesOfTheAlignment) {
  for (int index = 0; index < kSizeClasses; ++index) {
    EXPECT_EQ(size_class_bytes(index) % kBlockAlignment, 0u);
    EXPECT_EQ(size_class(size_class_bytes(index)), index);
  }
}

TEST(CachingAllocator, AlignsAndReuses) {
  CachingAllocator allocator;
  void *const block = allocator.allocate(1000);
  ASSERT_NE(block, nullptr);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % kBlockAlignment, 0u);
  std::memset(block, 1, 1000);
  allocator.deallocate(block, 1000);
  EXPECT_EQ(allocator.allocate(1020), block) << "of the same size class";
  void *const other = allocator.allocate(1000);
  EXPECT_NE(other, block);
  allocator.deallocate(block, 1020);
  allocator.deallocate(other, 1000);
}

TEST(CachingAllocator, RefusesWhatNoMachineHas) {
  CachingAllocator allocator;
  EXPECT_EQ(allocator.allocate(SIZE_MAX), nullptr);
  EXPECT_EQ(allocator.allocate(kLargestBlock + 1), nullptr);
}

TEST(CachingAllocator, GivesNoBlockToTwoThreads) {
  CachingAllocator allocator;
  std::vector<std::thread> threads;
  std::atomic<int> clashes = 0;
  for (int id = 1; id <= 4; ++id) {
    threads.emplace_back([&allocator, &clashes, id] {
      for (int i = 0; i < 2000; ++i) {
        const size_t bytes = 64u * static_cast<size_t>(1 + i % 7);
        auto *const block = static_cast<unsigned char *>(allocator.allocate(bytes));
        std::memset(block, id, bytes);
        for (size_t byte = 0; byte < bytes; ++byte) clashes += block[byte] != id;
        allocator.deallocate(block, bytes);
        if (i % 500 == 0) allocator.release();
      }
    });
  }
  for (std::thread &thread : threads) thread.join();
  EXPECT_EQ(clashes, 0);
}

/// Counts what goes through it and fails on request.
class CountingUpstream : public Allocator {
 public:
  void *allocate(size_t bytes) override {
    if (is_exhausted) return nullptr;
    ++allocations;
    ++live;
    return allocator_.allocate(bytes);
  }
  void deallocate(void *block, size_t bytes) override {
    --live;
    allocator_.deallocate(block, bytes);
  }
  int allocations = 0, live = 0;
  bool is_exhausted = false;

 private:
  CachingAllocator allocator_;
};

TEST(PlanAllocator, KeepsBlocksUntilItIsDestroyed) {
  CountingUpstream upstream;
  {
    PlanAllocator plan(&upstream);
    void *const first = plan.allocate(5000);
    plan.deallocate(first, 5000);
    EXPECT_EQ(plan.allocate(5000), first);
    plan.deallocate(first, 5000);
    EXPECT_EQ(upstream.allocations, 1);
    EXPECT_EQ(upstream.live, 1);
  }
  EXPECT_EQ(upstream.live, 0);
}

TEST(PlanAllocator, ReservesForEveryConcurrentTaskWhatOneNeeds) {
  CountingUpstream upstream;
  PlanAllocator plan(&upstream);
  const auto run_one_task = [&] {
    const TaskScope task(4, 0);
    void *const a = plan.allocate(3000), *const b = plan.allocate(3000);
    plan.deallocate(b, 3000);
    plan.deallocate(a, 3000);
  };
  run_one_task();
  EXPECT_EQ(upstream.allocations, 8) << "two blocks for each of four tasks";
  run_one_task();
  EXPECT_EQ(upstream.allocations, 8);
}

template <typename AnyAllocator>
void expect_own_blocks_again(AnyAllocator *allocator) {
  void *blocks[2];
  const auto on_thread = [](int32_t thread, const auto &work) {
    const TaskScope task(2, thread);
    work(static_cast<size_t>(thread));
  };
  const auto allocate = [&](size_t thread) { blocks[thread] = allocator->allocate(3000); };
  const auto deallocate = [&](size_t thread) { allocator->deallocate(blocks[thread], 3000); };
  for (int32_t thread : {0, 1}) on_thread(thread, allocate);
  void *const own[2] = {blocks[0], blocks[1]};
  for (const bool last_freed_first : {true, false}) {
    for (int32_t thread : {0, 1}) on_thread(thread, deallocate);
    for (int32_t thread : {0, 1}) on_thread(last_freed_first ? 1 - thread : thread, allocate);
    EXPECT_EQ(blocks[0], own[0]);
    EXPECT_EQ(blocks[1], own[1]);
  }
  for (int32_t thread : {0, 1}) on_thread(thread, deallocate);
}

TEST(CachingAllocator, GivesAThreadItsOwnBlockAgain) {
  CachingAllocator allocator;
  expect_own_blocks_again(&allocator);
}

TEST(PlanAllocator, GivesAThreadItsOwnBlockAgain) {
  CountingUpstream upstream;
  PlanAllocator plan(&upstream);
  expect_own_blocks_again(&plan);
}

TEST(PlanAllocator, TasksAndSerialCodeDoNotTakeEachOthersBlocks) {
  CountingUpstream upstream;
  PlanAllocator plan(&upstream);
  {
    const TaskScope task(2, 0);
    plan.deallocate(plan.allocate(3000), 3000);
  }
  EXPECT_EQ(upstream.allocations, 2);
  void *const serial = plan.allocate(3000);
  EXPECT_EQ(upstream.allocations, 3);
  plan.deallocate(serial, 3000);
}

TEST(PlanAllocator, SurvivesAnExhaustedUpstream) {
  CountingUpstream upstream;
  PlanAllocator plan(&upstream);
  upstream.is_exhausted = true;
  {
    const TaskScope task(2, 0);
    EXPECT_EQ(plan.allocate(3000), nullptr);
  }
  EXPECT_EQ(plan.allocate(3000), nullptr);
  upstream.is_exhausted = false;
  const TaskScope task(2, 0);
  void *const block = plan.allocate(3000);
  EXPECT_NE(block, nullptr);
  EXPECT_EQ(upstream.allocations, 2) << "the refused request is not counted as held";
  plan.deallocate(block, 3000);
}

/// The promise of halconv_plan_run, with threads that really run at once.
TEST(PlanAllocator, AllocatesNothingInTheSecondLoop) {
  CountingUpstream upstream;
  Execution execution;
  execution.threads = 4;
  PlanAllocator plan(&upstream);
  CallContext context(execution, &plan);
  const auto task = [](void *user_context, int index, uint8_t *) {
    auto *const call = static_cast<CallContext *>(user_context);
    void *const a = call->allocate(10'000), *const b = call->allocate(10'000);
    std::memset(a, index, 10'000);
    std::memset(b, index, 10'000);
    call->deallocate(a);
    call->deallocate(b);
    return 0;
  };
  ASSERT_EQ(context.parallel_for(task, 0, 50, nullptr), 0);
  const int after_first = upstream.allocations;
  EXPECT_EQ(after_first, 8);
  for (int i = 0; i < 20; ++i) ASSERT_EQ(context.parallel_for(task, 0, 50, nullptr), 0);
  EXPECT_EQ(upstream.allocations, after_first);
}

TEST(CallContext, MemoryIsAlignedAndReadableBeyondBothEnds) {
  CountingUpstream upstream;
  Execution execution;
  CallContext context(execution, &upstream);
  for (size_t bytes : {size_t{1}, size_t{63}, size_t{192}, size_t{4096}}) {
    auto *const memory = static_cast<unsigned char *>(context.allocate(bytes));
    ASSERT_NE(memory, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % kBlockAlignment, 0u);
    std::memset(memory, 0, bytes + kBlockAlignment);
    volatile unsigned char before = memory[-8];
    static_cast<void>(before);
    context.deallocate(memory);
  }
  context.deallocate(nullptr);
  EXPECT_EQ(context.allocate(SIZE_MAX - 8), nullptr);
  EXPECT_EQ(upstream.live, 0);
}

}  // namespace
}  // namespace halconv::runtime
