/// session/identity.h - whether a saved answer is the answer of today's request.
#pragma once

#include <string>

#include "session/request.h"

namespace rouse {

/// What an answer depends on: the prompt's tokens, the method with everything that it reads from files, how
/// tokens are chosen, the models; as a hash. Its functions throw Error as starting the request would.
class AnswerIdentity {
 public:
  explicit AnswerIdentity(const Session& session);
  std::string of(const Request& request) const;
  /// As much of it as answers without an identity hold.
  std::string inputs(const Request& request) const;
  /// The same of a saved answer.
  static std::string inputs(const std::vector<int>& prompt_tokens, const std::string& policy_hash,
                            const std::string& method);

 private:
  const Session& session_;
  std::string model_, amateur_;  ///< fingerprints
};

}  // namespace rouse
