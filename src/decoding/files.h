/// decoding/files.h - where methods get the files that their options name: plans, traces, steering files and
/// heads for ITI.
#pragma once

#include "decoding/iti.h"
#include "decoding/options.h"
#include "routing/files.h"

namespace rouse {

class MethodFiles : public RoutingFiles {
 public:
  /// As plan() and trace().
  virtual std::shared_ptr<const ItiFile> iti(const std::string& name) const = 0;
  /// Its bytes, for provenance.
  virtual std::string iti_text(const std::string& name) const = 0;
};
/// A name is a path, which is opened and read.
const MethodFiles& method_files_by_path();

inline const MethodFiles& files_of(const MethodOptions& options) {
  return options.files ? *options.files : method_files_by_path();
}

}  // namespace rouse
