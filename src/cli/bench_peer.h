/// cli/bench_peer.h - libllama on the same file, as the yardstick of `rouse bench --peer`.
#pragma once

#include <memory>
#include <string>
#include <vector>

struct llama_model;
struct llama_context;

namespace rouse {

class Peer {
 public:
  Peer(const std::string& path, int n_thread, int n_ctx, int n_batch);
  ~Peer();
  /// Seconds for the prompt, the last token's logits included. Clears the cache first.
  double prefill(const std::vector<int>& prompt);
  /// Seconds for n greedy steps after the prompt.
  double steps(int n);

 private:
  std::unique_ptr<llama_model, void (*)(llama_model*)> model_;
  std::unique_ptr<llama_context, void (*)(llama_context*)> context_;
  int n_vocab_ = 0;
};

}  // namespace rouse
