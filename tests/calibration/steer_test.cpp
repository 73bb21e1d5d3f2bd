/// `rouse steer`: rates against float64 NumPy, files by hand, and the way from texts to a steered run.
#include <cmath>

#include "calibration/steer_fit.h"
#include "support.h"

namespace rouse {
namespace {

ModelOptions mixtral() {
  ModelOptions o;
  o.model = golden("mixtral.gguf"), o.n_ctx = 256, o.n_thread = 1, o.kv_type = "f32";
  return o;
}

}  // namespace

TEST(SteerFit, RatesEqualTheirReference) {
  const auto c = golden_json("routing.json")["steering"];
  const Session session(mixtral());
  const auto texts = [&](const char* key) {
    std::vector<SteerText> out;
    for (const auto& tokens : c[key]) out.push_back({tokens.get<std::vector<int>>(), c["first"]});
    return out;
  };
  const SteerFile file = fit_steer(session, texts("wanted"), texts("unwanted"));
  EXPECT_EQ(file.n_for, 32);
  EXPECT_EQ(file.n_against, 32);
  EXPECT_EQ(file.fingerprint, session.engine->file().fingerprint());
  const auto expected = c["difference"].get<std::vector<std::vector<double>>>();
  ASSERT_EQ(file.difference.size(), expected.size());
  for (size_t l = 0; l < expected.size(); ++l) {
    double sum = 0;
    for (size_t e = 0; e < expected[l].size(); ++e) {
      EXPECT_NEAR(file.difference[l][e], expected[l][e], 1e-12) << l << "." << e;
      sum += file.difference[l][e];
    }
    EXPECT_NEAR(sum, 0, 1e-12) << "either side activates k a row";
  }
  EXPECT_EQ(steer_text(parse_steer(steer_text(file), "f")), steer_text(file));
  auto fewer = texts("unwanted");
  fewer.pop_back();
  expect_refusal([&] { fit_steer(session, texts("wanted"), fewer); }, ErrorKind::usage,
                 "there are 4 texts for and 3 against");
}

}  // namespace rouse
