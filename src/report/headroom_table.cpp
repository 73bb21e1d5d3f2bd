#include "report/headroom_table.h"

#include "base/error.h"
#include "base/text.h"

namespace rouse {

std::string headroom_text(const Headroom& h) {
  const auto row = [](const char* name, const MeanChange& m, const char* what) {
    return formatted("  %-22s %+9.4f  [%+.4f, %+.4f]  %s\n", name, m.mean, m.low, m.high, what);
  };
  std::string out =
      cat(h.verdict, "\n\nGain of one swap a token, nats a hard token [95% interval over documents]; ",
          h.n_hard, " hard tokens of ", h.n_document, " documents, ", h.n_swap, " swaps\n",
          row("oracle", h.oracle, "the best of all, knowing the answer"),
          row("static bias", h.fixed, "learned on the other half of the documents"),
          row("  names shuffled", h.shuffled, "control"), row("random swap", h.random, "control"));
  out += formatted("  %.0f%% of the hard tokens have a swap that gains 0.1 nats or more\n\n", 100 * h.helped);
  out += formatted("  %5s  %11s  %15s  %11s\n", "block", "best swap", "best of all here", "any swap");
  for (const LayerHeadroom& l : h.layers)
    out += formatted("  %5d  %+11.4f  %15.0f%%  %+11.4f\n", l.layer, l.oracle, 100 * l.best_share, l.random);
  return out;
}

}  // namespace rouse
