/// session/names.h - files and presets by name: what whoever starts rouse gives to those who send requests.
///
/// A plan, a trace, a file for steering or for ITI is read once, when it is added; what lies on the disk
/// later has no effect. A request says `routing: "plan:facts"`, `iti: "heads"`, `method: "careful"`. Whatever
/// is no such name is refused with one and the same message, a path that exists no differently from one that
/// does not.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "decoding/files.h"
#include "decoding/method.h"

namespace rouse {

/// Filled when rouse starts; reading from several threads is fine afterwards.
class Names final : public MethodFiles {
 public:
  /// "NAME=FILE"; what kind of file it is, the file says. "NAME=scmoe beta=0.8 routing=plan:facts". Both
  /// throw Error (usage) for a name that is taken or is not 1 to 64 letters, digits and _ - . and for a
  /// preset that is none; bad_file for a file that cannot be read or is of no such kind.
  void add_file(const std::string& text);
  void add_preset(const std::string& text);
  /// Throws Error (usage or bad_file) naming a preset that cannot run on these models.
  void check_presets(const MethodModels& models) const;

  /// Throw Error (usage): "plan \"x\" is not known here; known: a, b".
  std::shared_ptr<const Plan> plan(const std::string& name) const override;
  std::shared_ptr<const Trace> trace(const std::string& name) const override;
  std::shared_ptr<const SteerFile> steer(const std::string& name) const override;
  std::shared_ptr<const ItiFile> iti(const std::string& name) const override;
  std::string iti_text(const std::string& name) const override;
  const MethodOptions& preset(const std::string& name) const;

  bool has_plan(const std::string& name) const { return plans_.count(name) > 0; }
  bool has_trace(const std::string& name) const { return traces_.count(name) > 0; }
  bool has_steer(const std::string& name) const { return steers_.count(name) > 0; }
  bool has_iti(const std::string& name) const { return iti_.count(name) > 0; }
  bool has_preset(const std::string& name) const { return presets_.count(name) > 0; }
  /// In alphabetical order, for whoever lists them.
  std::vector<std::string> presets() const;
  std::vector<std::string> plans() const;

 private:
  struct Heads {
    std::shared_ptr<const ItiFile> file;
    std::string text;
  };
  std::map<std::string, std::shared_ptr<const Plan>> plans_;
  std::map<std::string, std::shared_ptr<const Trace>> traces_;
  std::map<std::string, std::shared_ptr<const SteerFile>> steers_;
  std::map<std::string, Heads> iti_;
  std::map<std::string, MethodOptions> presets_;
};

/// Names first, then paths: for who may name files, the command line and its batches.
std::shared_ptr<const MethodFiles> names_or_paths(std::shared_ptr<const Names> names);

}  // namespace rouse
