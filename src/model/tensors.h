/// model/tensors.h - the tensors of a model file, by name and shape, as its properties imply them. The loader
/// checks a file against this table, and `rouse synth` writes files from it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/model_spec.h"

namespace rouse {

enum class TensorKind {
  norm,    ///< a vector near 1, F32
  bias,    ///< a vector, or one an expert, near 0, F32; sinks too
  router,  ///< a matrix that is not quantised by those who write files
  matrix,  ///< any other
};

/// Whether the kernels take a weight of that kind in that type: products all types that ggml multiplies by,
/// sums and scales F32 alone.
bool type_fits(TensorKind kind, ggml_type type);

struct TensorInfo {
  std::string name;
  std::vector<int64_t> ne;  ///< ggml's order
  TensorKind kind = TensorKind::matrix;
  bool required = true;      ///< else a file may leave it out
  std::string instead = "";  ///< the name of a tensor that stands for it where a file has that one
};

/// Tensors of block `layer`, "blk.N." included in their names.
std::vector<TensorInfo> block_tensors(const ModelSpec& spec, int layer);
/// Embeddings, final norm, head, frequency table.
std::vector<TensorInfo> outer_tensors(const ModelSpec& spec);

/// The file's tensor of that entry, or null where an optional one is left out or another stands for it.
/// Throws Error (exit 3) when it is missing, or has another shape or a type that does not fit.
const ggml_tensor* find_tensor(const GgufFile& file, const TensorInfo& info);
/// Of a block that predicts tokens further on (ModelSpec::n_nextn): in the file, and never read.
bool is_left_out(const ModelSpec& spec, const std::string& name);
/// Throws the Error for a tensor that does not belong to the model.
[[noreturn]] void refuse_tensor(const GgufFile& file, const ggml_tensor* tensor);
/// Whether every tensor is there, in the right shape and a type that fits, and none besides. Throws Error
/// (exit 3) naming the first.
void check_tensors(const GgufFile& file, const ModelSpec& spec);

/// What a tensor is for, by its name: "attention", "experts", "shared experts", "routers", "dense
/// feed-forward", "embeddings", "head", "norms" or "other".
const char* tensor_part(const std::string& name);

}  // namespace rouse
