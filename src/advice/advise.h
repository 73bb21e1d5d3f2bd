/// advice/advise.h - whether another routing or method helps a model: a trial within a budget of time, on
/// text and on benchmarks, each method against the model as it is, with verdicts that say on what evidence.
///
/// Half of the text is to learn from (a plan, SCMoE's beta), the other half to judge on. Everything is kept
/// in one folder and goes on from there.
#pragma once

#include <atomic>
#include <functional>

#include "advice/reckoning.h"
#include "session/session.h"

namespace rouse {

struct AdviseOptions {
  ModelOptions model;
  std::vector<std::string> texts;  ///< empty: the model's own or the one that comes with rouse
  std::vector<std::string>
      tasks;           ///< empty: those that come with rouse and the model could know; "none": none
  std::string data;    ///< folder with other tasks' files
  std::string output;  ///< folder
  double budget_seconds = 20 * 60;
  int n_token = 128;  ///< a document is cut to so many
  uint64_t seed = 1;
  bool reckon_only = false;  ///< say what would be run, and stop
  bool force = false;        ///< what is there of other settings gives way
};

/// Who watches. Called from the thread that runs it; each may be empty.
struct AdviseEvents {
  std::function<void(const Json& file)> file = {};         ///< what the file is: the field "model"
  std::function<void(const Reckoning&)> reckoned = {};     ///< before any of it runs
  std::function<void(const std::string& part)> part = {};  ///< begins
  std::function<void(double done)> progress = {};          ///< of the part
  std::function<void(const std::string& text)> note = {};  ///< a sentence that a person should read
  const std::atomic<bool>* stop = nullptr;

  void tell(const std::string& text) const {
    if (note) note(text);
  }
  void begin(const std::string& name) const {
    if (part) part(name);
  }
  bool stopped() const { return stop && *stop; }
};

/// The text and the tasks that are used when none is given: files and names; the text's is "" where it is not
/// there.
std::string advice_text_file(const ModelOptions& model);
std::vector<std::string> advice_tasks(const ModelOptions& model);

/// {"format": "rouse-advice", "model", "options", "reckoning", "measured": [...], "verdicts": [{"method",
/// "verdict", "text", "expert_evaluations_ratio", "step_ratio", "step_ratio_interval"}], "headroom", "plan",
/// "published", "next", "seconds"}, also written to advice.json in the folder. Null when stopped: the same
/// call goes on. Throws Error (usage) for a dense model, a text that is too small, and a folder of other
/// settings.
Json advise(AdviseOptions options, const AdviseEvents& events = {});

}  // namespace rouse
