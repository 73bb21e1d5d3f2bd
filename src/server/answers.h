/// server/answers.h - what came of a call, in the objects of OpenAI's API.
#pragma once

#include "server/reading.h"

namespace rouse {

/// A scored token.
struct NamedScore {
  int token = 0;
  double log_prob = 0;
  bool known = true;  ///< false: the first of a text, which nothing came before
  std::vector<std::pair<int, double>> top = {};
  size_t n_character = 0;  ///< that it adds to the text, for offsets
};

/// What a prompt's echo brings: its text, as it was given, and how likely each of its tokens was.
struct Echo {
  std::string text;
  std::vector<int> tokens;
  std::vector<NamedScore> scores;  ///< of every token; known where logprobs were asked for
};

class AnswerWriter {
 public:
  AnswerWriter(const Service& service, const Call& call);

  /// Of a text: logprobs of chat or of completions. n_before: characters of the text before.
  Json log_probs(std::span<const NamedScore> scores, size_t n_before = 0) const;
  /// The whole reply, once all texts have ended. Throws the Error of a text that failed.
  Json whole(const LiveTexts& texts, std::span<const Echo> echoes) const;
  /// The chunk that begins a stream, of one text; what is new of it; and its last, with a finish_reason.
  Json first_chunk(size_t text) const;
  Json chunk(const News& news);
  Json last_chunk(const LiveTexts& texts, size_t text) const;
  Json usage_chunk(const LiveTexts& texts) const;

 private:
  struct Sample {
    size_t call;  ///< which of the call's texts
    int number;   ///< of its samples
  };
  Json head(bool chunk) const;
  Json chunk_of(size_t text, Json delta, Json log_probs, Json finish) const;
  Json choice(const LiveTexts& texts, size_t text, std::span<const Echo> echoes) const;
  Json usage(const LiveTexts& texts) const;
  Json rouse(const LiveTexts& texts) const;
  Result result(const LiveTexts& texts, size_t text) const;
  std::vector<NamedScore> named(std::span<const int> tokens, std::span<const TokenScore> scores) const;
  Json said(const Generation& g, bool streamed) const;
  void add_routes(const LiveTexts& texts, size_t text, Json& choice) const;
  std::vector<NamedScore> scores(const Generation& g) const;
  void add_end_token(const Generation& g, std::vector<NamedScore>& scores) const;

  const Service& service_;
  const Call& call_;
  std::string id_;
  int64_t created_;
  std::vector<Sample> samples_;
  std::vector<size_t> n_written_;  ///< [text]: characters in chunks so far
};

/// What a completion shows of a text, given or made of the prompt's ids.
Echo echo_of(const PromptOptions& prompt, const Tokenizer& tokenizer);
/// "stop" or "length"; null while a text runs.
Json finish_reason(StopReason stop);
/// 24 hexadecimal digits that nobody can guess.
std::string random_id();

}  // namespace rouse
