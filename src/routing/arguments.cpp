#include "routing/arguments.h"

#include "base/error.h"
#include "base/quoting.h"
#include "base/text.h"

namespace rouse {

Arguments::Arguments(const std::string& owner, const std::string& text) : owner_(owner) {
  if (text.empty()) return;
  bool first = true;
  for (const std::string& part : split_quoted(text, ",")) {
    const size_t equals = find_unquoted(part, "=");
    if (equals == std::string::npos) {
      require_usage(!part.empty(), "policy ", owner, ": an empty value");
      if (first)
        leading_ = unquote(part);
      else
        require_usage(flags_.insert(part).second, "policy ", owner, ": ", part, " is given twice");
    } else {
      const bool fresh = named_.emplace(part.substr(0, equals), unquote(part.substr(equals + 1))).second;
      require_usage(fresh, "policy ", owner, ": ", part.substr(0, equals), " is given twice");
    }
    first = false;
  }
}

std::optional<int64_t> Arguments::leading_integer() const {
  if (leading_.empty()) return std::nullopt;
  const auto value = parse_int(leading_);
  require_usage(value.has_value(), "policy ", owner_, ": \"", leading_, "\" is not a whole number");
  return value;
}

std::optional<double> Arguments::leading_number() const {
  if (leading_.empty()) return std::nullopt;
  const auto value = parse_double(leading_);
  require_usage(value.has_value(), "policy ", owner_, ": \"", leading_, "\" is not a number");
  return value;
}

std::optional<int64_t> Arguments::integer(const std::string& name) {
  const auto found = named_.find(name);
  if (found == named_.end()) return std::nullopt;
  const auto value = parse_int(found->second);
  require_usage(value.has_value(), "policy ", owner_, ": ", name, "=", found->second,
                " is not a whole number");
  named_.erase(found);
  return value;
}

std::optional<double> Arguments::number(const std::string& name) {
  const auto found = named_.find(name);
  if (found == named_.end()) return std::nullopt;
  const auto value = parse_double(found->second);
  require_usage(value.has_value(), "policy ", owner_, ": ", name, "=", found->second, " is not a number");
  named_.erase(found);
  return value;
}

bool Arguments::flag(const std::string& name) {
  return flags_.erase(name) > 0;
}

void Arguments::finish() const {
  require_usage(flags_.empty(), "policy ", owner_, ": unexpected \"", flags_.empty() ? "" : *flags_.begin(),
                "\", expected name=value");
  require_usage(named_.empty(), "policy ", owner_, ": unknown option ",
                named_.empty() ? "" : named_.begin()->first);
}

}  // namespace rouse
