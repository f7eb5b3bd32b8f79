/// The process's worker threads.
#ifndef HALCONV_RUNTIME_THREAD_POOL_H_
#define HALCONV_RUNTIME_THREAD_POOL_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace halconv::runtime {

/// How many cores the process may use.
int32_t available_cores();

/// Workers are started when first needed and kept. Several threads may run loops at once: each takes part in its own,
/// so none waits for a worker to become free. A loop allocates nothing but, the first time, its workers. Who waits
/// spins for a tenth of a millisecond before it sleeps, where the workers and a caller have a core each.
class ThreadPool {
 public:
  using Task = void (*)(void *context, int32_t thread);

  ThreadPool() = default;
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  /// Calls task(context, thread) on the calling thread, which is 0. Until that returns workers that are free call it
  /// too, threads - 1 times at most, each with its own number, from 1 on. Returns when all have returned.
  void run(int32_t threads, Task task, void *context);

  /// The process's own, never destroyed.
  static ThreadPool &shared();

 private:
  /// A loop in progress, on the stack of the thread that runs it.
  struct Loop {
    Task task;
    void *context;
    int32_t places;                   ///< for workers that have not come yet
    std::atomic<int32_t> workers{0};  ///< inside the task; changed under mutex_
    std::condition_variable idle{};
    Loop *following = nullptr;
  };

  Loop *open_loop();
  void remove(const Loop *loop);
  void grow(int32_t workers);
  void work(int32_t thread);
  bool may_spin() const;
  void wait_for_change(std::unique_lock<std::mutex> *lock);
  void wait_until_idle(Loop *loop, std::unique_lock<std::mutex> *lock);

  std::mutex mutex_;
  std::condition_variable wake_;
  Loop *loops_ = nullptr;
  bool stopping_ = false;
  std::atomic<uint32_t> changes_{0};  ///< loops opened, and the end; changed under mutex_
  std::vector<std::thread> workers_;
};

}  // namespace halconv::runtime

#endif  // HALCONV_RUNTIME_THREAD_POOL_H_
