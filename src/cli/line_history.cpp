#include "cli/line_history.h"

#include <fcntl.h>
#include <histedit.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/text.h"
#include "base/unicode.h"

namespace rouse {

namespace fs = std::filesystem;

std::string history_path() {
  const std::string state = user_folder("XDG_STATE_HOME", ".local/state");
  return state.empty() ? "" : state + "/rouse/chat_history";
}

/// Adds to a file that only its owner may read, or begins it anew. False: errno says why not.
static bool write_private(const std::string& path, int how, const std::string& text) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | how, S_IRUSR | S_IWUSR);
  if (file < 0) return false;
  errno = EINVAL;
  struct stat status {};
  const bool done = fstat(file, &status) == 0 && S_ISREG(status.st_mode) &&
                    fchmod(file, S_IRUSR | S_IWUSR) == 0 &&
                    write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int error = errno;
  close(file);
  errno = error;
  return done;
}

LineHistory::LineHistory(std::string path) : path_(std::move(path)), entries_(history_winit(), history_wend) {
  HistEventW event;
  history_w(entries_.get(), &event, H_SETSIZE, kMostLines);
  history_w(entries_.get(), &event, H_SETUNIQUE, 1);
  if (!path_.empty()) load();
}

LineHistory::~LineHistory() = default;

void LineHistory::remember(const std::string& line) {
  const std::u32string points = code_points(line);
  HistEventW event;
  history_w(entries_.get(), &event, H_ENTER, std::wstring(points.begin(), points.end()).c_str());
}

void LineHistory::load() {
  std::error_code error;
  fs::create_directories(fs::path(path_).parent_path(), error);
  if (error) return give_up(error.message());
  if (!fs::exists(path_, error)) return;
  if (!fs::is_regular_file(path_, error)) return give_up("is no file");
  std::vector<std::string> lines;
  try {
    lines = split(file_text(path_, "history"), '\n');
  } catch (const Error& e) {
    return give_up(std::strerror(errno));
  }
  std::erase(lines, "");
  if (const auto n = lines.size(), most = static_cast<size_t>(kMostLines); n > 2 * most) {
    lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(most));
    const std::string partial = cat(path_, ".", getpid());
    if (!write_private(partial, O_TRUNC, join(lines, "\n") + "\n") ||
        rename(partial.c_str(), path_.c_str()) != 0)
      return give_up(std::strerror(errno));
  }
  for (const std::string& line : lines) {
    const Json entry = Json::parse(line, nullptr, false);
    if (entry.is_string()) remember(entry.get_ref<const std::string&>());
  }
}

void LineHistory::add(const std::string& line) {
  remember(line);
  if (path_.empty() || line.size() > kMostBytes) return;
  const std::string text = Json(line).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  if (!write_private(path_, O_APPEND, text)) give_up(std::strerror(errno));
}

void LineHistory::give_up(const std::string& why) {
  problem_ = cat("history is not kept: ", path_, ": ", why);
  path_.clear();
}

}  // namespace rouse
