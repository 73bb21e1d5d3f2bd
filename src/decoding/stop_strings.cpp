#include "decoding/stop_strings.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace rouse {

StopStrings::StopStrings(const std::vector<std::string>& stops) {
  for (const std::string& stop : stops) {
    require_usage(!stop.empty(), "a stop string is empty: every text would end before it begins");
    Search search{stop, {0, 0}};
    for (size_t n = 1; n < stop.size(); ++n) {  // the border of one character more
      size_t border = search.border[n];
      while (border > 0 && stop[border] != stop[n]) border = search.border[border];
      search.border.push_back(stop[border] == stop[n] ? border + 1 : 0);
    }
    for (auto& searches : searches_) searches.push_back(search);
  }
}

void StopStrings::Search::take(char c) {
  while (matched > 0 && stop[matched] != c) matched = border[matched];
  if (stop[matched] == c) ++matched;
}

void StopStrings::add(std::string_view piece, bool control) {
  if (stopped_) return;
  if (control) {
    control_.emplace_back(length_[spelled], piece.size());
  } else {
    text_ += piece;
    read(shown, piece);
  }
  read(spelled, piece);
  decide();
}

void StopStrings::read(Reading reading, std::string_view piece) {
  for (const char c : piece) {
    ++length_[reading];
    for (Search& search : searches_[reading]) {
      if (search.matched == search.stop.size()) continue;  // only its first find counts
      search.take(c);
      if (search.matched == search.stop.size())
        found_ = std::min(found_, place_in_text(reading, length_[reading] - search.matched));
    }
  }
}

size_t StopStrings::place_in_text(Reading reading, size_t at) const {
  size_t hidden = 0;
  if (reading == spelled)
    for (const auto& [first, length] : control_)
      if (at > first) hidden += std::min(length, at - first);
  return at - hidden;
}

/// A whole find stands once nothing that is still open began before it.
void StopStrings::decide() {
  held_ = text_.size();
  for (const Reading reading : {shown, spelled})
    for (const Search& search : searches_[reading])
      if (search.matched > 0 && search.matched < search.stop.size())
        held_ = std::min(held_, place_in_text(reading, length_[reading] - search.matched));
  if (found_ <= held_ && found_ != std::string::npos) finish();
}

bool StopStrings::finish() {
  if (found_ != std::string::npos) {
    text_.resize(found_);
    stopped_ = true;
  }
  held_ = text_.size();
  return stopped_;
}

void StopStrings::cut(size_t n_byte) {
  found_ = std::min(found_, n_byte);
  finish();
}

size_t StopStrings::certain() const {
  return complete_utf8_prefix(std::string_view(text_).substr(0, std::min(held_, found_)));
}

}  // namespace rouse
