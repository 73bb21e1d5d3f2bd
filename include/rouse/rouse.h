/// rouse/rouse.h - the public C++ interface: Mixture-of-Experts models whose routing is chosen for each text.
///
///   rouse::api::Model model({.path = "mixtral.gguf"});
///   auto answer = model.generate({.prompt = "What is the capital of Chad?", .method = "scmoe"});
///   std::cout << answer.text << '\n';
///
/// **Threads.** A Model may be used from any number of threads at once. One thread of its own runs the model,
/// many texts in one batch; callbacks are called on that thread, so they must be short and must not call the
/// model. `score`, `trace` and `what_if` wait for their turn between texts' steps.
/// **Errors.** Everything that fails throws Error: its kind says who can mend it, its subject names the field
/// or option at fault, its text what was found and what was expected. A text that fails ends alone.
/// **Lifetimes.** Results are values. A Model must outlive the Generations that it started; destroying it
/// cancels those that still run. A moved-from Model or Generation may only be destroyed or assigned to.
/// **Determinism.** The same model file, request, seed and number of threads give the same tokens; what may
/// depend on threads and on the make-up of a batch stands in docs/methods.md.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#if defined(__GNUC__)
#define ROUSE_API __attribute__((visibility("default")))
#else
#define ROUSE_API
#endif

namespace rouse::api {

/// Who can mend it.
enum class ErrorKind {
  usage,        ///< what was asked for
  bad_model,    ///< a model file
  bad_file,     ///< a plan, a trace, heads of inference-time intervention
  no_room,      ///< memory, or the context
  unsupported,  ///< sound, but not built
  internal,     ///< the machine failed, or rouse
  interrupted   ///< cancelled
};

class ROUSE_API Error : public std::runtime_error {
 public:
  Error(const std::string& text, ErrorKind kind, std::string subject);
  ErrorKind kind() const { return kind_; }
  const std::string& subject() const { return subject_; }  ///< a field or an option by its name, or empty

 private:
  ErrorKind kind_;
  std::string subject_;
};

/// How a model is opened.
struct ModelOptions {
  std::string path = {};     ///< a GGUF file; empty: the default model that comes with rouse
  std::string amateur = {};  ///< a second GGUF file of the same vocabulary, for method "cd"; may be empty
  int n_ctx = 0;     ///< tokens that a text may have, prompt and answer; 0: the trained context, at most 4096
  int n_thread = 0;  ///< 0: one a core
  int n_batch = 512;                   ///< rows that run together at most
  int n_parallel = 4;                  ///< texts that may run side by side, each with two streams
  int n_gpu_layer = 0, n_cpu_moe = 0;  ///< the last blocks on the GPU; experts of the first stay on the CPU
  bool f32_cache = false;              ///< keys and values in float32 instead of float16
  /// Plans, traces and files of `rouse iti fit` by names: read once, now. Requests then say "plan:facts".
  std::map<std::string, std::string> files = {};
  /// Methods and policies by names: {"careful", "scmoe beta=0.8 routing=plan:facts"}. Requests say the name
  /// as their method.
  std::map<std::string, std::string> presets = {};
  /// Whether requests may also name files by their paths. False where their text comes from others: then no
  /// text of a request reaches the file system.
  bool paths = true;
  std::function<void(double done)> progress = {};  ///< of loading: [0, 1]
};

struct Message {
  std::string role, content;  ///< "system", "user" or "assistant"
};

/// A token as it was chosen.
struct Token {
  int id = 0;
  std::string text = {};  ///< its bytes; may be part of a character
  // With Request::n_top >= 0, in nats:
  double log_prob = 0;                           ///< by the scores that it was chosen from
  double model_log_prob = 0;                     ///< by the model's own logits
  std::vector<std::pair<int, double>> top = {};  ///< (id, log-probability), the likeliest first
};

/// What was computed, by counting.
struct Cost {
  int64_t rows = 0;                ///< rows of the model
  int64_t expert_evaluations = 0;  ///< (row, block, expert) triples; shared experts not counted
  int64_t weight_bytes = 0;        ///< weights touched, each once a batch; a text's share by rows
  int64_t head_rows = 0;           ///< rows of the output head
};

/// One text to generate. `options` are those of `rouse methods`: {"beta", "0.8"}, {"temp", "0.7"},
/// {"weak", "rank:3"}, ..., checked as the command line checks them.
struct Request {
  std::string prompt = {};  ///< a user's message under the model's chat template; with `raw` as it is
  std::vector<Message> messages = {};  ///< instead of a prompt: a conversation
  std::vector<int> tokens = {};        ///< instead of both: ids
  bool raw = false;
  std::string chat_template =
      {};  ///< a built-in template's name; empty: the file's. Its variables and the date
           ///< that it shows are the options chat_template_kwargs and template_date
  std::string method = "greedy";  ///< a name of `rouse methods`, or of a preset
  std::string routing = "";  ///< a policy; empty: the preset's, or "topk". Plans and traces by name or path
  std::map<std::string, std::string> options = {};
  int n_predict = 512;                         ///< tokens at most
  std::vector<std::string> stop = {};          ///< strings that end the answer and are not part of it
  std::string grammar = {}, json_schema = {};  ///< GBNF, or a JSON schema's text, that the answer must follow
  uint64_t seed = 0;
  int n_top = -1;  ///< also give the log-probability of every token, and this many of the likeliest
  /// Text as it becomes certain (never half a stop string), on the model's thread.
  std::function<void(const std::string& piece)> on_text = {};
  /// The same of what a reasoning model thinks before it answers; it is no part of on_text's.
  std::function<void(const std::string& piece)> on_reasoning = {};
};

enum class Stop { eos, length, stop_string, context, grammar, cancelled };

/// What came of a request, with all it takes to repeat it.
struct Answer {
  std::string text = {};  ///< under a chat template without the reasoning
  std::string reasoning =
      {};  ///< under a chat template what stood before the answer (<think>, harmony's channels)
  std::vector<Token> tokens = {};
  std::vector<int> prompt_tokens = {};
  Stop stop = Stop::eos;
  std::string method, policy, policy_hash;  ///< as results name them
  std::string model_fingerprint = {};       ///< sha256 of the header and of the ends of each tensor
  Cost prefill, step;
  double prefill_seconds = 0, step_seconds = 0;
  int n_reused = 0;  ///< tokens of the prompt that an earlier text of the same routing had run
};

/// A text that is being generated.
class ROUSE_API Generation {
 public:
  Generation(Generation&&) noexcept;
  Generation& operator=(Generation&&) noexcept;
  ~Generation();  ///< cancels it if it still runs
  /// Waits for the end. Throws Error where the text failed. A cancelled text gives what there was.
  Answer wait();
  /// From any thread; the text ends after the step in progress.
  void cancel();
  bool done() const;

 private:
  friend class Model;
  struct State;
  explicit Generation(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

/// Given texts to score: a context and what may follow it.
struct ScoreRequest {
  std::string context = {};  ///< raw text
  std::vector<std::string> continuations = {};
  std::string method = "greedy", routing = "";  ///< as in Request
  std::map<std::string, std::string> options = {};
};

/// Experts that a token used.
struct TokenRoute {
  Token token;
  std::vector<std::vector<int>> experts = {};  ///< [MoE block][rank], best first
  std::vector<std::vector<float>> gates = {};  ///< the same shape: the router's gates of those
};

/// An expert banned, or forced in the place of the last-ranked choice, for one row.
struct Intervention {
  int block = 0, expert = 0;
  bool ban = true;
};

/// How log-probabilities change under an intervention.
struct Effect {
  double change = 0;                      ///< nats, summed over the continuation's tokens
  std::vector<double> token_change = {};  ///< [token]
};

class ROUSE_API Model {
 public:
  /// Throws Error (bad_model, no_room, usage).
  explicit Model(const ModelOptions& options = {});
  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;
  ~Model();

  /// Begins a text; others go on beside it.
  Generation start(const Request& request);
  /// Begins it and waits.
  Answer generate(const Request& request) { return start(request).wait(); }
  /// Log-probabilities in nats under the method: [continuation][token]. The tokens are those of context and
  /// continuation encoded together.
  std::vector<std::vector<double>> score(const ScoreRequest& request);
  /// Which experts every token of a raw text uses.
  std::vector<TokenRoute> trace(const std::string& text, const std::string& routing = "topk");
  /// How each intervention, alone, changes what the model says of `continuation` after `context` (raw texts).
  std::vector<Effect> what_if(const std::string& context, const std::string& continuation,
                              const std::vector<Intervention>& interventions);

  std::vector<int> tokenize(const std::string& text, bool special = false) const;
  std::string detokenize(const std::vector<int>& tokens) const;

  const std::string& path() const;
  const std::string& architecture() const;  ///< as the file names it: "llama", "qwen3moe", ...
  const std::string& fingerprint() const;
  const std::vector<int>& moe_blocks() const;  ///< numbers of the blocks that have experts
  int n_expert() const;                        ///< of each; 0: a dense model
  int n_expert_used() const;                   ///< top-k of the trained routing
  int n_ctx() const;

 private:
  friend class Generation;
  struct State;
  std::shared_ptr<State> state_;
};

/// Methods and policies with a line of help each: {"scmoe", "..."}.
ROUSE_API std::vector<std::pair<std::string, std::string>> methods();
ROUSE_API std::vector<std::pair<std::string, std::string>> policies();
ROUSE_API const char* version();

}  // namespace rouse::api
