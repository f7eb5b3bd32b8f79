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

/// Whether as many threads as are expected come, within ten seconds, while each waits for the others.
class Meeting {
 public:
  explicit Meeting(int32_t expected) : expected_(expected) {}

  void enter() {
    ++arrived_;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (arrived_ < expected_ && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  }
  bool is_complete() const { return arrived_ == expected_; }

 private:
  const int32_t expected_;
  std::atomic<int32_t> arrived_ = 0;
};

TEST(ThreadPool, CallsTheTaskOnAsManyThreads) {
  struct Loop {
    Meeting meeting;
    Counts counts;
  };
  ThreadPool pool;
  for (int32_t size : {1, 2, 3, 7, 16}) {
    Loop loop{Meeting(size), Counts(static_cast<size_t>(size))};
    pool.run(
        size,
        [](void *context, int32_t thread) {
          Loop *const shared = static_cast<Loop *>(context);
          shared->meeting.enter();
          shared->counts.enter(thread);
        },
        &loop);
    EXPECT_TRUE(loop.meeting.is_complete()) << size;
    EXPECT_TRUE(loop.counts.all_once()) << size << " threads have numbers of their own, the caller 0";
    EXPECT_EQ(loop.counts.running, 0);
  }
}

struct Calls {
  std::atomic<int> by_caller = 0, by_workers = 0;
};

void count_calls(void *context, int32_t thread) {
  Calls *const calls = static_cast<Calls *>(context);
  ++(thread == 0 ? calls->by_caller : calls->by_workers);
}

TEST(ThreadPool, RunsLoopsOfSeveralThreadsAtOnce) {
  ThreadPool pool;
  std::vector<std::thread> callers;
  std::atomic<int> wrong = 0;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&pool, &wrong] {
      for (int i = 0; i < 50; ++i) {
        Calls calls;
        pool.run(3, count_calls, &calls);
        wrong += calls.by_caller != 1 || calls.by_workers > 2;
      }
    });
  }
  for (std::thread &caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
}

TEST(ThreadPool, RunsLoopsInsideLoops) {
  struct Nested {
    ThreadPool pool;
    Calls outer, inner;
  } nested;
  nested.pool.run(
      3,
      [](void *context, int32_t thread) {
        Nested *const shared = static_cast<Nested *>(context);
        count_calls(&shared->outer, thread);
        shared->pool.run(2, count_calls, &shared->inner);
      },
      &nested);
  EXPECT_EQ(nested.outer.by_caller, 1);
  EXPECT_EQ(nested.inner.by_caller, 1 + nested.outer.by_workers);
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

TEST_F(TaskLoopTest, GivesAThreadTheSameIndicesInEveryLoop) {
  struct Loop {
    Meeting meeting{2};
    std::thread::id threads[2];
  };
  const Execution options = execution(2);
  CallContext context(options, &CachingAllocator::shared());
  for (int i = 0; i < 20; ++i) {
    Loop loop;
    const auto task = [](void *, int index, uint8_t *closure) {
      Loop *const shared = reinterpret_cast<Loop *>(closure);
      shared->threads[index] = std::this_thread::get_id();
      shared->meeting.enter();
      return 0;
    };
    ASSERT_EQ(context.parallel_for(task, 0, 2, reinterpret_cast<uint8_t *>(&loop)), 0);
    EXPECT_TRUE(loop.meeting.is_complete());
    EXPECT_EQ(loop.threads[0], std::this_thread::get_id());
    EXPECT_NE(loop.threads[1], loop.threads[0]);
  }
}

TEST_F(TaskLoopTest, HelpsAThreadThatIsBusy) {
  struct Loop {
    std::atomic<int> done = 0;
    bool all_others_done = false;
  } loop;
  const Execution options = execution(2);
  CallContext context(options, &CachingAllocator::shared());
  const auto task = [](void *, int index, uint8_t *closure) {
    Loop *const shared = reinterpret_cast<Loop *>(closure);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    const auto others_done = [&] { return shared->done == kCount - 1; };
    while (index == 0 && !others_done() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    if (index == 0) shared->all_others_done = others_done();
    ++shared->done;
    return 0;
  };
  ASSERT_EQ(context.parallel_for(task, 0, kCount, reinterpret_cast<uint8_t *>(&loop)), 0);
  EXPECT_TRUE(loop.all_others_done) << "the caller's part was left to it, whose first index waits for the rest";
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
