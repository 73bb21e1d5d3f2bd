#include "calibration/corpus.h"

#include <algorithm>

#include "base/files.h"
#include "base/json.h"
#include "base/lines.h"
#include "base/random.h"
#include "base/text.h"
#include "tokenizer/pair.h"

namespace rouse {
namespace {

Document record_document(const JsonValue& record, const Tokenizer& tokenizer) {
  constexpr size_t kMostTokens = size_t{1} << 24;
  const auto ids = record.find("tokens"), prompt = record.find("prompt");
  if (ids) return {ids->integers(0, kMostTokens, 0, tokenizer.n_vocab() - 1), {}};
  const std::string& text = record.at("text").text(LineReader::kMostBytes);
  if (!prompt) return {tokenizer.encode(text, true, false), {}};
  EncodedPairs pair = encode_pairs(tokenizer, {{prompt->text(LineReader::kMostBytes), false}}, {&text, 1});
  Document out{std::move(pair.context), {}};
  out.n_prompt = static_cast<int>(out.tokens.size());
  out.tokens.insert(out.tokens.end(), pair.continuations[0].begin(), pair.continuations[0].end());
  return out;
}

/// The first token has no row that predicts it.
size_t first_scored(const Document& d) {
  return static_cast<size_t>(std::max(1, d.n_prompt));
}

}  // namespace

std::vector<Document> read_corpus(const std::vector<std::string>& paths, const Tokenizer& tokenizer,
                                  int n_token) {
  std::vector<Document> documents;
  const auto size = static_cast<size_t>(n_token);
  const auto add = [&](Document document) {
    if (document.tokens.size() > size) document.tokens.resize(size);
    if (document.tokens.size() > static_cast<size_t>(document.n_prompt))
      documents.push_back(std::move(document));
  };
  for (const std::string& path : paths) {
    if (path.ends_with(".jsonl")) {
      for (LineReader in(path, "calibration text"); in.next();) {
        if (in.blank()) continue;
        const Json record = parse_json(in.line(), in.where());
        add(record_document(JsonValue(record, in.where()), tokenizer));
      }
      continue;
    }
    const std::vector<int> whole =
        tokenizer.encode(plain_text(file_text(path, "calibration text")), true, false);
    const std::vector<int> bos =
        tokenizer.encode("", true, false);  // begins every piece, by the model's rule
    for (size_t at = bos.size(); at < whole.size();) {
      std::vector<int> tokens = bos;
      const size_t n = std::min(whole.size() - at, size - bos.size());
      tokens.insert(tokens.end(), whole.begin() + static_cast<std::ptrdiff_t>(at),
                    whole.begin() + static_cast<std::ptrdiff_t>(at + n));
      at += n;
      add({std::move(tokens), {}});
    }
  }
  require_usage(!documents.empty(), "the calibration text holds no document with a token to score");
  return documents;
}

void choose_scored(std::vector<Document>& documents, int n_scored, uint64_t seed) {
  if (n_scored == 0) {
    for (Document& d : documents)
      for (size_t t = first_scored(d); t < d.tokens.size(); ++t) d.scored.push_back(static_cast<int>(t));
    return;
  }
  constexpr size_t kPerDocument = 32;  // a perturbed pass costs the same for one scored token as for many
  const size_t wanted = std::max<size_t>(1, static_cast<size_t>(n_scored) / kPerDocument);
  std::vector<Document> kept;
  for (const size_t i : draw_subset(documents.size(), wanted, Random(seed, 0, 0)))
    kept.push_back(std::move(documents[i]));
  std::vector<std::pair<size_t, int>> candidates;
  for (size_t i = 0; i < kept.size(); ++i)
    for (size_t t = first_scored(kept[i]); t < kept[i].tokens.size(); ++t)
      candidates.emplace_back(i, static_cast<int>(t));
  for (const size_t c : draw_subset(candidates.size(), static_cast<size_t>(n_scored), Random(seed, 1, 0)))
    kept[candidates[c].first].scored.push_back(candidates[c].second);
  std::erase_if(kept, [](const Document& d) { return d.scored.empty(); });
  documents = std::move(kept);
}

uint64_t documents_hash(std::span<const Document> documents) {
  std::string text;
  for (const Document& d : documents) {
    for (const int t : d.tokens) text += cat(t, ",");
    for (const int t : d.scored) text += cat(t, ";");
  }
  return hash_text(text);
}

}  // namespace rouse
