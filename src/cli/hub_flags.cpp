#include "cli/hub_flags.h"

#include "base/error.h"
#include "hub/store.h"

namespace rouse {

static constexpr HubFlag kFlags[] = {
    {"-hf", "--hf-repo",
     "in the place of -m: a model of huggingface.co (HF_ENDPOINT), OWNER/REPO or OWNER/REPO:QUANT; "
     "taken from "
     "the cache, or fetched into it as `rouse pull` does"},
    {"-hff", "--hf-file", "with -hf: this file of the repository"},
};

std::span<const HubFlag> hub_flags() {
  return kFlags;
}

void add_hub_flags(CLI::App& app) {
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
    add_hub_flags(*command);
    CLI::Option* model = command->get_option_no_throw("--model");
    if (!model) continue;
    auto others = model->get_excludes();
    others.insert(model);
    for (const HubFlag& flag : kFlags) {
      CLI::Option* added = command->add_option(flag.name)->description(flag.help)->group(model->get_group());
      for (CLI::Option* other : others) added->excludes(other);
    }
  }
}

static std::string given(const CLI::App& command, const char* flag) {
  const CLI::Option* option = command.get_option_no_throw(flag);
  return option && option->count() > 0 ? option->results().back() : "";
}

void model_from_hub(CLI::App& command, const std::atomic<bool>& stop) {
  const std::string repo = given(command, kFlags[0].name), file = given(command, kFlags[1].name);
  if (repo.empty()) {
    require_usage(file.empty(), "--hf-file is ", file, ", and there is no --hf-repo that it could be of");
    return;
  }
  ModelName name = parse_model_name(repo);
  if (!file.empty()) {
    require_usage(safe_path(file) && file.ends_with(".gguf"), "--hf-file is \"", file,
                  "\", expected FILE.gguf");
    name.tag = file;
  }
  const ModelStore store(models_folder());
  const auto found = store.find(name);
  CLI::Option* model = command.get_option("--model");
  model->add_result(found ? store.path(found->repo, found->model.files[0].path) : pull_model(name, stop));
  model->run_callback();
}

}  // namespace rouse
