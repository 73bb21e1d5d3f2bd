/// server/live_texts.h - the texts of one HTTP request while they are generated.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>

#include "decoding/engine_thread.h"
#include "server/metrics.h"

namespace rouse {

/// What is new of a text.
struct News {
  size_t text = 0;  ///< its number in the request
  std::string piece = {}, reasoning = {};
  std::vector<int> tokens = {};
  std::vector<TokenScore> scores = {};  ///< of those tokens, where they were asked for
  bool ended = false;
};

/// When a request hears of its texts. Waking a thread a token takes processor time from the engines'.
enum class Telling { every_round, at_the_end };

/// Handed over to the engines' thread, which tells what is new. Destroying it cancels those that still run.
class LiveTexts {
 public:
  /// place: what they were admitted by; it goes with them.
  LiveTexts(EngineThread& engine, Metrics& metrics, std::vector<std::unique_ptr<Generation>> texts,
            std::shared_ptr<void> place, Telling telling);
  ~LiveTexts();
  LiveTexts(const LiveTexts&) = delete;
  LiveTexts& operator=(const LiveTexts&) = delete;

  size_t size() const { return handles_.size(); }
  /// What has come, or nothing when the time is over.
  std::vector<News> wait(std::chrono::milliseconds time);
  bool ended() const { return n_ended_ == handles_.size(); }
  /// Once all have ended.
  const Generation& generation(size_t i) const { return handles_[i]->generation(); }

 private:
  /// Outlives the request where a text still ends.
  struct Mailbox {
    std::mutex mutex;
    std::condition_variable come;
    std::deque<News> news;
  };
  /// How far a text was told.
  struct Told {
    size_t text = 0, reasoning = 0, tokens = 0, scores = 0;
    bool ended = false;
  };
  static void tell(size_t number, const Generation& g, Told& told, Mailbox& box);

  std::shared_ptr<void> place_;
  EngineThread& engine_;
  std::shared_ptr<Mailbox> box_ = std::make_shared<Mailbox>();
  std::vector<EngineThread::Handle> handles_;
  size_t n_ended_ = 0;
};

}  // namespace rouse
