/// tests/support.h - tiny models, and running the command line.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/error.h"
#include "decoding/scheduler.h"
#include "engine/native_engine.h"

namespace rouse {

inline std::string golden(const std::string& file) {
  return std::string(ROUSE_GOLDEN) + "/" + file;
}

inline nlohmann::json golden_json(const std::string& file) {
  std::ifstream in(golden(file));
  return nlohmann::json::parse(in);
}

/// A tiny model, one thread (every graph node is a barrier), F32 KV cache.
struct TinyModel {
  explicit TinyModel(const std::string& path, int n_ctx = 1024, ggml_type kv = GGML_TYPE_F32,
                     bool flash = true, int n_batch = 512)
      : devices(std::make_shared<Devices>(1)),
        model(std::make_shared<Model>(path, devices)),
        engine(model, {.n_ctx = n_ctx, .n_batch = n_batch, .kv_type = kv, .flash_attention = flash}) {}
  /// The same weights with another attention.
  TinyModel(const TinyModel& other, bool flash)
      : devices(other.devices),
        model(other.model),
        engine(model, {.n_ctx = 1024, .kv_type = GGML_TYPE_F32, .flash_attention = flash}) {}
  const RouterSpec& router() const { return model->spec().router; }
  MethodModels models() const { return {model->spec()}; }
  /// Logits of the last token under one policy, in a sequence of its own.
  std::vector<float> logits(const std::vector<int>& tokens, const std::string& routing = "topk") {
    const RoutingPolicy policy(routing, router());
    const SeqId seq = engine.open();
    RowGroup group{&policy, {}};
    for (const int t : tokens) group.rows.push_back({seq, t, Output::none});
    group.rows.back().output = Output::logits;
    const StepResult& r = engine.run({group});
    const auto last = r.logits(tokens.size() - 1);
    std::vector<float> out(last.begin(), last.end());
    engine.close(seq);
    return out;
  }
  std::shared_ptr<Devices> devices;
  std::shared_ptr<const Model> model;
  NativeEngine engine;
};

inline float max_difference(std::span<const float> a, std::span<const float> b) {
  EXPECT_EQ(a.size(), b.size());
  float worst = 0;
  for (size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(a[i] - b[i]));
  return worst;
}

/// The output head alone. Throws the fault of a logit that is not finite.
inline std::vector<float> head_logits(Engine& engine, std::span<const float> rows,
                                      std::span<const int> tokens = {}, bool norm = false) {
  HeadRows item{.rows = rows, .tokens = tokens, .norm = norm};
  engine.run_head({&item, 1});
  if (item.fault) throw *item.fault;
  return item.logits;
}

/// Expects `call` to throw an Error of this kind whose text holds `part`.
template <class Call>
void expect_refusal(Call call, ErrorKind kind, const std::string& part) {
  try {
    call();
    ADD_FAILURE() << "not refused; expected: " << part;
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), kind) << e.what();
    EXPECT_NE(std::string(e.what()).find(part), std::string::npos)
        << "\"" << e.what() << "\" lacks \"" << part << "\"";
  }
}

/// The text of the Error that `call` throws, or "".
template <class Call>
std::string message_of(Call call) {
  try {
    call();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

/// A folder that goes away with the test.
struct TempDir {
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "rouse-test-XXXXXX").string();
    path = mkdtemp(name.data());
  }
  ~TempDir() { std::filesystem::remove_all(path); }
  std::string operator/(const std::string& file) const { return (path / file).string(); }
  std::filesystem::path path;
};

/// A copy of a golden model with NaN in one row of a tensor, F32.
inline std::string spoiled_model(const TempDir& dir, const std::string& file, const std::string& tensor,
                                 size_t row) {
  std::string bytes;
  {
    std::ifstream in(golden(file), std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  const GgufFile model(golden(file));
  const ggml_tensor* t = model.tensor(tensor);
  const auto begin = static_cast<size_t>(model.data(t).data() - model.part(0).data()) + row * t->nb[1];
  const std::vector<float> nan(static_cast<size_t>(t->ne[0]), NAN);
  bytes.replace(begin, nan.size() * sizeof(float), reinterpret_cast<const char*>(nan.data()),
                nan.size() * sizeof(float));
  std::ofstream(dir / file, std::ios::binary) << bytes;
  return dir / file;
}

inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
#ifdef ROUSE_BINARY
struct CommandResult {
  int code = 0;
  std::string out, err;
};
/// What `rouse` finds in its environment: one thread, and for no -m rouse-lab, whose answers the tests know.
inline const std::string kEnvironment = "ROUSE_THREADS=1 ROUSE_MODEL=" ROUSE_MODELS "/rouse-lab.gguf ";
/// Runs `rouse ARGUMENTS` through the shell with an empty standard input.
inline CommandResult rouse(const std::string& arguments, const std::string& environment = kEnvironment) {
  const TempDir dir;
  const std::string command =
      environment + ROUSE_BINARY " " + arguments + " >" + dir / "out" + " 2>" + dir / "err" + " </dev/null";
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(dir / "out"), read_file(dir / "err")};
}
#endif

}  // namespace rouse
