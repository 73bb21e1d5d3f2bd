#include "decoding/stop_strings.h"

#include "base/text.h"
#include "support.h"

namespace rouse {
namespace {

/// A token of a text: what it reads as, and whether it is a control token, which is not shown.
struct Piece {
  std::string text;
  bool control = false;
};

/// Where the answer ends, by std::string::find over the whole text in both of its readings.
std::string cut_by_find(const std::vector<Piece>& pieces, const std::vector<std::string>& stops) {
  std::string shown, spelled;
  std::vector<size_t> place;  // in `shown`, of each byte of `spelled`
  for (const Piece& p : pieces) {
    for (size_t i = 0; i < p.text.size(); ++i) place.push_back(shown.size() + (p.control ? 0 : i));
    spelled += p.text;
    if (!p.control) shown += p.text;
  }
  size_t end = shown.size();
  for (const std::string& stop : stops) {
    end = std::min(end, shown.find(stop));
    if (const size_t at = spelled.find(stop); at != std::string::npos) end = std::min(end, place[at]);
  }
  return shown.substr(0, end);
}

/// The text as StopStrings hands it out piece by piece, which must never be taken back.
std::string cut_by_pieces(const std::vector<Piece>& pieces, const std::vector<std::string>& stops) {
  StopStrings text(stops);
  std::string published;
  for (const Piece& p : pieces) {
    text.add(p.text, p.control);
    if (text.stopped()) break;
    EXPECT_EQ(text.text().substr(0, published.size()), published);
    EXPECT_GE(text.certain(), published.size());
    published = text.text().substr(0, text.certain());
    EXPECT_EQ(complete_utf8_prefix(published), published.size());
  }
  text.finish();
  EXPECT_EQ(text.text().substr(0, published.size()), published) << "what was shown stands";
  return text.text();
}

}  // namespace

TEST(StopStrings, CutWhereFindCutsHoweverTheTextComesInPieces) {
  Random random(7);
  const auto text_of = [&](size_t n, const char* letters, uint32_t n_letter) {
    std::string text;
    while (text.size() < n) text += letters[random.below(n_letter)];
    return text;
  };
  int n_cut = 0;
  for (int round = 0; round < 4000; ++round) {
    const uint32_t n_letter = 2 + random.below(3);
    std::vector<std::string> stops;
    for (uint32_t i = random.below(4); i > 0; --i)
      stops.push_back(text_of(1 + random.below(5), "abcd", n_letter));
    std::vector<Piece> pieces;
    for (uint32_t i = random.below(8); i > 0; --i)
      pieces.push_back({text_of(random.below(6), "abcd", n_letter), random.below(4) == 0});
    const std::string expected = cut_by_find(pieces, stops);
    n_cut += expected != cut_by_find(pieces, {});
    ASSERT_EQ(cut_by_pieces(pieces, stops), expected) << "round " << round;
  }
  EXPECT_GT(n_cut, 1000);
}

TEST(StopStrings, CutEverySplitOfATextAtTheSamePlace) {
  const std::vector<std::vector<std::string>> lists = {
      {"ris"}, {"ris", "Pa"}, {"Pa", "ris"}, {"\n\n"}, {"is\nan", "s\n"}, {"\nan", "is\nano", "n"}, {"é"}};
  const std::string text = "Paris\nan é\n\n";
  for (const auto& stops : lists)
    for (uint32_t splits = 0; splits < 1u << (text.size() - 1); splits += 1 + splits % 5) {
      std::vector<Piece> pieces(1);
      for (size_t i = 0; i < text.size(); ++i) {
        pieces.back().text += text[i];
        if (splits >> i & 1) pieces.emplace_back();
      }
      ASSERT_EQ(cut_by_pieces(pieces, stops), cut_by_find(pieces, stops)) << splits;
    }
}

TEST(StopStrings, MeetControlTokensByTheirName) {
  const std::vector<Piece> chat = {{"So"},  {"."}, {"<|im_end|>", true}, {"\n"}, {"<|im_start|>", true},
                                   {"user"}};
  EXPECT_EQ(cut_by_pieces(chat, {"<|im_end|>"}), "So.");
  EXPECT_EQ(cut_by_pieces(chat, {"<|im_start|>user"}), "So.\n");
  EXPECT_EQ(cut_by_pieces(chat, {".<|im_end|>\n"}), "So");
  EXPECT_EQ(cut_by_pieces(chat, {".\nuser"}), "So") << "as it is shown";
  EXPECT_EQ(cut_by_pieces(chat, {"<|im_middle|>"}), "So.\nuser");
}

TEST(StopStrings, AreFoundAtTheBeginningOfAVeryLongToken) {
  EXPECT_EQ(cut_by_pieces({{"a"}, {"##" + std::string(1000, '#')}}, {"##"}), "a");
}

TEST(StopStrings, WaitForALongerOneThatBeganEarlier) {
  StopStrings text({"b", "abc"});
  text.add("xab");
  EXPECT_FALSE(text.stopped()) << "\"abc\" may still come";
  EXPECT_EQ(text.certain(), 1u);
  text.add("d");
  EXPECT_TRUE(text.stopped());
  EXPECT_EQ(text.text(), "xa");
}

TEST(StopStrings, KeepCharactersWhole) {
  StopStrings text({"\n\n"});
  text.add("a\xC3");
  EXPECT_EQ(text.certain(), 1u);
  text.add("\xA9\n");
  EXPECT_EQ(text.certain(), 3u);
  EXPECT_FALSE(text.finish());
  EXPECT_EQ(text.text(), "a\xC3\xA9\n");
}

TEST(StopStrings, RefuseAnEmptyOne) {
  expect_refusal([] { StopStrings text({"a", ""}); }, ErrorKind::usage, "a stop string is empty");
}

}  // namespace rouse
