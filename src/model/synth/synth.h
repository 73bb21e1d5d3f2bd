/// model/synth/synth.h - random-weight model files of a supported architecture and size, with a real
/// tokenizer.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <span>

#include "gguf/writer.h"
#include "model/synth/shape.h"
#include "model/tensors.h"

namespace rouse {

struct SynthOptions {
  std::string arch, like;             ///< a small shape's name or a real model's; both empty: llama
  std::string type = "q4_0";          ///< of the matrices
  std::map<std::string, int> fields;  ///< ShapeField::flag -> value, for those that were given
  uint64_t seed = 1;
  bool tied = false;  ///< no head of its own: the embeddings serve
};

/// The tensors and keys of a file, and its weights as they are drawn: the same for any number of threads.
class Synth {
 public:
  /// `vocab` gives the tokenizer. Throws Error (usage) for sizes that no reader would take.
  Synth(const SynthOptions& o, const GgufFile& vocab);
  /// The bytes written. Throws Error (interrupted) when stopped.
  uint64_t write(const std::string& path, const std::function<void(double)>& progress = {},
                 const std::atomic<bool>* stop = nullptr);
  std::string type_text() const { return ggml_type_name(type_); }

 private:
  ModelSpec plan(const gguf_context* source, int64_t n_vocab) const;
  void add(const TensorInfo& info);
  void draw(const ggml_tensor* t, uint64_t index);

  SynthOptions o_;
  SynthShape shape_;
  ggml_type type_;
  std::unique_ptr<GgufWriter> writer_;
  std::vector<TensorKind> kinds_;  ///< in tensor order
  std::vector<std::byte> data_;    ///< of the tensor at hand
};

}  // namespace rouse
