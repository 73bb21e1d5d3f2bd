#include "gguf/check.h"

#include <sys/stat.h>

#include <cstring>

#include "gguf/file.h"
#include "support.h"

namespace rouse {
namespace {

std::string bytes_of(const std::string& file) {
  return read_file(golden(file));
}

void check(const std::string& bytes) {
  check_gguf(std::as_bytes(std::span(bytes)), "file");
}

/// Writes a value over the bytes that follow the first occurrence of `after`.
template <class T>
std::string patched(std::string bytes, const std::string& after, size_t skip, T value) {
  const size_t at = bytes.find(after);
  EXPECT_NE(at, std::string::npos);
  std::memcpy(bytes.data() + at + after.size() + skip, &value, sizeof value);
  return bytes;
}

}  // namespace

TEST(GgufCheck, AcceptsTheGoldenFiles) {
  for (const char* file : {"llama.gguf", "mixtral.gguf", "deepseek.gguf"})
    EXPECT_NO_THROW(check(bytes_of(file)));
}

TEST(GgufCheck, RefusesEveryTruncation) {
  const std::string bytes = bytes_of("llama.gguf");
  for (size_t n = 0; n < bytes.size(); n += n < 12000 ? 7 : 4099)
    expect_refusal([&] { check(bytes.substr(0, n)); }, ErrorKind::bad_model, "not a usable GGUF file");
}

TEST(GgufCheck, SurvivesEveryFlippedByteOfTheHeader) {
  const std::string bytes = bytes_of("mixtral.gguf");
  for (size_t i = 0; i < 9000; ++i)
    for (const unsigned char flip : {0x01, 0x80, 0xff}) {
      std::string bad = bytes;
      bad[i] = static_cast<char>(bad[i] ^ flip);
      try {
        check(bad);
      } catch (const Error& e) {
        EXPECT_EQ(e.kind(), ErrorKind::bad_model);
      }
    }
}

TEST(GgufCheck, NamesTheLie) {
  const std::string bytes = bytes_of("llama.gguf");
  const auto refused = [](const std::string& bad, const std::string& part) {
    expect_refusal([&] { check(bad); }, ErrorKind::bad_model, part);
  };
  refused("GGML", "begins with other bytes");
  refused(patched<uint32_t>(bytes, "GGUF", 0, 9), "version is 9");
  refused(patched<uint64_t>(bytes, "GGUF", 4, uint64_t{1} << 60), "tensors, the limit");
  refused(patched<uint64_t>(bytes, "GGUF", 12, ~uint64_t{0}), "keys, the limit");
  const std::string tensor = "output_norm.weight";
  refused(patched<uint32_t>(bytes, tensor, 0, 7), "has 7 dimensions");
  refused(patched<uint64_t>(bytes, tensor, 4, 0), "dimension of 0");
  refused(patched<uint64_t>(bytes, tensor, 4, uint64_t{1} << 62), "has a dimension of");
  refused(patched<uint32_t>(bytes, tensor, 12, 200), "unknown element type");
  refused(patched<uint32_t>(bytes, tensor, 12, 4), "unknown element type");  // a type that ggml removed
  refused(patched<uint64_t>(bytes, tensor, 16, uint64_t{1} << 40), "starts at offset");
  refused(patched<uint64_t>(bytes, "tokenizer.ggml.tokens", 8, ~uint64_t{0} / 2), "entries, the limit");
}

TEST(GgufCheck, RefusesNulBytesWhereGgmlWouldCut) {
  const std::string bytes = bytes_of("llama.gguf");
  const auto refused = [](const std::string& bad, const std::string& part) {
    expect_refusal([&] { check(bad); }, ErrorKind::bad_model, part);
  };
  std::string key = bytes, tensor = bytes, token = bytes;
  key[key.find("llama.vocab_size") + 7] = '\0';
  refused(key, "a key holds a NUL byte");
  tensor[tensor.find("output_norm.weight") + 3] = '\0';
  refused(tensor, "a tensor's name holds a NUL byte");
  token[token.find("\u0120", token.find("tokenizer.ggml.merges"))] = '\0';
  refused(token, " of key tokenizer.ggml.merges holds a NUL byte");
}

/// ggml searches names from end to end; with as many as a file may have, that took minutes.
TEST(GgufFile, FindsKeysAndTensorsAmongAsManyAsMayBe) {
  constexpr size_t kKeys = kMaxKeys, kTensors = kMaxTensors;
  std::string bytes = "GGUF";
  const auto put = [&](auto value) { bytes.append(reinterpret_cast<const char*>(&value), sizeof value); };
  const auto name = [&](const std::string& text) { put(uint64_t{text.size()}), bytes += text; };
  put(uint32_t{3}), put(uint64_t{kTensors}), put(uint64_t{kKeys});
  for (uint32_t i = 0; i < kKeys; ++i) name(cat("key.", i)), put(uint32_t{GGUF_TYPE_UINT32}), put(i);
  for (size_t i = 0; i < kTensors; ++i)
    name(cat("tensor.", i)), put(uint32_t{1}), put(uint64_t{1}), put(uint32_t{GGML_TYPE_F32}),
        put(uint64_t{i * 32});
  bytes.resize((bytes.size() + 31) / 32 * 32 + kTensors * 32);
  const TempDir dir;
  std::ofstream(dir / "many.gguf", std::ios::binary) << bytes;
  const GgufFile file(dir / "many.gguf");
  for (size_t i = 0; i < kKeys; i += 13) ASSERT_EQ(file.integer(cat("key.", i)), static_cast<int64_t>(i));
  for (size_t i = 0; i < kTensors; i += 13)
    ASSERT_EQ(file.data(file.tensor(cat("tensor.", i))).data(),
              file.part(0).data() + file.part(0).size() - (kTensors - i) * 32);
  EXPECT_EQ(file.fingerprint().size(), 64u);
}

TEST(GgufFile, RefusesWhatIsNoFile) {
  expect_refusal([] { GgufFile("/nonexistent.gguf"); }, ErrorKind::bad_model, "cannot open");
  expect_refusal([] { GgufFile("/tmp"); }, ErrorKind::bad_model, "is a directory");
  const TempDir dir;
  std::ofstream(dir / "empty.gguf");
  expect_refusal([&] { GgufFile(dir / "empty.gguf"); }, ErrorKind::bad_model, "empty");
  ASSERT_EQ(mkfifo((dir / "pipe").c_str(), 0600), 0);  // nobody writes: opening it would wait for ever
  expect_refusal([&] { GgufFile(dir / "pipe"); }, ErrorKind::bad_model, "is not a regular file");
}

TEST(GgufFile, FingerprintFollowsTheWeights) {
  const TempDir dir;
  std::string bytes = bytes_of("llama.gguf");
  const std::string same = GgufFile(golden("llama.gguf")).fingerprint();
  EXPECT_EQ(same.size(), 64u);
  bytes[bytes.size() - 40] ^= 1;
  std::ofstream(dir / "m.gguf", std::ios::binary) << bytes;
  EXPECT_NE(GgufFile(dir / "m.gguf").fingerprint(), same);
}

TEST(Model, RefusesShapesThatContradictTheMetadata) {
  const TempDir dir;
  const auto refused = [&](const std::string& key, uint32_t value, const std::string& part) {
    // A key is followed by its type (4 bytes), then its value.
    std::ofstream(dir / "m.gguf", std::ios::binary)
        << patched<uint32_t>(bytes_of("mixtral.gguf"), key, 4, value);
    expect_refusal([&] { Model(dir / "m.gguf", std::make_shared<Devices>(1)); }, ErrorKind::bad_model, part);
  };
  refused("llama.feed_forward_length", 99, "ffn_gate_exps.weight is [64, 32, 8], expected [64, 99, 8]");
  refused("llama.expert_count", 9, "expected [64, 9]");
  refused("llama.block_count", 4, "tensor blk.3.attn_norm.weight is missing");
  refused("llama.block_count", 2, "blk.2.attn_norm.weight is not part of");
  refused("llama.block_count", 0, "llama.block_count is 0");
  refused("llama.expert_used_count", 9, "expected 0 to 8");
  refused("llama.attention.head_count", 3, "3 heads over 2 KV heads");
  std::string other = bytes_of("mixtral.gguf");
  other.replace(other.find("llama"), 5, "ollam");
  std::ofstream(dir / "m.gguf", std::ios::binary) << other;
  expect_refusal([&] { Model(dir / "m.gguf", std::make_shared<Devices>(1)); }, ErrorKind::bad_model,
                 "architecture \"ollam\" is not supported");
}

}  // namespace rouse
