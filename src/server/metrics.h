/// server/metrics.h - what /metrics says, in Prometheus' text format.
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <string>

#include "decoding/generation.h"

namespace rouse {

/// Any thread may count.
class Metrics {
 public:
  /// A reply: route is one of the server's own paths, so that labels stay few.
  void count_reply(const std::string& route, int status, double seconds);
  void count_text(const Generation& g);
  /// Of a text, from admission to its first token.
  void count_first_token(double seconds);
  /// The sums, with those of the engine by block, and these values of the moment: {"rouse_texts_running", 3}.
  std::string text(const Engine& engine, const std::map<std::string, double>& now) const;

 private:
  static constexpr std::array<double, 10> kBounds = {0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60};
  struct Histogram {
    std::array<uint64_t, kBounds.size() + 1> count{};
    double sum = 0;
    void add(double seconds);
    std::string text(const std::string& name, const std::string& help) const;
  };
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, int>, uint64_t> replies_;
  std::map<std::string, uint64_t> stops_;
  Histogram reply_, first_token_;
  Cost prefill_, step_;
  uint64_t prompt_tokens_ = 0, reused_tokens_ = 0, tokens_ = 0;
  double prefill_seconds_ = 0, step_seconds_ = 0;
};

}  // namespace rouse
