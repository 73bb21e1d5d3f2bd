/// two_routings QUESTION [MODEL.gguf] - the same question under the trained routing and under SCMoE, side by
/// side in one batch, with what each answer cost.
#include <rouse/rouse.h>

#include <iostream>

int main(int argc, char** argv) try {
  namespace api = rouse::api;
  const std::string question = argc > 1 ? argv[1] : "What is the capital of Chad?";
  api::Model model({.path = argc > 2 ? argv[2] : ""});
  // Both run at once: their rows share every read of the weights.
  api::Generation plain = model.start({.prompt = question, .n_predict = 128});
  api::Generation contrast = model.start({.prompt = question, .method = "scmoe", .n_predict = 128});
  for (api::Generation* g : {&plain, &contrast}) {
    const api::Answer a = g->wait();
    const auto n = static_cast<double>(std::max<size_t>(1, a.tokens.size()));
    std::cout << a.method << ", " << a.policy << ", " << static_cast<double>(a.step.expert_evaluations) / n
              << " expert evaluations a token:\n"
              << a.text << "\n\n";
  }
} catch (const rouse::api::Error& e) {
  std::cerr << e.what() << '\n';
  return 1;
}
