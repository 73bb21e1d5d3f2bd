/// decoding/method.h - a decoding method as a state machine that never calls the model.
///
/// It asks for rows ("these tokens, on this stream, I need the logits"), is handed what came back, and ends
/// with the scores of the next token. Whoever drives it can run any mixture of methods in one batch, and a
/// method can be tested without a model.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/batch.h"

namespace rouse {

/// Rows to append to one of the method's streams; the output is wanted of the last one.
struct Ask {
  int stream;
  std::vector<int> tokens;
  Output output;
  bool prompt = false;  ///< holds tokens of the prompt: counted as prefill
};

/// What came back for an Ask.
struct Answer {
  std::span<const float> logits;  ///< [n_vocab], if asked for
  std::span<const float> hidden;  ///< [n_embd], if asked for
  /// Logits of a few tokens for `hidden`, without the whole head.
  std::function<void(std::span<const int> tokens, std::span<float> out)> columns;
};

class Method {
 public:
  virtual ~Method() = default;
  /// The routing policy of each stream it wants; each stream has a KV cache of its own, the prompt included.
  virtual const std::vector<RoutingPolicy>& streams() const = 0;
  /// The prompt, then every token that was chosen.
  virtual void append(std::span<const int> tokens) = 0;
  /// What to run now, after `append` or after an answer that was not final.
  virtual std::vector<Ask> ask() = 0;
  /// One answer for each ask. True: `scores` [n_vocab] holds the next token's scores, -inf where it must not
  /// be.
  virtual bool answer(std::span<const Answer> answers, std::vector<float>& scores) = 0;
};

/// What the command line and result files say of a method.
struct MethodOptions {
  std::string name = "greedy";
  std::string routing = "topk";  ///< of the only stream, or of SCMoE's strong one
  std::string weak;              ///< SCMoE; empty: rank:k of a top-k model
  float alpha = 0.1f, beta = 0.5f, strong_temp = 1.0f, weak_temp = 1.0f;
  std::string execution = "auto";      ///< SCMoE: plain, fused, lazy, auto
  double simulate_weak_needed = -1.0;  ///< bench only: pretend that this share of steps needs the weak logits
};

struct MethodEntry {
  const char* name;
  const char* help;
  std::unique_ptr<Method> (*make)(const MethodOptions&, const RouterSpec&, bool accelerated);
};
std::span<const MethodEntry> method_registry();
/// Throws Error (exit 2). accelerated: weights lie on a GPU, where bandwidth binds rather than arithmetic.
std::unique_ptr<Method> make_method(const MethodOptions& options, const RouterSpec& router, bool accelerated);
/// "scmoe(weak=rank:2,alpha=0.1,beta=0.5,exec=auto)": canonical, for provenance.
std::string method_text(const MethodOptions& options, const RouterSpec& router);

}  // namespace rouse
