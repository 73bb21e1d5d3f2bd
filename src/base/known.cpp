#include "base/known.h"

#include "base/error.h"
#include "base/option.h"
#include "base/text.h"

namespace rouse {

std::string known_names(std::string_view name, std::span<const std::string> known, std::string_view more) {
  const std::string all = join({known.begin(), known.end()}, ", ");
  return cat("; known: ", known.empty() ? "none" : all, more, did_you_mean(name, known));
}

}  // namespace rouse
