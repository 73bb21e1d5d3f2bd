#include "calibration/iti_read.h"

#include "base/lines.h"
#include "base/text.h"

namespace rouse {

std::vector<ItiRecord> read_iti_records(const std::string& path, int n_limit) {
  std::vector<ItiRecord> out;
  for (LineReader in(path, "questions"); in.next();) {
    if (in.blank()) continue;
    if (n_limit > 0 && static_cast<int>(out.size()) == n_limit) break;
    out.push_back({in.where(), parse_json(in.line(), in.where())});
  }
  return out;
}

static std::string filled(std::string form, const std::string& question, const std::string& answer) {
  const auto put = [&](const std::string& name, const std::string& value) {
    const size_t at = form.find(name);
    if (at != std::string::npos) form.replace(at, name.size(), value);
  };
  put("{question}", question);
  put("{answer}", answer);
  return form;
}

static constexpr size_t kMostAnswers = 1000;  // of one question and one kind

std::vector<ItiText> iti_texts(std::span<const ItiRecord> records, const std::string& form) {
  std::vector<ItiText> out;
  int question = 0;
  for (const ItiRecord& record : records) {
    const JsonValue row(record.json, record.where);
    const std::string q = row.at("question").text(LineReader::kMostBytes);
    const auto add = [&](bool truth, const std::string& text) { out.push_back({question, truth, text}); };
    const auto right = row.find("correct_answers"), wrong = row.find("incorrect_answers");
    if (right && wrong) {
      for (const std::string& a : right->texts(0, kMostAnswers)) add(true, filled(form, q, a));
      for (const std::string& a : wrong->texts(0, kMostAnswers)) add(false, filled(form, q, a));
    } else {  // the question is a prompt already
      require_usage(row.find("completion") && row.find("contradictions"), record.where,
                    ": neither correct_answers and incorrect_answers nor completion and contradictions");
      add(true, q + row.at("completion").text(LineReader::kMostBytes));
      for (const std::string& a : row.at("contradictions").texts(0, kMostAnswers)) add(false, q + a);
    }
    ++question;
  }
  return out;
}

std::string iti_hash(std::span<const ItiText> texts) {
  std::string all;
  for (const ItiText& t : texts)
    all += cat(t.question, t.truth ? " true " : " false ", t.text.size(), ' ', t.text, '\n');
  return hex64(hash_text(all));
}

ItiData read_activations(const Session& session, std::span<const ItiText> texts,
                         const std::function<void(double)>& progress, const std::atomic<bool>* stop) {
  const ModelSpec& spec = session.engine->spec();
  ItiData d;
  d.n_layer = spec.n_layer, d.n_head = spec.attention.n_head;
  d.width = static_cast<int>(spec.attention.n_embd_out()) / d.n_head;
  Engine& engine = *session.engine;
  const RoutingPolicy policy("topk", spec.router);
  for (size_t first = 0; first < texts.size();) {
    if (stop && *stop) throw Error("interrupted; nothing was written", ErrorKind::interrupted);
    Batch batch;
    std::vector<SeqId> seqs;
    size_t n = 0;
    for (int room = std::min(engine.n_free(), engine.options().n_batch); first + n < texts.size(); ++n) {
      const std::vector<int> tokens = session.tokenizer->encode(texts[first + n].text, true, false);
      require_of(static_cast<int>(tokens.size()) <= engine.n_ctx(), ErrorKind::usage, "n_ctx", "answer ",
                 first + n + 1, " has ", tokens.size(), " tokens, the context ", engine.n_ctx());
      if (n > 0 && (static_cast<int>(tokens.size()) > room || n >= kMaxSequence / 2)) break;
      room -= static_cast<int>(tokens.size());
      seqs.push_back(engine.open(static_cast<int>(tokens.size())));
      RowGroup group{&policy, {}};
      for (const int t : tokens) group.rows.push_back({seqs.back(), t, Output::none});
      group.rows.back().output = Output::hidden;
      batch.push_back(std::move(group));
    }
    const StepResult& r = engine.run({.batch = batch, .taps = {.heads = true}});
    const size_t row_size = static_cast<size_t>(spec.attention.n_embd_out());
    size_t last = 0;  // row of the batch
    for (size_t i = 0; i < n; ++i, ++last) {
      last += batch[i].rows.size() - 1;
      try {
        r.require_sound(last);
      } catch (const Error& e) {
        throw e.within(cat("answer ", first + i + 1));
      }
      const size_t at = static_cast<size_t>(r.hidden_at[last]) * row_size;
      for (const auto& layer : r.heads) {
        const auto begin = layer.begin() + static_cast<std::ptrdiff_t>(at);
        d.activations.insert(d.activations.end(), begin, begin + static_cast<std::ptrdiff_t>(row_size));
      }
    }
    for (const SeqId seq : seqs) engine.close(seq);
    for (size_t i = 0; i < n; ++i) {
      d.truth.push_back(texts[first + i].truth);
      d.question.push_back(texts[first + i].question);
    }
    first += n;
    if (progress) progress(static_cast<double>(first) / static_cast<double>(texts.size()));
  }
  return d;
}

}  // namespace rouse
