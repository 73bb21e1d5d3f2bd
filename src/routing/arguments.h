/// routing/arguments.h - "0.6,max=4": one leading value and named ones.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace rouse {

class Arguments {
 public:
  /// `owner` names the policy in errors.
  Arguments(const std::string& owner, const std::string& text);
  /// The value without a name, or nothing.
  std::optional<int64_t> leading_integer() const;
  std::optional<double> leading_number() const;
  const std::string& leading() const { return leading_; }
  std::optional<int64_t> integer(const std::string& name);
  /// Throws if a named value was never asked for.
  void finish() const;

 private:
  std::string owner_, leading_;
  std::map<std::string, std::string> named_;
};

}  // namespace rouse
