/// report/peer.h - libllama on the same file, as the yardstick of `rouse bench --peer`.
#pragma once

#include <memory>
#include <string>
#include <vector>

struct llama_model;
struct llama_context;

namespace rouse {

class Peer {
 public:
  /// n_ctx: tokens of each of n_parallel texts.
  Peer(const std::string& path, int n_thread, int n_ctx, int n_batch, int n_parallel);
  ~Peer();
  /// Seconds for the prompts, their last tokens' logits included. Clears the cache first.
  double prefill(const std::vector<std::vector<int>>& prompts);
  /// Seconds for n greedy steps of every text after its prompt.
  double steps(int n);

 private:
  std::unique_ptr<llama_model, void (*)(llama_model*)> model_;
  std::unique_ptr<llama_context, void (*)(llama_context*)> context_;
  int n_vocab_ = 0;
  std::vector<int> length_, next_;  ///< of each text: tokens so far, the next one
};

}  // namespace rouse
