/// A context and its continuations, against lm-evaluation-harness (tools/golden/boundaries.py): tokens and
/// log-likelihoods of 200 pairs with Mixtral's SentencePiece vocabulary and with a byte-level one.
#include "tokenizer/pair.h"

#include <numeric>

#include "decoding/scoring.h"
#include "support.h"

namespace rouse {
namespace {

/// The file with add_bos_token turned off, in a folder of its own.
std::string without_bos(const TempDir& dir, const std::string& path) {
  std::string bytes = read_file(path);
  const std::string key = "tokenizer.ggml.add_bos_token";
  bytes[bytes.find(key) + key.size() + 4] = 0;  // behind the value's type
  std::ofstream(dir / "model.gguf", std::ios::binary) << bytes;
  return dir / "model.gguf";
}

void check(const std::string& path, const char* part, size_t n_expected) {
  TinyModel m(path);
  const Tokenizer tokenizer(m.model->file());
  Scorer scorer({&m.engine}, make_method({}, m.models()));
  size_t n = 0;
  const nlohmann::json cases = golden_json("boundaries.json");
  for (const auto& c : cases[part]) {
    std::vector<std::string> continuations;
    for (const auto& pair : c["pairs"]) continuations.push_back(pair[0]);
    const EncodedPairs got =
        encode_pairs(tokenizer, {{c["context"].get<std::string>(), false}}, continuations);
    EXPECT_EQ(got.context, c["tokens"].get<std::vector<int>>()) << c["context"];
    for (size_t i = 0; i < continuations.size(); ++i, ++n) {
      const auto& pair = c["pairs"][i];
      EXPECT_EQ(got.continuations[i], pair[1].get<std::vector<int>>()) << c["context"] << " " << pair;
      const std::vector<ScoreRequest> request{{got.context, {got.continuations[i]}}};
      const Scored scored = scorer.score(request)[0];
      ASSERT_EQ(scored.error.has_value(), pair[2].is_null()) << "no token is left of the continuation";
      if (scored.error) continue;
      // Float sums of other orders over some layers: 1e-4 nats a token.
      EXPECT_NEAR(std::accumulate(scored.log_probs[0].begin(), scored.log_probs[0].end(), 0.0),
                  pair[2].get<double>(), 1e-4 * static_cast<double>(pair[1].size()))
          << c["context"] << " " << pair;
    }
  }
  EXPECT_EQ(n, n_expected);
}

}  // namespace

TEST(Pairs, AContinuationIsTheTokensThatFollowItsContextsAsTheHarnessHasThem) {
  check(golden("sentencepiece.gguf"), "sentencepiece", 200);
  check(golden("llama.gguf"), "byte_level", 200);
}

TEST(Pairs, ANewlineMayStayTheContexts) {
  for (const auto& [file, part] : {std::pair{"sentencepiece.gguf", "sentencepiece_lines"},
                                   std::pair{"llama.gguf", "byte_level_lines"}}) {
    const Tokenizer tokenizer(GgufFile(golden(file)));
    const nlohmann::json cases = golden_json("boundaries.json");
    ASSERT_EQ(cases[part].size(), 3u);
    for (const auto& c : cases[part]) {
      std::vector<std::string> continuations;
      for (const auto& pair : c["pairs"]) continuations.push_back(pair[0]);
      const EncodedPairs got = encode_pairs(tokenizer, {{c["context"].get<std::string>(), false}},
                                            continuations, EndSpace::context);
      EXPECT_EQ(got.context, c["tokens"].get<std::vector<int>>()) << c["context"];
      for (size_t i = 0; i < continuations.size(); ++i)
        EXPECT_EQ(got.continuations[i], c["pairs"][i][1].get<std::vector<int>>()) << c["pairs"][i];
    }
    // Behind "is " one of these is a token that the space is part of, so it counts to both.
    const std::vector<std::string> both = {"Paris", "42"};
    const EncodedPairs kept = encode_pairs(tokenizer, {{"France is ", false}}, both, EndSpace::context),
                       moved = encode_pairs(tokenizer, {{"France is ", false}}, both);
    if (std::string(file) != "llama.gguf") {
      EXPECT_EQ(kept.context, moved.context);
      EXPECT_EQ(kept.continuations, moved.continuations);
    }
  }
}

TEST(Pairs, AnEmptyContextIsBosWhateverTheFileAdds) {
  const TempDir dir;
  check(without_bos(dir, golden("sentencepiece.gguf")), "sentencepiece_without_bos", 18);
}

TEST(Pairs, WhiteSpaceIsPythons) {
  EXPECT_EQ(
      without_trailing_space("a \t\n\v\f\r\x1C\x1D\x1E\x1F\xC2\x85\xC2\xA0\xE1\x9A\x80\xE2\x80\x80\xE2\x80"
                             "\x8A\xE2\x80\xA8\xE2\x80\xA9\xE2\x80\xAF\xE2\x81\x9F\xE3\x80\x80"),
      "a");
  EXPECT_EQ(without_trailing_space("a\xE2\x80\x8B"), "a\xE2\x80\x8B") << "a zero width space is none";
  EXPECT_EQ(without_trailing_space(" \n"), "");
  EXPECT_EQ(without_trailing_space(""), "");
}

}  // namespace rouse
