/// routing/dynamic.cpp - the shortest prefix of ranks whose gates sum past a threshold (arXiv:2403.07652).
#include <cmath>

#include "base/error.h"
#include "base/text.h"
#include "routing/arguments.h"
#include "routing/choices.h"

namespace rouse {
namespace {

class Dynamic final : public Choice {
 public:
  Dynamic(double threshold, int max) : threshold_(threshold), max_(max) {}
  std::string text() const override {
    return "dynamic:" + number_text(threshold_) + (max_ ? cat(",max=", max_) : "");
  }
  void bind(const RouterSpec& router, const Mask&) override {
    require_usage(max_ <= router.n_selectable(), "policy dynamic: max is ", max_, ", expected 1 to ",
                  router.n_selectable());
    limit_ = max_ ? max_ : router.n_selectable();
  }
  int max_count(int) const override { return limit_; }
  bool ragged() const override { return true; }
  int choose(const RouterRow& row, std::span<int> out) const override {
    double sum = 0;
    int count = 0;
    for (const int expert : row.order) {
      out[static_cast<size_t>(count++)] = expert;
      sum += row.gate[static_cast<size_t>(expert)];
      if (sum > threshold_ || count == limit_) break;
    }
    return count;
  }

 private:
  double threshold_;
  int max_, limit_ = 0;  // max_ 0: every selectable expert
};

}  // namespace

std::unique_ptr<Choice> dynamic(const std::string& text) {
  Arguments arguments("dynamic", text);
  const auto threshold = arguments.leading_number();
  const auto max = arguments.integer("max");
  arguments.finish();
  require_usage(threshold && *threshold > 0 && *threshold <= 1,
                "policy dynamic: expected dynamic:P with P in (0, 1], got dynamic:", text);
  require_usage(!max || (*max >= 1 && *max <= 65536), "policy dynamic: max is ", max.value_or(0),
                ", expected at least 1");
  return std::make_unique<Dynamic>(*threshold, static_cast<int>(max.value_or(0)));
}

}  // namespace rouse
