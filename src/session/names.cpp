#include "session/names.h"

#include <algorithm>
#include <fstream>

#include "base/error.h"
#include "base/json.h"
#include "base/known.h"
#include "base/text.h"
#include "session/variant.h"

namespace rouse {
namespace {

struct Pair {
  std::string name, value;
};

Pair parse_pair(const std::string& text, const char* option, const char* expected) {
  constexpr size_t kLongest = 64;
  const size_t equals = text.find('=');
  require_option(equals != std::string::npos && equals + 1 < text.size(), option, " is ", json_text(text),
                 ", expected ", expected);
  const std::string name = text.substr(0, equals);
  const bool plain = std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '-' || c == '.';
  });
  require_option(plain && !name.empty() && name.size() <= kLongest, option, ": the name is ", json_text(name),
                 ", expected 1 to ", kLongest, " letters, digits and _ - .");
  return {name, text.substr(equals + 1)};
}

/// "rouse-plan": what the file says it is, in its first bytes.
std::string format_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  require_file(in.good(), path, ": cannot open");
  std::string head(4096, '\0');
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<size_t>(in.gcount()));
  for (const char* format : {"rouse-plan", "rouse-trace", "rouse-steer", "rouse-iti"})
    if (head.find(cat('"', format, '"')) != std::string::npos) return format;
  throw Error(cat(path, ": is not a plan, a trace or a file of `rouse steer fit` or `rouse iti fit`"),
              ErrorKind::bad_file);
}

template <class T>
std::vector<std::string> keys_of(const std::map<std::string, T>& map) {
  std::vector<std::string> out;
  for (const auto& entry : map) out.push_back(entry.first);
  return out;
}

template <class T>
const T& find_named(const std::map<std::string, T>& map, const char* kind, const std::string& name,
                    const char* subject = "") {
  const auto found = map.find(name);
  if (found != map.end()) return found->second;
  throw Error(cat(kind, ' ', json_text(name), " is not known here", known_names(name, keys_of(map))),
              ErrorKind::usage, subject);
}

class NamesOrPaths final : public MethodFiles {
 public:
  explicit NamesOrPaths(std::shared_ptr<const Names> names) : names_(std::move(names)) {}
  std::shared_ptr<const Plan> plan(const std::string& name) const override {
    return of(names_->has_plan(name)).plan(name);
  }
  std::shared_ptr<const Trace> trace(const std::string& name) const override {
    return of(names_->has_trace(name)).trace(name);
  }
  std::shared_ptr<const SteerFile> steer(const std::string& name) const override {
    return of(names_->has_steer(name)).steer(name);
  }
  std::shared_ptr<const ItiFile> iti(const std::string& name) const override {
    return of(names_->has_iti(name)).iti(name);
  }
  std::string iti_text(const std::string& name) const override {
    return of(names_->has_iti(name)).iti_text(name);
  }

 private:
  const MethodFiles& of(bool named) const { return named ? *names_ : method_files_by_path(); }
  std::shared_ptr<const Names> names_;
};

}  // namespace

void Names::add_file(const std::string& text) {
  const auto [name, path] = parse_pair(text, "name", "NAME=FILE");
  require_option(!has_plan(name) && !has_trace(name) && !has_steer(name) && !has_iti(name), "name", ": ",
                 name, " is given twice");
  const std::string format = format_of(path);
  if (format == "rouse-plan") {
    plans_[name] = std::make_shared<Plan>(read_plan(path));
  } else if (format == "rouse-trace") {
    traces_[name] = std::make_shared<Trace>(read_trace(path));
  } else if (format == "rouse-steer") {
    steers_[name] = std::make_shared<SteerFile>(read_steer(path));
  } else {
    auto file = std::make_shared<ItiFile>(read_iti(path));
    file->path = name;  // so messages show to whoever asks what the asker said
    iti_[name] = {std::move(file), method_files_by_path().iti_text(path)};
  }
}

void Names::add_preset(const std::string& text) {
  const auto [name, variant] = parse_pair(text, "preset", "NAME=METHOD [name=value...]");
  require_option(!has_preset(name), "preset", ": ", name, " is given twice");
  for (const MethodEntry& entry : method_registry())
    require_option(name != entry.name, "preset", ": ", name, " is a method already");
  try {
    presets_[name] = parse_variant(variant);
  } catch (const Error& e) {
    throw e.within(cat("preset ", name));
  }
}

void Names::check_presets(const MethodModels& models) const {
  for (const auto& entry : presets_) {
    MethodOptions options = entry.second;
    options.files = std::shared_ptr<const MethodFiles>(std::shared_ptr<void>(), this);  // not owned
    try {
      make_method(options, models);
    } catch (const Error& e) {
      throw e.within(cat("preset ", entry.first));
    }
  }
}

std::shared_ptr<const Plan> Names::plan(const std::string& name) const {
  return find_named(plans_, "plan", name);
}
std::shared_ptr<const Trace> Names::trace(const std::string& name) const {
  return find_named(traces_, "trace", name);
}
std::shared_ptr<const SteerFile> Names::steer(const std::string& name) const {
  return find_named(steers_, "steering", name);
}
std::shared_ptr<const ItiFile> Names::iti(const std::string& name) const {
  return find_named(iti_, "iti", name, "iti").file;
}
std::string Names::iti_text(const std::string& name) const {
  return find_named(iti_, "iti", name, "iti").text;
}
const MethodOptions& Names::preset(const std::string& name) const {
  return find_named(presets_, "preset", name, "preset");
}
std::vector<std::string> Names::presets() const {
  return keys_of(presets_);
}

std::vector<std::string> Names::plans() const {
  return keys_of(plans_);
}

std::shared_ptr<const MethodFiles> names_or_paths(std::shared_ptr<const Names> names) {
  return std::make_shared<NamesOrPaths>(std::move(names));
}

}  // namespace rouse
