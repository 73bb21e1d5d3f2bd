#include "gguf/check.h"

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
    expect_refusal([&] { check(bytes.substr(0, n)); }, Exit::bad_model, "not a usable GGUF file");
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
        EXPECT_EQ(e.exit_code(), Exit::bad_model);
      }
    }
}

TEST(GgufCheck, NamesTheLie) {
  const std::string bytes = bytes_of("llama.gguf");
  const auto refused = [](const std::string& bad, const std::string& part) {
    expect_refusal([&] { check(bad); }, Exit::bad_model, part);
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

TEST(GgufFile, RefusesWhatIsNoFile) {
  expect_refusal([] { GgufFile("/nonexistent.gguf"); }, Exit::bad_model, "cannot open");
  expect_refusal([] { GgufFile("/tmp"); }, Exit::bad_model, "is a directory");
  const TempDir dir;
  std::ofstream(dir / "empty.gguf");
  expect_refusal([&] { GgufFile(dir / "empty.gguf"); }, Exit::bad_model, "empty");
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
    expect_refusal([&] { Model(dir / "m.gguf", std::make_shared<Devices>(1)); }, Exit::bad_model, part);
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
  expect_refusal([&] { Model(dir / "m.gguf", std::make_shared<Devices>(1)); }, Exit::bad_model,
                 "architecture \"ollam\" is not supported");
}

}  // namespace rouse
