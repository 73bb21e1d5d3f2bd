#include "gguf/hash.h"

#include <openssl/evp.h>

#include <fstream>
#include <vector>

#include "base/error.h"

namespace rouse {

struct Sha256::Digest {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(), EVP_MD_CTX_free};
};

Sha256::Sha256() : digest_(std::make_unique<Digest>()) {
  EVP_DigestInit_ex(digest_->context.get(), EVP_sha256(), nullptr);
}

Sha256::~Sha256() = default;

void Sha256::add(std::span<const std::byte> bytes) {
  EVP_DigestUpdate(digest_->context.get(), bytes.data(), bytes.size());
}

std::string Sha256::hex() {
  unsigned char hash[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  EVP_DigestFinal_ex(digest_->context.get(), hash, &length);
  std::string out;
  for (unsigned i = 0; i < length; ++i) {
    constexpr char kHex[] = "0123456789abcdef";
    out += kHex[hash[i] >> 4];
    out += kHex[hash[i] & 15];
  }
  return out;
}

std::string sha256_of_text(std::string_view text) {
  Sha256 hash;
  hash.add(std::as_bytes(std::span(text)));
  return hash.hex();
}

std::string sha256_of_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  require_usage(in.good(), path, ": cannot open");
  Sha256 hash;
  std::vector<char> buffer(1 << 20);
  while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || in.gcount() > 0)
    hash.add(std::as_bytes(std::span(buffer)).first(static_cast<size_t>(in.gcount())));
  return hash.hex();
}

}  // namespace rouse
