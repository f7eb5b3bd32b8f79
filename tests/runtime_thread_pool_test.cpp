/// The worker threads, and the loops of kernels that run on them or on a caller's pool.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "call_context.h"
#include "execution.h"
#include "thread_pool.h"

namespace halconv::runtime {
namespace {

struct Counts {
  explicit Counts(size_t size) : calls(size) {}
  std::vector<std::atomic<int>> calls;
  std::atomic<int> running = 0, most_running = 0;

  void enter(int32_t index) {
    ++calls[static_cast<size_t>(index)];
    const int now = ++running;
    for (int most = most_running; now > most && !most_running.compare_exchange_weak(most, now);) {
    }
    std::this_thread::sleep_for(std::chrono::microseconds(50));
    --running;
  }
  bool all_once() const {
    return std::all_of(calls.begin(), calls.end(), [](const std::atomic<int> &count) { return count == 1; });
  }
};

void count(void *context, int32_t index) { static_cast<Counts *>(context)->enter(index); }

TEST(ThreadPool, CallsEachIndexOnce) {
  ThreadPool pool;
  for (int32_t size : {1, 2, 3, 7, 16}) {
    Counts counts(static_cast<size_t>(size));
    pool.parallel_for(size, count, &counts);
    EXPECT_TRUE(counts.all_once()) << size;
    EXPECT_EQ(counts.running, 0);
  }
}

TEST(ThreadPool, RunsLoopsOfSeveralThreadsAtOnce) {
  ThreadPool pool;
  std::vector<std::thread> callers;
  std::atomic<int> wrong = 0;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&pool, &wrong] {
      for (int i = 0; i < 50; ++i) {
        Counts counts(3);
        pool.parallel_for(3, count, &counts);
        wrong += !counts.all_once();
      }
    });
  }
  for (std::thread &caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
}

TEST(ThreadPool, RunsLoopsInsideLoops) {
  struct Nested {
    ThreadPool pool;
    Counts counts{6};
  } nested;
  nested.pool.parallel_for(
      3,
      [](void *context, int32_t outer) {
        struct Inner {
          Nested *nested;
          int32_t outer;
        } inner{static_cast<Nested *>(context), outer};
        inner.nested->pool.parallel_for(
            2,
            [](void *inner_context, int32_t index) {
              const Inner *const loop = static_cast<Inner *>(inner_context);
              loop->nested->counts.enter(2 * loop->outer + index);
            },
            &inner);
      },
      &nested);
  EXPECT_TRUE(nested.counts.all_once());
}

class TaskLoopTest : public ::testing::Test {
 protected:
  static Execution execution(int32_t threads) {
    Execution execution;
    execution.threads = threads;
    return execution;
  }

  static int count_task(void *, int index, uint8_t *closure) {
    reinterpret_cast<Counts *>(closure)->enter(index - kFirst);
    return 0;
  }

  static constexpr int kFirst = -5;
  static constexpr int kCount = 200;
  Counts counts_{kCount};
  uint8_t *closure_ = reinterpret_cast<uint8_t *>(&counts_);
};

TEST_F(TaskLoopTest, CallsEachIndexOnceOnAtMostSoManyThreads) {
  for (int32_t threads : {1, 2, 5}) {
    Counts counts(kCount);
    const Execution options = execution(threads);
    CallContext context(options, &CachingAllocator::shared());
    EXPECT_EQ(context.parallel_for(count_task, kFirst, kCount, reinterpret_cast<uint8_t *>(&counts)), 0);
    EXPECT_TRUE(counts.all_once());
    EXPECT_LE(counts.most_running, threads);
  }
}

TEST_F(TaskLoopTest, ReturnsAnErrorAndStopsEarly) {
  const auto fail_at_once = [](void *, int index, uint8_t *closure) {
    reinterpret_cast<Counts *>(closure)->enter(index);
    return -11;
  };
  const Execution options = execution(2);
  CallContext context(options, &CachingAllocator::shared());
  EXPECT_EQ(context.parallel_for(fail_at_once, 0, kCount, closure_), -11);
  EXPECT_FALSE(counts_.all_once());
}

TEST_F(TaskLoopTest, UsesTheCallersPoolWithinTheLimit) {
  struct Pool {
    int32_t asked = 0;
  } pool;
  Execution options = execution(3);
  options.pool =
      halconv_thread_pool{&pool, [](void *context, int32_t size, void (*task)(void *, int32_t), void *task_context) {
                            static_cast<Pool *>(context)->asked = size;
                            for (int32_t i = size; i-- > 0;) task(task_context, i);
                          }};
  CallContext context(options, &CachingAllocator::shared());
  EXPECT_EQ(context.parallel_for(count_task, kFirst, kCount, closure_), 0);
  EXPECT_TRUE(counts_.all_once());
  EXPECT_EQ(pool.asked, 3);
}

TEST_F(TaskLoopTest, ALoopInsideATaskIsSerial) {
  const Execution options = execution(4);
  CallContext context(options, &CachingAllocator::shared());
  const auto outer = [](void *user_context, int index, uint8_t *closure) {
    const auto inner = [](void *, int inner_index, uint8_t *inner_closure) {
      reinterpret_cast<Counts *>(inner_closure)->enter(inner_index);
      return 0;
    };
    return static_cast<CallContext *>(user_context)->parallel_for(inner, 10 * index, 10, closure);
  };
  EXPECT_EQ(context.parallel_for(outer, 0, kCount / 10, closure_), 0);
  EXPECT_TRUE(counts_.all_once());
  EXPECT_LE(counts_.most_running, 4);
}

TEST(CallContextStatus, KeepsTheFirstTextAndForgetsIt) {
  Execution execution;
  CallContext context(execution, &CachingAllocator::shared());
  context.record_error("the first thing that went wrong\n");
  context.record_error("what followed from it");
  const Status failed = context.status(-4, "kernel k");
  EXPECT_EQ(failed.code, HALCONV_INTERNAL);
  EXPECT_EQ(std::string(failed.message), "kernel k failed with Halide's error -4: the first thing that went wrong");
  const Status exhausted = context.status(-11, "kernel k");
  EXPECT_EQ(exhausted.code, HALCONV_RESOURCE_EXHAUSTED);
  EXPECT_EQ(std::string(exhausted.message), "out of memory: kernel k: no further information");
  EXPECT_EQ(context.status(0, "kernel k").code, HALCONV_OK);
}

}  // namespace
}  // namespace halconv::runtime
