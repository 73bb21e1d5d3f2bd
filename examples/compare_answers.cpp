/// compare_answers QUESTION ANSWER ANSWER [MODEL.gguf] - the log-likelihoods of two answers under the trained
/// routing and under SCMoE: does the contrast prefer the right one more?
#include <rouse/rouse.h>

#include <iostream>
#include <numeric>

int main(int argc, char** argv) try {
  namespace api = rouse::api;
  if (argc != 1 && argc < 4) {
    std::cerr << "usage: compare_answers QUESTION ANSWER ANSWER [MODEL.gguf]\n";
    return 2;
  }
  const std::string question = argc > 1 ? argv[1] : "Question: What is the capital of Chad?\nAnswer:";
  const std::vector<std::string> answers = argc > 1 ? std::vector<std::string>{argv[2], argv[3]}
                                                    : std::vector<std::string>{" N'Djamena", " Paris"};
  api::Model model({.path = argc > 4 ? argv[4] : ""});
  for (const char* method : {"greedy", "scmoe"}) {
    const auto scores = model.score({.context = question, .continuations = answers, .method = method});
    for (size_t i = 0; i < answers.size(); ++i)
      std::cout << method << ": log p(\"" << answers[i]
                << "\") = " << std::accumulate(scores[i].begin(), scores[i].end(), 0.0) << " nats\n";
  }
} catch (const rouse::api::Error& e) {
  std::cerr << e.what() << '\n';
  return 1;
}
