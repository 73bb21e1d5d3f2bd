/// cli/hub_flags.h - models by their name on a hub: -hf in every command that takes -m.
#pragma once

#include <CLI/CLI.hpp>
#include <atomic>
#include <span>
#include <string>

#include "hub/choice.h"

namespace rouse {

/// llama.cpp's names.
struct HubFlag {
  const char *short_name, *name, *help;
};
std::span<const HubFlag> hub_flags();
/// Adds them to every command that has --model.
void add_hub_flags(CLI::App& app);
/// Sets --model of a parsed command to the file that --hf-repo and --hf-file name, which is fetched where it
/// is not in the cache. Throws Error.
void model_from_hub(CLI::App& command, const std::atomic<bool>& stop);

/// Fetches a model into the cache, or sees that it is there as the hub has it; a terminal is shown how far it
/// is. Returns the path of its first file. Throws Error as Hub and download do.
std::string pull_model(const ModelName& name, const std::atomic<bool>& stop);

}  // namespace rouse
