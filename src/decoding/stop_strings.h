/// decoding/stop_strings.h - the text of an answer while it is written: where a stop string ends it, and how
/// much of it is certain.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rouse {

/// The answer ends before the earliest place of the text where any stop string begins, however the text came
/// in pieces and in whatever order the strings were given. Control tokens are not part of the text, but stop
/// strings meet them by their name: the text is searched as it reads and as it reads with control tokens
/// spelled out ("So.<|im_end|>"), and the earlier find counts.
///
/// A string found may still be beaten by a longer one that began before it and is not whole yet. Such a find
/// waits: for that string's next bytes, or for finish().
class StopStrings {
 public:
  /// Throws Error (exit 2) for an empty string.
  explicit StopStrings(const std::vector<std::string>& stops);

  /// The text of the next token. control: it is spelled out for the search and not shown.
  void add(std::string_view piece, bool control = false);
  /// No more text comes: what was found counts. True: a stop string ended the text.
  bool finish();
  /// The text ends here for another reason; no more comes.
  void cut(size_t n_byte);
  /// A stop string ended the text; text() is what stands before it.
  bool stopped() const { return stopped_; }

  /// What was shown so far, with what may yet turn out to be a stop string.
  const std::string& text() const { return text_; }
  /// The leading part of text() that no later piece takes back: whole characters, no beginning of a stop.
  size_t certain() const;

 private:
  /// One stop string in one reading of the text (Knuth, Morris, Pratt): its longest beginning that the text
  /// read so far ends with.
  struct Search {
    std::string stop;
    std::vector<size_t> border;  ///< of each beginning of it: the longest shorter one that it ends with
    size_t matched = 0;
    void take(char c);
  };
  enum Reading { shown, spelled };

  void read(Reading reading, std::string_view piece);
  void decide();
  /// Bytes of text() before this place of a reading.
  size_t place_in_text(Reading reading, size_t at) const;

  std::array<std::vector<Search>, 2> searches_;
  std::array<size_t, 2> length_{};                  ///< of what each reading has read
  std::vector<std::pair<size_t, size_t>> control_;  ///< first byte and length of control tokens, spelled out
  std::string text_;
  size_t found_ = std::string::npos;  ///< the earliest stop string that is whole, as a place in text()
  size_t held_ = 0;                   ///< the earliest that has begun there; the text's end when none has
  bool stopped_ = false;
};

}  // namespace rouse
