/// api/model.cpp - the public interface (include/rouse/rouse.h) over a session and its engines' thread.
#include <rouse/rouse.h>

#include "calibration/probe.h"
#include "decoding/engine_thread.h"
#include "decoding/scoring.h"
#include "session/request.h"
#include "session/result.h"
#include "tokenizer/grammar.h"

namespace rouse::api {
namespace {

ErrorKind public_kind(rouse::ErrorKind kind) {
  switch (kind) {
    case rouse::ErrorKind::usage:
      return ErrorKind::usage;
    case rouse::ErrorKind::bad_model:
      return ErrorKind::bad_model;
    case rouse::ErrorKind::bad_file:
      return ErrorKind::bad_file;
    case rouse::ErrorKind::no_room:
      return ErrorKind::no_room;
    case rouse::ErrorKind::unsupported:
      return ErrorKind::unsupported;
    case rouse::ErrorKind::interrupted:
      return ErrorKind::interrupted;
    case rouse::ErrorKind::internal:
    case rouse::ErrorKind::no_sandbox:
    case rouse::ErrorKind::closed_pipe:
      break;
  }
  return ErrorKind::internal;
}

/// Calls work; what it throws leaves as the public Error.
template <class Work>
auto translated(Work&& work) {
  try {
    return work();
  } catch (const rouse::Error& e) {
    throw Error(e.what(), public_kind(e.kind()), e.subject());
  } catch (const Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw Error("not enough memory", ErrorKind::no_room, "");
  } catch (const std::exception& e) {
    throw Error(e.what(), ErrorKind::internal, "");
  }
}

rouse::ModelOptions model_options(const ModelOptions& o) {
  rouse::ModelOptions out;
  out.model = o.path;
  out.n_ctx = o.n_ctx;
  out.n_thread = o.n_thread;
  out.n_batch = o.n_batch;
  out.n_gpu_layer = o.n_gpu_layer;
  out.n_cpu_moe = o.n_cpu_moe;
  out.kv_type = o.f32_cache ? "f32" : "f16";
  out.progress = o.progress;
  require_option(o.n_parallel >= 1 && o.n_parallel <= kMaxSequence / 4, "n_parallel", " is ", o.n_parallel,
                 ", expected 1 to ", kMaxSequence / 4);
  return out;
}

/// What requests may name.
struct Known {
  std::shared_ptr<const Names> names;
  std::shared_ptr<const MethodFiles> files;  ///< names, and paths where those are allowed
};

Known known(const ModelOptions& o) {
  auto names = std::make_shared<Names>();
  for (const auto& [name, path] : o.files) names->add_file(name + "=" + path);
  for (const auto& [name, text] : o.presets) names->add_preset(name + "=" + text);
  return {names, o.paths ? names_or_paths(names) : names};
}

/// Options by their names in the table, as texts, over those of a preset.
void set_options(rouse::Request& r, const Known& known, const std::string& method, const std::string& routing,
                 const std::map<std::string, std::string>& options) {
  const auto set = [&](const std::string& name, const std::string& value) {
    const rouse::Option* option = find_option(name);
    if (!option || !option->request)
      throw rouse::Error(cat("option \"", name, "\" is not known"), rouse::ErrorKind::usage, name);
    try {
      set_option(*option, r.targets(), option_literal(option->spec, value));
    } catch (const rouse::Error& e) {
      throw e.subject().empty() ? rouse::Error(e.what(), e.kind(), name) : e;
    }
  };
  if (known.names->has_preset(method))
    r.method = known.names->preset(method);
  else
    set("method", method);
  r.method.files = known.files;
  if (!routing.empty()) set("routing", routing);
  for (const auto& [name, value] : options) set(name, value);
}

rouse::Request internal_request(const Request& r, const Known& known) {
  require_usage(r.prompt.empty() + r.messages.empty() + r.tokens.empty() == 2,
                "give one of prompt, messages and tokens");
  rouse::Request out;
  out.prompt.prompt = r.prompt;
  for (const Message& m : r.messages) out.prompt.messages.push_back({m.role, m.content});
  out.prompt.tokens = r.tokens;
  out.prompt.raw = r.raw;
  out.prompt.chat.name = r.chat_template;
  out.generate.n_predict = r.n_predict;
  out.generate.stop = r.stop;
  out.generate.sampling.seed = r.seed;
  out.generate.reuse = true;
  out.generate.n_top = r.n_top;
  require_usage(r.grammar.empty() || r.json_schema.empty(), "give one of grammar and json_schema");
  out.generate.grammar = r.json_schema.empty() ? r.grammar : json_schema_grammar(r.json_schema);
  set_options(out, known, r.method, r.routing, r.options);
  return out;
}

Stop public_stop(StopReason reason) {
  switch (reason) {
    case StopReason::length:
      return Stop::length;
    case StopReason::stop_string:
      return Stop::stop_string;
    case StopReason::context:
      return Stop::context;
    case StopReason::grammar:
      return Stop::grammar;
    case StopReason::cancelled:
      return Stop::cancelled;
    case StopReason::none:
    case StopReason::eos:
    case StopReason::failed:
      break;
  }
  return Stop::eos;
}

Cost public_cost(const rouse::Cost& c) {
  return {c.rows, c.expert_evaluations, c.weight_bytes, c.head_rows};
}

Token token_of(const Tokenizer& tokenizer, int id) {
  return {.id = id, .text = tokenizer.piece(id)};
}

}  // namespace

Error::Error(const std::string& text, ErrorKind kind, std::string subject)
    : std::runtime_error(text), kind_(kind), subject_(std::move(subject)) {}

struct Model::State {
  /// Two streams a text.
  explicit State(const ModelOptions& o)
      : known(api::known(o)),
        session(model_options(o), 2 * o.n_parallel, o.amateur),
        engine(session.engines()) {
    known.names->check_presets(session.models());
    const GgufFile& file = session.engine->file();
    path = file.path();
    architecture = session.engine->spec().arch;
    fingerprint = file.fingerprint();
  }
  /// The engines' thread alone may use them. Returns what `work` gives.
  template <class Work>
  auto between_rounds(Work&& work) {
    decltype(work()) out;
    engine.run([&] { out = work(); });
    return out;
  }
  Known known;
  Session session;
  std::string path, architecture, fingerprint;
  EngineThread engine;  ///< last: it goes before what it runs on
};

struct Generation::State {
  std::weak_ptr<Model::State> model;
  EngineThread::Handle text;
  MethodOptions method;
  std::shared_ptr<const ModelSpec> spec;  ///< which, with the vocabulary, outlives the model
  std::shared_ptr<const Tokenizer> tokenizer;
  std::string fingerprint;
};

Generation::Generation(std::shared_ptr<State> state) : state_(std::move(state)) {}
Generation::Generation(Generation&&) noexcept = default;
Generation& Generation::operator=(Generation&& o) noexcept {
  if (this != &o) {
    if (state_) cancel();
    state_ = std::move(o.state_);
  }
  return *this;
}
Generation::~Generation() {
  if (state_) cancel();
}

void Generation::cancel() {
  if (const auto model = state_->model.lock()) model->engine.cancel(state_->text);
}

bool Generation::done() const {
  const auto model = state_->model.lock();
  return !model || model->engine.ended(state_->text);
}

Answer Generation::wait() {
  return translated([&] {
    if (const auto model = state_->model.lock()) model->engine.wait(state_->text);
    const rouse::Generation& g = state_->text->generation();
    if (g.error()) throw *g.error();
    const Result r = result_of(g, state_->method, state_->spec->router);
    Answer a;
    a.text = r.text;
    a.reasoning = r.reasoning;
    a.prompt_tokens = r.prompt_tokens;
    for (size_t i = 0; i < r.tokens.size(); ++i) {
      a.tokens.push_back(token_of(*state_->tokenizer, r.tokens[i]));
      if (i >= g.scores().size()) continue;
      a.tokens.back().log_prob = g.scores()[i].method;
      a.tokens.back().model_log_prob = g.scores()[i].model;
      for (const auto& [id, log_prob] : g.scores()[i].top) a.tokens.back().top.emplace_back(id, log_prob);
    }
    a.stop = public_stop(r.stop);
    a.method = r.method;
    a.policy = r.policy;
    a.policy_hash = r.policy_hash;
    a.model_fingerprint = state_->fingerprint;
    a.prefill = public_cost(r.prefill.cost);
    a.step = public_cost(r.step.cost);
    a.prefill_seconds = r.prefill.seconds;
    a.step_seconds = r.step.seconds;
    a.n_reused = g.reused();
    return a;
  });
}

Model::Model(const ModelOptions& options)
    : state_(translated([&] { return std::make_shared<State>(options); })) {}
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;
Model::~Model() = default;

Generation Model::start(const Request& request) {
  return translated([&] {
    const rouse::Request r = internal_request(request, state_->known);
    auto generation = std::move(start_request(state_->session, r, request.on_text, request.on_reasoning)[0]);
    auto state = std::make_shared<Generation::State>();
    state->model = state_;
    state->method = r.method;
    state->spec = state_->session.spec;
    state->tokenizer = state_->session.tokenizer;
    state->fingerprint = state_->fingerprint;
    state->text = state_->engine.submit(std::move(generation));
    return Generation(std::move(state));
  });
}

std::vector<std::vector<double>> Model::score(const ScoreRequest& request) {
  return translated([&] {
    rouse::Request r;
    set_options(r, state_->known, request.method, request.routing, request.options);
    return state_->between_rounds([&] {
      const Session& s = state_->session;
      EncodedPairs pairs = encode_pairs(*s.tokenizer, {{request.context, true}}, request.continuations);
      Scorer scorer(s.engines(), make_method(r.method, s.models()));
      const rouse::ScoreRequest wanted{std::move(pairs.context), std::move(pairs.continuations)};
      Scored scored = std::move(scorer.score({&wanted, 1})[0]);
      if (scored.error) throw *scored.error;
      return std::move(scored.log_probs);
    });
  });
}

std::vector<TokenRoute> Model::trace(const std::string& text, const std::string& routing) {
  return translated([&] {
    const Session& s = state_->session;
    require_usage(s.router().moe(), "a dense model has no routing to trace");
    const RoutingPolicy policy(routing, s.router(), *state_->known.files);
    const std::vector<int> tokens = s.tokenizer->encode(text, true, true);
    return state_->between_rounds([&] {
      const SeqId seq = s.engine->open(static_cast<int>(tokens.size()));
      const std::shared_ptr<void> closes(nullptr, [&](void*) { s.engine->close(seq); });
      RowGroup group{&policy, {}};
      for (const int token : tokens) group.rows.push_back({seq, token, Output::none});
      group.rows.back().output = Output::hidden;
      const StepResult& result = s.engine->run({.batch = {&group, 1}, .taps = {.routing = true}});
      std::vector<TokenRoute> out;
      for (size_t i = 0; i < tokens.size(); ++i) {
        result.require_sound(i);
        out.push_back({.token = token_of(*s.tokenizer, tokens[i])});
        for (const RoutedRow& block : result.routing[i]) {
          out.back().experts.push_back(block.experts);
          out.back().gates.push_back(block.gates);
        }
      }
      return out;
    });
  });
}

std::vector<Effect> Model::what_if(const std::string& context, const std::string& continuation,
                                   const std::vector<Intervention>& interventions) {
  return translated([&] {
    const Session& s = state_->session;
    require_usage(s.router().moe(), "a dense model has no experts to ban or force");
    const EncodedPairs pair =
        encode_pairs(*s.tokenizer, {{context, true}}, {&continuation, 1}, EndSpace::context);
    Document document{pair.context, {}};
    std::vector<int> positions;
    for (const int token : pair.continuations[0]) {
      positions.push_back(static_cast<int>(document.tokens.size()));
      document.tokens.push_back(token);
    }
    require_usage(!positions.empty(), "the continuation is empty");
    return state_->between_rounds([&] {
      s.engine->kept().clear();  // a probe takes many cells
      Probe probe(*s.engine, {});
      probe.keep(document, positions);
      std::vector<Effect> out;
      for (const Intervention& x : interventions) {
        (void)parse_expert("what_if", cat(x.block, ".", x.expert), s.router());
        std::vector<Counterfactual> rows;
        for (const int position : positions)
          rows.push_back({position, x.expert, x.ban ? Treatment::ban : Treatment::force});
        const std::vector<double> losses = probe.intervene(x.block, rows);
        Effect& effect = out.emplace_back();
        for (size_t i = 0; i < losses.size(); ++i) {
          effect.token_change.push_back(probe.kept_losses()[i] - losses[i]);
          effect.change += effect.token_change.back();
        }
      }
      return out;
    });
  });
}

std::vector<int> Model::tokenize(const std::string& text, bool special) const {
  return translated([&] { return state_->session.tokenizer->encode(text, false, special); });
}
std::string Model::detokenize(const std::vector<int>& tokens) const {
  return translated([&] {
    const Tokenizer& t = *state_->session.tokenizer;
    for (const int token : tokens)
      require_usage(token >= 0 && token < t.n_vocab(), "token ", token, " is outside 0..", t.n_vocab() - 1);
    return t.decode(tokens);
  });
}

const std::string& Model::path() const {
  return state_->path;
}
const std::string& Model::architecture() const {
  return state_->architecture;
}
const std::string& Model::fingerprint() const {
  return state_->fingerprint;
}
const std::vector<int>& Model::moe_blocks() const {
  return state_->session.router().layers;
}
int Model::n_expert() const {
  return state_->session.router().n_expert;
}
int Model::n_expert_used() const {
  return state_->session.router().n_expert_used;
}
int Model::n_ctx() const {
  return state_->session.engine->n_ctx();
}

std::vector<std::pair<std::string, std::string>> methods() {
  std::vector<std::pair<std::string, std::string>> out;
  for (const MethodEntry& e : method_registry()) out.emplace_back(e.name, e.help);
  return out;
}
std::vector<std::pair<std::string, std::string>> policies() {
  std::vector<std::pair<std::string, std::string>> out;
  for (const ChoiceEntry& e : choice_registry()) out.emplace_back(e.usage, e.help);
  return out;
}
const char* version() {
  return ROUSE_VERSION;
}

}  // namespace rouse::api
