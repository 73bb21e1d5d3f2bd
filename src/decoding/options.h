/// decoding/options.h - the options of decoding methods as one table: command-line flags, `compare`'s
/// name=value, the keys of requests and the provenance of results all come from it (session/options.h).
#pragma once

#include <memory>
#include <set>
#include <span>
#include <string>
#include <variant>

#include "base/option.h"

namespace rouse {

class MethodFiles;

/// Every method's options; defaults are the papers'.
struct MethodOptions {
  std::string name = "greedy";
  std::string routing = "topk";                   ///< of the only stream, or of the strong one
  std::string weak;                               ///< scmoe; empty: RouterSpec::published_weak
  std::string amateur, amateur_routing = "topk";  ///< cd
  float alpha = 0.1f, beta = 0.5f, strong_temp = 1.0f, weak_temp = 1.0f;
  std::string execution = "auto";  ///< plain, fused, lazy, auto
  std::string dola_layers = "high", dola_variant = "transformers";
  float relative_top = 0.1f;
  int final_norm = 0;
  float penalty_alpha = 0.6f;
  int candidates = 5;
  int routes = 4;
  std::string route_policy;  ///< roe; empty: the model's top-k under Gumbel noise
  int beams = 4;
  float length_penalty = 1.0f;
  std::string routing_per_sample;  ///< policies of several samples of a text, in turn; see of_sample
  std::string iti;
  float iti_alpha = 15.0f;
  int iti_heads = 48;
  double simulate_weak_needed = -1.0;  ///< bench only: pretend that this share of steps needs a contrast
  /// Names that the user set, with dashes: one that the method does not read is refused.
  std::set<std::string> given;
  /// Where `iti` and the policies find the files that they name; null: by path (decoding/files.h).
  std::shared_ptr<const MethodFiles> files = nullptr;
};

struct MethodOption {
  OptionSpec spec;
  const char* methods;  ///< those that read it, space-separated; empty: all
  std::variant<std::string MethodOptions::*, float MethodOptions::*, int MethodOptions::*> member;

  OptionPlace place(MethodOptions& options) const;
};
/// In the order of `--help`; `method` and `routing` first.
std::span<const MethodOption> method_options();
/// The option of that name (dashes or underscores), or null.
const MethodOption* find_method_option(const std::string& name);

/// Sets the option of that name (dashes or underscores) and notes that it was given. False when there is
/// none. Throws Error (usage, of the option) for a value of another kind or out of range.
bool set_method_option(MethodOptions& options, const std::string& name, const std::string& value);
void set_method_option(MethodOptions& options, const MethodOption& option, const Json& value);
/// Whether a method reads the option of that name.
bool method_reads(const std::string& method, const std::string& option);
/// Throws Error (exit 2) when a given option is not read by the method.
void check_given(const MethodOptions& options);
/// The method of the i-th of several samples of a text: where the options name policies per sample
/// ("topk:6,'explore:8,keep=2'", separated by commas), the i-th of them, in turn, its seed moved on by i.
/// Throws Error (exit 2).
MethodOptions of_sample(const MethodOptions& options, int i);
/// Whether all of so many samples have routings that differ.
bool samples_differ(const MethodOptions& options, int n_sample);
/// "scmoe(weak=rank:2,alpha=0.1)": the method with the options it reads, those of no effect left out.
std::string method_text(const MethodOptions& options);

}  // namespace rouse
