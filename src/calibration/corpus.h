/// calibration/corpus.h - the calibration text as token documents, and which tokens are scored.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace rouse {

struct Document {
  std::vector<int> tokens;  ///< BOS by the model's rule
  std::vector<int> scored;  ///< positions t >= 1, ascending; the row that predicts token t stands at t - 1
  int n_prompt = 1;         ///< tokens at the beginning that are not to be scored
};

/// Reads files: JSON Lines with `text` (or `tokens`, ids as they are), or plain text, which is cut into
/// consecutive documents. `prompt` before a `text` is read with it and not scored, as a template is not: what
/// nobody wants from the model says nothing of it. A document is cut to n_token tokens; those without a token
/// to score are left out.
/// Throws Error naming file and line.
std::vector<Document> read_corpus(const std::vector<std::string>& paths, const Tokenizer& tokenizer,
                                  int n_token);

/// Of all tokens and scored positions: results of other texts are not continued.
uint64_t documents_hash(std::span<const Document> documents);

/// Draws n_scored positions behind the prompts uniformly by seed over at most n_scored / 32 documents,
/// themselves drawn by seed, and drops documents without any; 0 scores every such position of every document.
void choose_scored(std::vector<Document>& documents, int n_scored, uint64_t seed);

}  // namespace rouse
