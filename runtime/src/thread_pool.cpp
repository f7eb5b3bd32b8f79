#include "thread_pool.h"

#include <algorithm>
#include <system_error>

namespace halconv::runtime {

int32_t available_cores() {
  static const auto cores = static_cast<int32_t>(std::max(1u, std::thread::hardware_concurrency()));
  return cores;
}

ThreadPool &ThreadPool::shared() {
  static auto &pool = *new ThreadPool;  // kernels may still run while static objects are destroyed
  return pool;
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread &worker : workers_) worker.join();
}

void ThreadPool::run_tasks(Loop *loop) {
  for (int32_t i = loop->next++; i < loop->count; i = loop->next++) loop->task(loop->context, i);
}

ThreadPool::Loop *ThreadPool::open_loop() {
  for (Loop *loop = loops_; loop != nullptr; loop = loop->following) {
    if (loop->next < loop->count && loop->workers < loop->count - 1) return loop;
  }
  return nullptr;
}

void ThreadPool::remove(const Loop *loop) {
  Loop **link = &loops_;
  while (*link != loop) link = &(*link)->following;
  *link = loop->following;
}

void ThreadPool::grow(int32_t workers) {
  try {
    while (workers_.size() < static_cast<size_t>(workers)) workers_.emplace_back(&ThreadPool::work, this);
  } catch (const std::exception &) {
    // The loop is as right with the threads that there are.
  }
}

void ThreadPool::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    Loop *loop = nullptr;
    wake_.wait(lock, [&] { return stopping_ || (loop = open_loop()) != nullptr; });
    if (stopping_) return;
    ++loop->workers;
    lock.unlock();
    run_tasks(loop);
    lock.lock();
    if (--loop->workers == 0) loop->idle.notify_one();
  }
}

void ThreadPool::parallel_for(int32_t count, Task task, void *context) {
  Loop loop{task, context, count};
  {
    const std::lock_guard lock(mutex_);
    grow(count - 1);
    loop.following = loops_;
    loops_ = &loop;
  }
  for (int32_t i = 1; i < count; ++i) wake_.notify_one();
  run_tasks(&loop);
  std::unique_lock lock(mutex_);
  remove(&loop);
  loop.idle.wait(lock, [&] { return loop.workers == 0; });
}

}  // namespace halconv::runtime
