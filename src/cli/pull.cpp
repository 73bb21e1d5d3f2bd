/// cli/pull.cpp - models from a hub into the cache, and what is in it: rouse pull, list, rm.
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "base/table.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/hub_flags.h"
#include "cli/terminal.h"
#include "hub/download.h"

namespace rouse {
namespace {

/// For who cannot reach a hub.
std::string models_here(const ModelStore& store) {
  std::vector<std::string> names;
  for (const StoredModel& model : store.models())
    if (model.whole) names.push_back(model.name);
  return names.empty() ? "no model is in the cache" : "models that are here: " + join(names, ", ");
}

Repository repository(const Hub& hub, const ModelName& name, const ModelStore& store,
                      const std::atomic<bool>& stop) {
  try {
    return hub.repository(name.repo, &stop);
  } catch (const HubUnreachable& e) {
    throw Error(cat(e.what(), "; ", models_here(store)), e.kind());
  }
}

const RepoModel& chosen_model(std::span<const RepoModel> models, const ModelName& name) {
  require_model(!models.empty(), name.repo,
                ": has no GGUF file, expected a repository of converted models (many are called ...-GGUF)");
  const RepoModel* chosen = choose_model(models, name.tag);
  std::vector<std::string> known;
  for (const RepoModel& model : models) {
    known.push_back(model.quant);
    known.push_back(model.files[0].path);
  }
  require_model(chosen, name.repo, ": has no ", name.tag, did_you_mean(name.tag, known), "; it has ",
                tags_text(models));
  require_model(chosen->whole(), name.repo, ": has ", chosen->files.size(), " of the ", chosen->n_part,
                " parts of ", chosen->files[0].path);
  return *chosen;
}

/// One bar for all parts.
class PullProgress {
 public:
  explicit PullProgress(DownloadOptions& o) : bar_("fetching") {
    o.progress = [this](uint64_t done, uint64_t total) { show(done, total); };
    o.phase = [this](const std::string& what) { phase_ = what; };
    o.warn = [](const std::string& line) {
      const char* begin = isatty(STDERR_FILENO) ? "\r\033[K" : "";
      std::fprintf(stderr, "%srouse: %s\n", begin, printable(line).c_str());
    };
  }

 private:
  void show(uint64_t done, uint64_t total) {
    const double now = now_seconds();
    if (from_ == 0) from_ = done;  // what was there before came at no speed
    if (now - begin_ > 1) {
      speed_ = done > from_ ? static_cast<double>(done - from_) / (now - begin_) : 0;
      begin_ = now, from_ = done;
    }
    const std::string speed = bytes_text(static_cast<uint64_t>(speed_)) + "/s";
    bar_.update(static_cast<double>(done) / static_cast<double>(total),
                phase_.empty() ? speed : phase_ + " " + speed);
  }

  ProgressBar bar_;
  std::string phase_;
  double begin_ = now_seconds(), speed_ = 0;
  uint64_t from_ = 0;
};

Json model_json(const StoredModel& model, const ModelStore& store) {
  Json files = Json::array();
  for (const RepoFile& file : model.model.files) {
    const std::string path = store.path(model.repo, file.path);
    const auto record = read_record(path + ".json");
    files.push_back({{"path", path},
                     {"bytes", file.size.value_or(0)},
                     {"revision", record ? Json(record->revision) : Json(nullptr)},
                     {"sha256", record ? Json(record->sha256) : Json(nullptr)}});
  }
  return {{"name", model.name},      {"repo", model.repo},    {"quant", model.model.quant},
          {"complete", model.whole}, {"bytes", model.n_byte}, {"fetched", model.time},
          {"files", files}};
}

Json list() {
  const ModelStore store(models_folder());
  Json all = Json::array();
  for (const StoredModel& model : store.models()) all.push_back(model_json(model, store));
  return all;
}

void print_list(const Json& models) {
  const std::string root = ModelStore(models_folder()).root();
  uint64_t n_byte = 0;
  Table table;
  for (const Json& m : models) {
    char when[32];
    const auto fetched = m["fetched"].get<std::time_t>();
    std::strftime(when, sizeof when, "%Y-%m-%d %H:%M", std::localtime(&fetched));
    n_byte += m["bytes"].get<uint64_t>();
    table.push_back({m["name"], formatted("%10s", bytes_text(m["bytes"].get<uint64_t>()).c_str()), when,
                     m["complete"].get<bool>() ? "" : "unfinished: rouse pull continues"});
  }
  if (!table.empty()) std::cout << table_text(table, output_width());
  if (models.empty())
    std::fprintf(stderr, "no model is in %s; rouse pull OWNER/REPO fetches one\n", root.c_str());
  else
    std::fprintf(stderr, "%s in %s\n", bytes_text(n_byte).c_str(), root.c_str());
}

Json rm(const std::string& text) {
  const ModelName name = parse_model_name(text);
  const ModelStore store(models_folder());
  const auto models = store.models();
  std::vector<const StoredModel*> fit;
  std::vector<std::string> known;
  for (const StoredModel& model : models) {
    known.push_back(model.name);
    const bool all = name.tag.empty() && model.repo == name.repo;
    if (all || (model.repo == name.repo && choose_model({&model.model, 1}, name.tag))) fit.push_back(&model);
    if (model.name == text) {
      fit = {&model};
      break;
    }
  }
  require_usage(!fit.empty(), text, ": is not in the cache", did_you_mean(text, known),
                "; rouse list shows what is");
  if (fit.size() > 1) {
    std::vector<std::string> names;
    for (const StoredModel* model : fit) names.push_back(model->name);
    throw Error(cat(text, ": could be ", join(names, " or "), "; name one"), ErrorKind::usage);
  }
  return {{"removed", fit[0]->name}, {"bytes", store.remove(*fit[0])}};
}

Json pull(const std::string& name, const std::atomic<bool>& stop) {
  const std::string path = pull_model(parse_model_name(name), stop);
  const ModelStore store(models_folder());
  for (const StoredModel& model : store.models())
    if (store.path(model.repo, model.model.files[0].path) == path) return model_json(model, store);
  throw Error(cat(path, ": was fetched, and is not in the cache"));
}

}  // namespace

std::string pull_model(const ModelName& name, const std::atomic<bool>& stop) {
  const ModelStore store(models_folder());
  const Hub hub(hub_from_environment());
  const Repository repo = repository(hub, name, store, stop);
  const auto models = models_of(repo.files);
  const RepoModel& model = chosen_model(models, name);
  const RepoFile& first = model.files[0];
  DownloadOptions options;
  options.stop = &stop;
  std::fprintf(stderr, "%s: %s%s, %s\n", name.repo.c_str(), first.path.c_str(),
               model.n_part > 1 ? cat(" and ", model.n_part - 1, " more").c_str() : "",
               model.size() > 0 ? bytes_text(model.size()).c_str() : "of unknown size");
  uint64_t n_come = 0;
  {
    const PullProgress progress(options);
    n_come = download(hub, repo, model, store, options);
  }
  std::fprintf(stderr, "%s\n", n_come > 0 ? "fetched" : "is here already, as the hub has it");
  return store.path(repo.name, first.path);
}

void add_pull(CLI::App& app) {
  auto name = std::make_shared<std::string>();
  CLI::App* sub =
      app.add_subcommand("pull", "Fetch a model of huggingface.co into the cache, or bring it up to date");
  sub->add_option(
         "name", *name,
         "OWNER/REPO, or OWNER/REPO:QUANT (Q4_K_M), or OWNER/REPO:FILE.gguf; without one Q4_K_M, else Q8_0, "
         "else the first")
      ->required();
  sub->footer(
      "Prints the file's path, which -m takes; -hf OWNER/REPO:QUANT does both at once. Interrupted or cut "
      "off, the next "
      "pull goes on where it ended. HF_TOKEN opens gated repositories, HF_ENDPOINT names another hub. Models "
      "lie in "
      "$ROUSE_CACHE/models, else $XDG_CACHE_HOME/rouse/models, else ~/.cache/rouse/models, as "
      "OWNER/REPO/FILE.gguf.");
  on_result(
      *sub, [name](const std::atomic<bool>& stop) { return pull(*name, stop); },
      [](const Json& model) { std::cout << model["files"][0]["path"].get<std::string>() << '\n'; });
}

void add_list(CLI::App& app) {
  CLI::App* sub =
      app.add_subcommand("list", "The models in the cache: names as -hf takes them, sizes, when they came");
  on_result(
      *sub, [](const std::atomic<bool>&) { return list(); }, print_list);
}

void add_rm(CLI::App& app) {
  auto name = std::make_shared<std::string>();
  CLI::App* sub = app.add_subcommand("rm", "Remove a model from the cache");
  sub->add_option("name", *name, "as rouse list shows it")->required();
  on_result(
      *sub, [name](const std::atomic<bool>&) { return rm(*name); },
      [](const Json& d) {
        std::printf("%s: removed, %s are free again\n", d["removed"].get<std::string>().c_str(),
                    bytes_text(d["bytes"].get<uint64_t>()).c_str());
      });
}

}  // namespace rouse
