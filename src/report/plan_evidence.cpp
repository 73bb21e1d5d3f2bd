/// report/plan_evidence.cpp - a plan's evidence for moving experts, for people.
#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "report/plan_profile.h"

namespace rouse {
namespace {

/// "+0.0012 [+0.0003, +0.0020]"
std::string change_text(const MeanChange& c) {
  return std::isnan(c.mean) ? "not measured" : formatted("%+.4f [%+.4f, %+.4f]", c.mean, c.low, c.high);
}

std::string budget_text(const std::vector<int>& budget) {
  std::string out;
  for (const int k : budget) out += cat(out.empty() ? "" : " ", k);
  return out;
}

}  // namespace

const Evidence& evidence_of(const Plan& p, const std::string& name) {
  require_file(p.version > 1, name,
               ": is a plan of version 1, from before plans carried evidence for moving experts; calibrate "
               "again to have it");
  require_file(p.evidence.has_value(), name,
               ": carries no evidence for moving experts; it was calibrated without, or not measured at all");
  return *p.evidence;
}

std::string evidence_text(const Plan& p, const std::string& name, size_t n_move) {
  const Evidence& e = evidence_of(p, name);
  std::string out = printable(e.verdict) + "\n\n";
  if (!e.proposed.empty())
    out += cat("Budgets in proportion to R would be ", budget_text(e.proposed), "; experts move from ",
               budget_text(e.base), ".\n\n");
  out += cat("Change of NLL with another k in one block, nats [95% interval], ", e.n_document, " documents, ",
             e.n_token, " tokens (", e.n_hard, " hard)\n");
  out += formatted("  %5s  %3s  %-28s  %-28s  %-28s  %s\n", "block", "k", "one less, all tokens",
                   "hard tokens", "one more, all tokens", "hard tokens");
  for (size_t l = 0; l < p.layers.size(); ++l)
    out += formatted("  %5d  %3d  %-28s  %-28s  %-28s  %s\n", p.layers[l], e.base[l],
                     change_text(e.less[l].all).c_str(), change_text(e.less[l].hard).c_str(),
                     change_text(e.more[l].all).c_str(), change_text(e.more[l].hard).c_str());
  out += cat("\nMoves, what the hard tokens gain less what they pay: the surest of ", e.n_move, " tried\n");
  out +=
      formatted("  %5s  %5s  %9s  %9s  %11s  %8s\n", "from", "to", "net", "error", "lower bound", "p (Holm)");
  for (size_t i = 0; i < std::min(n_move, e.moves.size()); ++i) {
    const Evidence::Move& m = e.moves[i];
    out += formatted("  %5d  %5d  %+9.4f  %9.4f  %+11.4f  %8.3g%s\n", m.from, m.to, m.net, m.error, m.lower,
                     m.p, m.supported ? "  supported" : "");
  }
  if (e.moves.empty()) out += "  none\n";
  for (const Evidence::Trial& t : e.trials)
    out += cat("On ", e.n_held_out, " documents held out, budgets ", budget_text(t.budget), " change NLL by ",
               change_text(t.change), ": ", t.kept ? "kept" : "not kept", "\n");
  return out;
}

}  // namespace rouse
