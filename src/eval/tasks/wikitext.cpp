/// eval/tasks/wikitext.cpp - perplexity a token of WikiText-2's raw test text (arXiv:1609.07843); CC
/// BY-SA 3.0.
///
/// Protocol: consecutive windows of --window tokens, each beginning with BOS by the model's rule; every token
/// but a window's first is scored, given those before it in the window. Perplexities of models with other
/// vocabularies do not compare.
#include "base/error.h"
#include "base/files.h"
#include "eval/tasks/tasks.h"

namespace rouse {
namespace {

std::vector<Item> items(const std::string& path, const TaskInput& input) {
  const std::vector<int> whole = input.tokenizer->encode(file_text(path, "text of wikitext"), false, false),
                         bos = input.tokenizer->encode("", true, false);
  std::vector<Item> out;
  const size_t size = static_cast<size_t>(input.n_window) - bos.size();
  for (size_t at = 0; at + 1 < whole.size(); at += size) {
    std::vector<int> window = bos;
    const size_t n = std::min(size, whole.size() - at);
    window.insert(window.end(), whole.begin() + static_cast<std::ptrdiff_t>(at),
                  whole.begin() + static_cast<std::ptrdiff_t>(at + n));
    if (window.size() < 2) break;
    Item item;
    item.id = cat("wikitext_", out.size());
    item.doc = {{"first_token", at}, {"tokens", n}};
    item.prefix = {window[0]};
    item.tokens.assign(window.begin() + 1, window.end());
    out.push_back(std::move(item));
  }
  return out;
}

Scores score(const Item&, const Response& response) {
  return {{"nll", -total(response.log_probs[0])},
          {"tokens", static_cast<double>(response.log_probs[0].size())}};
}

}  // namespace

constinit const TaskEntry kWikitext = {
    .name = "wikitext",
    .help = "perplexity a token of WikiText-2's test text, in windows",
    .source = "WikiText-2 raw, wiki.test.raw (CC BY-SA 3.0)",
    .file = "wikitext2_test.txt",
    .sha256 = "173c87a53759e0201f33e0ccf978e510c2042d7f2cb78229d9a50d79b9e7dd08",
    .metric = "perplexity",
    .kind = TaskKind::tokens,
    .item = nullptr,
    .score = score,
    .items = items,
};

}  // namespace rouse
