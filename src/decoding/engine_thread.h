/// decoding/engine_thread.h - texts from any number of threads: one thread owns the engines and runs a batch
/// a round for all of them.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "decoding/scheduler.h"

namespace rouse {

/// All functions may be called from any thread but its own, from which callbacks of texts come: those must be
/// short, must not throw, and must not call back.
class EngineThread {
 public:
  /// From here on nobody else may use the engines.
  explicit EngineThread(Engines engines);
  /// Ends the texts that still run as cancelled, and the thread.
  ~EngineThread();
  EngineThread(const EngineThread&) = delete;
  EngineThread& operator=(const EngineThread&) = delete;

  /// A text that was handed over. What the generation holds may be read once it has ended, not before.
  class Text {
   public:
    const Generation& generation() const { return *generation_; }

   private:
    friend class EngineThread;
    std::function<void(const Generation&)> watch_;
    std::unique_ptr<Generation> generation_;
    std::atomic<bool> cancelled_ = false, ended_ = false;
  };
  using Handle = std::shared_ptr<Text>;

  /// watch: called on the engines' thread after every round in which the text may have grown, and once it has
  /// ended.
  Handle submit(std::unique_ptr<Generation> generation, std::function<void(const Generation&)> watch = {});
  /// It ends after the round in progress, with what it has; nothing where it has ended.
  void cancel(const Handle& text);
  bool ended(const Handle& text) const { return text->ended_; }
  void wait(const Handle& text);
  /// Calls `work` on the engines' thread between two rounds, and waits for it. Rethrows what it throws.
  /// n_cell: of each engine's KV cells so many are free then; texts that came later wait for it.
  void run(const std::function<void()>& work, int n_cell = 0);
  /// Texts that run, and those that wait for room.
  std::pair<size_t, size_t> load() const { return {n_running_, n_waiting_}; }

 private:
  struct Job;
  void loop();
  bool take_over();
  bool ready(const Job& job) const;
  void do_jobs(std::unique_lock<std::mutex>& lock);
  void round();
  void end_those_done();

  Engines engines_;
  Scheduler scheduler_;
  std::atomic<size_t> n_running_ = 0, n_waiting_ = 0;
  std::mutex mutex_;  ///< of what follows up to the thread's own
  std::condition_variable wake_, ended_;
  std::deque<Handle> submitted_;
  std::deque<Job*> jobs_;
  bool stopping_ = false;
  std::vector<Handle> running_;  ///< the thread's own
  std::thread thread_;           ///< last: it begins when all else is there
};

}  // namespace rouse
