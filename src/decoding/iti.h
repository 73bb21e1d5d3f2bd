/// decoding/iti.h - inference-time intervention (arXiv:2306.03341): what `rouse iti fit` found about the
/// attention heads of a model, and the shift that follows.
///
/// Each head whose linear probe separates true answers from false ones best has sigma * alpha * theta added
/// to its output: theta the direction from false to true, sigma the spread of activations along it. The shift
/// applies at every position, as in the models that the authors published with it built in.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/batch.h"
#include "model/model_spec.h"

namespace rouse {

struct ItiHead {
  int layer = 0, head = 0;
  double accuracy = 0;           ///< of its probe on questions that it was not fitted on
  double sigma = 0;              ///< standard deviation of activations along theta
  std::vector<float> direction;  ///< theta: mass-mean shift, length 1; [n_embd_head_v]
};

struct ItiFile {
  std::string path, arch;
  int n_layer = 0, n_head = 0, width = 0;
  nlohmann::ordered_json options = nlohmann::ordered_json::object();  ///< how it was fitted
  nlohmann::ordered_json report = nlohmann::ordered_json::object();   ///< what the fit found
  std::vector<ItiHead> heads;                                         ///< best first
};

/// The paper's K = 48 and alpha = 15 are of LLaMA-7B, 1,024 heads whose output is 4,096 wide. Of another
/// model, K is the same share of its heads, at least 1, and alpha is in proportion to the width: a smaller
/// model is ruined by the paper's (docs/methods.md).
int usual_iti_heads(int n_head_total);
float usual_iti_alpha(int width);

/// Throws Error (exit 3) naming the file, the field, what was found and what was wanted.
ItiFile read_iti(const std::string& path);
/// Whole or not at all.
void save_iti(const ItiFile& file, const std::string& path);

/// The shift of the n_head best heads. Throws Error: exit 3 when the file is for another model, exit 2 for
/// options out of range.
std::shared_ptr<const HeadShift> head_shift(const ItiFile& file, const ModelSpec& spec, float alpha,
                                            int n_head);

}  // namespace rouse
