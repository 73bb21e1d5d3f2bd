/// cli/synth.cpp - the flags of `rouse synth`.
#include "model/synth/synth.h"

#include "base/error.h"
#include "base/output_file.h"
#include "base/text.h"
#include "cli/command.h"

namespace rouse {
namespace {

struct SynthCommand {
  SynthOptions synth;
  std::string vocab_from, output;
  bool force = false;
};

Json synth(const SynthCommand& o, const std::atomic<bool>& stop) {
  ModelOptions m;
  m.model = o.vocab_from;
  const GgufFile vocab(model_path(m));
  require_model(vocab.array_length("tokenizer.ggml.tokens").has_value(), vocab.path(), ": has no vocabulary");
  Synth file(o.synth, vocab);
  const OutputFile output(o.output, o.force, {&vocab.path(), 1});
  ProgressBar bar("writing");
  const uint64_t n_byte = file.write(
      output.file(), [&](double done) { bar.update(done); }, &stop);
  return {{"output", o.output}, {"bytes", n_byte}, {"types", file.type_text()}};
}

std::string names_of(std::span<const NamedShape> shapes) {
  std::vector<std::string> names;
  for (const NamedShape& n : shapes) names.emplace_back(n.name);
  return join(names, ", ");
}

}  // namespace

void add_synth(CLI::App& app) {
  auto o = std::make_shared<SynthCommand>();
  CLI::App* sub =
      app.add_subcommand("synth", "Write a random-weight model file: for tests, benchmarks, scale studies");
  sub->add_option("--arch", o->synth.arch,
                  cat("a small model of this architecture (llama if left out): ", names_of(arch_shapes())));
  sub->add_option("--like", o->synth.like,
                  cat("the shape of a real model; cut it with --layers: ", names_of(model_shapes())));
  for (const ShapeField& field : shape_fields()) {
    const std::string help = *field.archs ? cat(field.help, " (", field.archs, ")") : field.help;
    sub->add_option_function<int>(
           field.flag, [o, flag = field.flag](const int& value) { o->synth.fields[flag] = value; }, help)
        ->check(CLI::Range(field.low, 1 << 20));
  }
  sub->add_option("--quant", o->synth.type, "type of the matrices: f32, f16, q8_0, q4_0, q4_K, mxfp4, ...")
      ->capture_default_str();
  sub->add_option("--seed", o->synth.seed, "seed of the weights")->capture_default_str();
  sub->add_option("--vocab-from", o->vocab_from,
                  "take the vocabulary of this GGUF (the default model's if left out)");
  sub->add_flag("--tied", o->synth.tied, "no head of its own: the embeddings serve");
  sub->add_option("-o,--output", o->output, "file to write")->required();
  add_force_option(*sub, o->force);
  on_result(
      *sub, [o](const std::atomic<bool>& stop) { return synth(*o, stop); },
      [](const Json& d) {
        std::fprintf(stderr, "%s: %s of %s weights\n", d["output"].get<std::string>().c_str(),
                     bytes_text(d["bytes"].get<uint64_t>()).c_str(), d["types"].get<std::string>().c_str());
      });
}

}  // namespace rouse
