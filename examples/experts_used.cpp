/// experts_used TEXT [MODEL.gguf] - which experts each token of a text used, block by block.
#include <rouse/rouse.h>

#include <iostream>

int main(int argc, char** argv) try {
  namespace api = rouse::api;
  const std::string text = argc > 1 ? argv[1] : "The capital of France is Paris.";
  api::Model model({.path = argc > 2 ? argv[2] : ""});
  std::cout << model.architecture() << ": " << model.n_expert_used() << " of " << model.n_expert()
            << " experts in each of " << model.moe_blocks().size() << " blocks\n";
  for (const api::TokenRoute& row : model.trace(text)) {
    std::cout << '"' << row.token.text << '"';
    for (const auto& experts : row.experts) {
      std::cout << "  ";
      for (size_t i = 0; i < experts.size(); ++i) std::cout << (i ? "," : "") << experts[i];
    }
    std::cout << '\n';
  }
} catch (const rouse::api::Error& e) {
  std::cerr << e.what() << '\n';
  return 1;
}
