/// gguf/hash.h - sha256, for the identity of files.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace rouse {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void add(std::span<const std::byte> bytes);
  /// Of everything added, in hexadecimal; once.
  std::string hex();

 private:
  struct Digest;
  std::unique_ptr<Digest> digest_;
};

std::string sha256_of_text(std::string_view text);
/// Of a whole file. Throws Error (exit 2) when it cannot be read.
std::string sha256_of_file(const std::string& path);

}  // namespace rouse
