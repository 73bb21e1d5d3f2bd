/// routing/rank.cpp - only the expert at one rank of the router's order.
/// The weak stream of SCMoE (arXiv:2405.14507, "rank-k routing"). Rank 1 is the router's favourite.
#include "base/error.h"
#include "routing/arguments.h"
#include "routing/choices.h"

namespace rouse {
namespace {

class Rank final : public Choice {
 public:
  explicit Rank(int rank) : rank_(rank) {}
  std::string text() const override { return cat("rank:", rank_); }
  void bind(const RouterSpec& router, const Mask&) override {
    require_usage(rank_ <= router.n_selectable(), "policy rank: rank is ", rank_, ", expected 1 to ",
                  router.n_selectable());
  }
  int max_count(int) const override { return 1; }
  int depth(int) const override { return rank_; }
  int choose(const RouterRow& row, std::span<int> out) const override {
    out[0] = row.order[static_cast<size_t>(rank_) - 1];
    return 1;
  }

 private:
  int rank_;
};

}  // namespace

std::unique_ptr<Choice> rank(const std::string& text) {
  Arguments arguments("rank", text);
  const auto rank = arguments.leading_integer();
  arguments.finish();
  require_usage(rank && *rank >= 1 && *rank <= 65536,
                "policy rank: expected rank:J with J at least 1, got rank:", text);
  return std::make_unique<Rank>(static_cast<int>(*rank));
}

}  // namespace rouse
