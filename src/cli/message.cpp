#include "cli/message.h"

#include <string_view>

#include "base/option.h"
#include "base/text.h"

namespace rouse {

/// What helps, by the subject of an error.
struct Hint {
  std::string_view subject, text;
};
static constexpr Hint kHints[] = {
    {"model", "give -m FILE or -hf OWNER/REPO"},
    {"n_ctx", "raise -c"},
    {"n_cell", "lower -c or --parallel"},
    {"amateur", "give --amateur FILE"},
    {"force", "--force begins anew, or choose another -o"},
    {"certify", "--no-certify leaves it out"},
    {"shrink", "--no-shrink leaves it out"},
    {"chat_template", "use --raw, or --chat-template NAME or file:PATH"},
    {"unsafe_exec", "--unsafe-exec runs them with limits alone, as you, with your files and your network"},
};

/// `unknown task "arc_esy"; known: arc_easy, ...` says which of them was meant, if one is near.
static std::string nearest_known(const std::string& text) {
  constexpr std::string_view kKnown = "\"; known: ";
  const size_t list = text.find(kKnown);
  const size_t quote = list == std::string::npos || list == 0 ? list : text.rfind('"', list - 1);
  if (list == std::string::npos || quote == std::string::npos) return "";
  const std::string name = text.substr(quote + 1, list - quote - 1);
  std::vector<std::string> known;
  for (const std::string& part : split(text.substr(list + kKnown.size()), ','))
    known.emplace_back(trim(part));
  return did_you_mean(name.substr(0, name.find(':')), known);
}

std::string message_of(const Error& e) {
  std::string text = e.what();
  const std::string& subject = e.subject();
  for (const Hint& hint : kHints)
    if (hint.subject == subject) text += cat("; ", hint.text);
  return text + nearest_known(e.what());
}

}  // namespace rouse
