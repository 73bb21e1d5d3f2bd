/// routing/arguments.h - "0.6,max=4,flag": one leading value, named ones, flags; values may be quoted
/// (base/quoting.h).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
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
  std::optional<double> number(const std::string& name);
  /// Whether "name" stands there without a value.
  bool flag(const std::string& name);
  /// Throws if a named value or a flag was never asked for.
  void finish() const;

 private:
  std::string owner_, leading_;
  std::map<std::string, std::string> named_;
  std::set<std::string> flags_;
};

}  // namespace rouse
