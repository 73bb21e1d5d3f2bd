#include "session/identity.h"

#include "base/text.h"

namespace rouse {
namespace {

std::string sampling_text(const SamplingOptions& s) {
  return cat(number_text(s.temperature), ' ', s.top_k, ' ', number_text(s.top_p), ' ', number_text(s.min_p),
             ' ', number_text(s.repeat_penalty), ' ', number_text(s.presence_penalty), ' ',
             number_text(s.frequency_penalty), ' ', s.repeat_last_n, ' ', s.seed);
}

std::string numbers_text(const std::vector<int>& numbers) {
  std::string out;
  for (const int n : numbers) out += cat(n, ',');
  return out;
}

}  // namespace

AnswerIdentity::AnswerIdentity(const Session& session)
    : session_(session),
      model_(session.engine->file().fingerprint()),
      amateur_(session.amateur_engine ? session.amateur_engine->file().fingerprint() : "") {}

std::string AnswerIdentity::of(const Request& request) const {
  const MethodOptions& m = request.method;
  const GenerateOptions& g = request.generate;
  const char* kv_type = ggml_type_name(session_.engine->options().kv_type);
  std::string text = cat(inputs(request), '\n', model_, ' ', method_entry(m.name).amateur ? amateur_ : "",
                         '\n', m.iti.empty() ? "" : files_of(m).iti_text(m.iti), '\n', kv_type, '\n',
                         g.n_predict, ' ', g.ignore_eos, ' ', sampling_text(g.sampling), '\n', g.grammar);
  if (!g.follow.empty()) text += cat("\nfollow ", numbers_text(g.follow));
  for (const auto& [token, bias] : g.logit_bias) text += cat("\nbias ", token, ' ', number_text(bias));
  for (const std::string& stop : g.stop) text += cat('\n', stop.size(), ' ', stop);
  const auto method = make_method(m, session_.models());
  for (const Stream& stream : method->streams()) text += cat('\n', hex64(stream.policy.hash()));
  return hex64(hash_text(text));
}

std::string AnswerIdentity::inputs(const Request& request) const {
  return inputs(prompt_tokens(request.prompt, *session_.tokenizer),
                hex64(make_method(request.method, session_.models())->streams()[0].policy.hash()),
                method_text(resolved(request.method, session_.router())));
}

std::string AnswerIdentity::inputs(const std::vector<int>& prompt_tokens, const std::string& policy_hash,
                                   const std::string& method) {
  return cat(numbers_text(prompt_tokens), ' ', policy_hash, ' ', method);
}

}  // namespace rouse
