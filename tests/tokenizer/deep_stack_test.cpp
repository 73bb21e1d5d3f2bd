#include "tokenizer/deep_stack.h"

#include <stdexcept>

#include "support.h"

namespace rouse {
namespace {

/// Touches about 1 kB of stack a level.
int descend(int depth) {
  volatile char room[1024];
  room[0] = static_cast<char>(depth);
  return depth == 0 ? room[0] : descend(depth - 1) + (room[0] & 1 ? 0 : 1);
}

}  // namespace

TEST(DeepStack, AsksForWhatTheLongestStretchNeeds) {
  EXPECT_EQ(regex_stack(""), 0u);
  const size_t one = regex_stack("x");
  EXPECT_EQ(regex_stack(std::string(1000, ' ')), 1000 * one);
  std::string lines, slashes;
  while (lines.size() < (size_t{4} << 20)) lines += "a line of words\n";  // cut at every line's end
  EXPECT_EQ(regex_stack(lines), 16 * one);
  while (slashes.size() < 1000) slashes += "/\n";  // GPT-4o's pre-tokenizer takes these for one
  EXPECT_EQ(regex_stack(slashes), 1000 * one);
  expect_refusal([] { regex_stack(std::string((size_t{1} << 20) + 1, 'a')); }, ErrorKind::usage,
                 "a stretch of 1048577 bytes without a line that ends in a letter or digit");
}

TEST(DeepStack, RunsDeeperThanAThreadUsuallyCan) {
  int got = 0;
  on_deep_stack(size_t{64} << 20, [&] { got = descend(40000); });
  EXPECT_GT(got, 0);
  for (const size_t n_byte : {size_t{0}, size_t{64} << 20})
    EXPECT_THROW(on_deep_stack(n_byte, [] { throw std::runtime_error("passed on"); }), std::runtime_error);
}

}  // namespace rouse
