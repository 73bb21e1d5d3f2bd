#include "decoding/engine_thread.h"

#include <exception>

namespace rouse {

struct EngineThread::Job {
  const std::function<void()>& work;
  int n_cell = 0;
  std::exception_ptr failure = nullptr;
  bool done = false;
};

EngineThread::EngineThread(Engines engines)
    : engines_(engines), scheduler_(engines), thread_([this] { loop(); }) {}

EngineThread::~EngineThread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

EngineThread::Handle EngineThread::submit(std::unique_ptr<Generation> generation,
                                          std::function<void(const Generation&)> watch) {
  auto text = std::make_shared<Text>();
  text->generation_ = std::move(generation);
  text->watch_ = std::move(watch);
  {
    const std::lock_guard lock(mutex_);
    submitted_.push_back(text);
  }
  wake_.notify_one();
  return text;
}

void EngineThread::cancel(const Handle& text) {
  text->cancelled_ = true;
  wake_.notify_one();
}

void EngineThread::wait(const Handle& text) {
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [&] { return text->ended_.load(); });
}

void EngineThread::run(const std::function<void()>& work, int n_cell) {
  Job job{work, n_cell};
  std::unique_lock lock(mutex_);
  jobs_.push_back(&job);
  wake_.notify_one();
  ended_.wait(lock, [&] { return job.done; });
  if (job.failure) std::rethrow_exception(job.failure);
}

/// What came since the last round; sleeps while there is nothing to do. False: the end.
bool EngineThread::take_over() {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [&] { return stopping_ || !submitted_.empty() || !jobs_.empty() || !running_.empty(); });
  const bool stop = stopping_;
  for (const Handle& text : running_)
    if (stop || text->cancelled_) text->generation_->cancel();
  scheduler_.retire();
  do_jobs(lock);
  for (; !submitted_.empty() && (jobs_.empty() || stop); submitted_.pop_front()) {
    running_.push_back(submitted_.front());
    if (stop || running_.back()->cancelled_) running_.back()->generation_->cancel();
    scheduler_.submit(*running_.back()->generation_);
  }
  return !stop || !running_.empty();
}

/// Where nothing runs it has what there is.
bool EngineThread::ready(const Job& job) const {
  if (job.n_cell == 0 || running_.empty()) return true;
  for (const Engine* e : {engines_.model, engines_.amateur})
    if (e && e->n_free() < job.n_cell) return false;
  return true;
}

void EngineThread::do_jobs(std::unique_lock<std::mutex>& lock) {
  for (; !jobs_.empty() && ready(*jobs_.front()); jobs_.pop_front()) {
    Job& job = *jobs_.front();
    lock.unlock();
    try {
      job.work();
    } catch (...) {
      job.failure = std::current_exception();
    }
    lock.lock();
    job.done = true;
    ended_.notify_all();
  }
}

void EngineThread::round() {
  try {
    scheduler_.step();
    scheduler_.retire();
  } catch (const std::exception& e) {  // not a text's own failure: nobody knows what was half done
    for (const Handle& text : running_)
      if (!text->generation_->done()) text->generation_->fail(Error(cat("a round failed: ", e.what())));
    scheduler_.retire();
  }
}

void EngineThread::end_those_done() {
  for (const Handle& text : running_)
    if (text->watch_) text->watch_(*text->generation_);
  n_running_ = scheduler_.n_running();
  n_waiting_ = scheduler_.n_waiting();
  const std::lock_guard lock(mutex_);
  std::erase_if(running_, [](const Handle& text) {
    if (text->generation_->done()) text->ended_ = true;
    return text->ended_.load();
  });
  ended_.notify_all();
}

void EngineThread::loop() {
  while (take_over()) {
    round();
    end_those_done();
  }
}

}  // namespace rouse
