#include "cli/line_editor.h"

#include <histedit.h>
#include <langinfo.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <clocale>
#include <cstdlib>
#include <cstring>
#include <cwchar>

#include "base/error.h"
#include "base/text.h"
#include "base/unicode.h"
#include "cli/terminal.h"

namespace rouse {
namespace {

std::string narrow(const std::wstring& text) {
  return utf8(std::u32string(text.begin(), text.end()));
}

/// libedit measures and writes characters by the locale; a terminal of today speaks UTF-8 whatever that is.
void use_utf8() {
  std::setlocale(LC_CTYPE, "");
  if (std::strcmp(nl_langinfo(CODESET), "UTF-8") != 0) std::setlocale(LC_CTYPE, "C.UTF-8");
}

LineEditor* self(EditLine* editor) {
  void* data = nullptr;
  el_wget(editor, EL_CLIENTDATA, &data);
  return static_cast<LineEditor*>(data);
}

constexpr std::wstring_view kPasteEnd = L"\x1b[201~";

/// A paste as text: lines end in \n where terminals send \r, other control characters mean nothing.
std::wstring plain_paste(const std::wstring& paste) {
  std::wstring out;
  for (size_t i = 0; i < paste.size(); ++i) {
    const wchar_t c = paste[i];
    if (c == L'\r') {
      if (i + 1 == paste.size() || paste[i + 1] != L'\n') out += L'\n';
    } else if (c == L'\n' || c == L'\t' || (c >= 0x20 && c != 0x7f)) {
      out += c;
    }
  }
  while (!out.empty() && out.back() == L'\n') out.pop_back();  // Enter sends it, not the clipboard
  return out;
}

}  // namespace

LineEditor::LineEditor(Interrupts& interrupts, const std::string& history, Complete complete)
    : interrupts_(interrupts),
      history_((use_utf8(), history)),
      complete_(std::move(complete)),
      out_(isatty(STDOUT_FILENO) ? stdout : stderr),
      editor_(el_init("rouse", stdin, out_, stderr), el_end) {
  require(editor_ != nullptr, "standard input: the terminal cannot be edited on");
  const char* term = std::getenv("TERM");
  brackets_ = term && *term && std::strcmp(term, "dumb") != 0;
  EditLine* e = editor_.get();
  el_wset(e, EL_CLIENTDATA, this);
  el_wset(e, EL_SIGNAL, 0);
  el_wset(e, EL_PROMPT, &LineEditor::prompt);
  el_wset(e, EL_HIST, history_w, history_.entries());
  el_wset(e, EL_GETCFN, &LineEditor::read_character);
  bind_keys();
  el_source(e, nullptr);
}

LineEditor::~LineEditor() = default;

void LineEditor::bind_keys() {
  EditLine* e = editor_.get();
  el_wset(e, EL_EDITOR, L"emacs");
  el_wset(e, EL_ADDFN, L"rouse-paste", L"Insert what the terminal pastes", &LineEditor::insert_paste);
  el_wset(e, EL_ADDFN, L"rouse-newline", L"Insert a newline", &LineEditor::insert_newline);
  el_wset(e, EL_ADDFN, L"rouse-complete", L"Complete a command", &LineEditor::complete_word);
  constexpr std::array<std::array<const wchar_t*, 2>, 15> kKeys{{{L"\\e[200~", L"rouse-paste"},
                                                                 {L"\\e^M", L"rouse-newline"},
                                                                 {L"\\e^J", L"rouse-newline"},
                                                                 {L"^R", L"em-inc-search-prev"},
                                                                 {L"^W", L"ed-delete-prev-word"},
                                                                 {L"\\e[3~", L"ed-delete-next-char"},
                                                                 {L"\\e[H", L"ed-move-to-beg"},
                                                                 {L"\\e[F", L"ed-move-to-end"},
                                                                 {L"\\e[1~", L"ed-move-to-beg"},
                                                                 {L"\\e[4~", L"ed-move-to-end"},
                                                                 {L"\\eOH", L"ed-move-to-beg"},
                                                                 {L"\\eOF", L"ed-move-to-end"},
                                                                 {L"\\e[1;5C", L"em-next-word"},
                                                                 {L"\\e[1;5D", L"ed-prev-word"},
                                                                 {L"^I", L"rouse-complete"}}};
  for (const auto& [key, function] : kKeys) el_wset(e, EL_BIND, key, function, nullptr);
}

/// Before a prompt shows: what is typed right behind it would else meet the kernel's own editing.
void LineEditor::take_terminal() {
  el_wset(editor_.get(), EL_PREP_TERM, 1);
  termios mode{};
  if (tcgetattr(STDIN_FILENO, &mode) == 0) {
    mode.c_iflag &= ~static_cast<tcflag_t>(ICRNL | INLCR);  // or a pasted \r\n arrives as two newlines
    tcsetattr(STDIN_FILENO, TCSADRAIN, &mode);
  }
  if (brackets_) std::fputs("\x1b[?2004h", out_);
  std::fflush(out_);
}

/// libedit has given it back with the line.
void LineEditor::end_line(const char* shown) {
  if (brackets_) std::fputs("\x1b[?2004l", out_);
  std::fputs(shown, out_);
  std::fflush(out_);
}

wchar_t* LineEditor::prompt(EditLine* editor) {
  static wchar_t first[] = L"> ", next[] = L". ";
  return self(editor)->continued_ ? next : first;
}

/// After the window has got another width. libedit takes the rows for those that it wrote; a terminal has
/// broken them anew meanwhile, so the prompt is sought by what stands before the cursor.
void LineEditor::draw_again() {
  el_resize(editor_.get());
  const LineInfoW* line = el_wline(editor_.get());
  const auto width = static_cast<int>(terminal_width(fileno(out_)));
  int row = 0, column = 2;  // the prompt
  for (const wchar_t* c = line->buffer; c < line->cursor; ++c) {
    const int n = *c == L'\n' ? 0 : std::max(1, wcwidth(*c));
    if (*c == L'\n' || column + n > width) ++row, column = 0;
    column += n;
  }
  if (column >= width) ++row;
  if (row > 0) std::fprintf(out_, "\x1b[%dA", row);
  std::fputs("\r\x1b[J", out_);
  std::fflush(out_);
  el_wset(editor_.get(), EL_REFRESH);
}

/// -1: interrupted; -2: nothing more comes.
int LineEditor::next_byte(EditLine* editor) {
  for (;;) {
    interrupts_.drain();
    if (interrupts_.take()) {
      const LineInfoW* line = el_wline(editor);
      typed_.assign(line->buffer, line->lastchar);
      interrupted_ = true;
      return -1;
    }
    if (interrupts_.resized()) draw_again();
    if (interrupts_.continued()) {  // the shell has had the terminal meanwhile
      el_wset(editor, EL_PREP_TERM, 0);
      take_terminal();
      el_wset(editor, EL_REFRESH);
    }
    std::array<pollfd, 2> from{{{STDIN_FILENO, POLLIN, 0}, {interrupts_.fd(), POLLIN, 0}}};
    if (poll(from.data(), from.size(), -1) < 0 && errno != EINTR) return -2;
    if ((from[0].revents & (POLLIN | POLLHUP | POLLERR)) == 0) continue;
    unsigned char byte = 0;
    const ssize_t n = ::read(STDIN_FILENO, &byte, 1);
    if (n == 1) return byte;
    if (n == 0 || (errno != EINTR && errno != EAGAIN)) return -2;
  }
}

/// One character of UTF-8; a byte that begins none is U+FFFD.
int LineEditor::read_character(EditLine* editor, wchar_t* character) {
  LineEditor& me = *self(editor);
  std::string bytes;
  do {
    const int byte = me.next_byte(editor);
    if (byte < 0) {
      errno = byte == -1 ? EINTR : 0;
      return byte == -1 ? -1 : 0;
    }
    bytes += static_cast<char>(byte);
  } while (bytes.size() < 4 && complete_utf8_prefix(bytes) < bytes.size());
  *character = static_cast<wchar_t>(code_points(bytes)[0]);
  return 1;
}

unsigned char LineEditor::insert_paste(EditLine* editor, int) {
  std::wstring paste;
  for (wchar_t c = 0; !paste.ends_with(kPasteEnd); paste += c)
    if (el_wgetc(editor, &c) != 1) return CC_EOF;
  paste.resize(paste.size() - kPasteEnd.size());
  return el_winsertstr(editor, plain_paste(paste).c_str()) == 0 ? CC_REFRESH : CC_ERROR;
}

unsigned char LineEditor::insert_newline(EditLine* editor, int) {
  return el_winsertstr(editor, L"\n") == 0 ? CC_REFRESH : CC_ERROR;
}

/// Of a command; in a message a tab is a tab. What all candidates begin with is inserted, and where that is
/// nothing they are listed.
unsigned char LineEditor::complete_word(EditLine* editor, int) {
  LineEditor& me = *self(editor);
  const LineInfoW* line = el_wline(editor);
  const std::string before = narrow({line->buffer, line->cursor});
  if (me.continued_ || !before.starts_with('/'))
    return el_winsertstr(editor, L"\t") == 0 ? CC_REFRESH : CC_ERROR;
  const std::vector<std::string> all = me.complete_(before);
  if (all.empty()) return CC_ERROR;
  std::string common = all[0];
  for (const std::string& word : all)
    common.resize(static_cast<size_t>(std::ranges::mismatch(common, word).in1 - common.begin()));
  common.resize(complete_utf8_prefix(common));
  const size_t typed = before.size() - (before.find_last_of(' ') + 1);  // npos + 1 is 0
  std::string more = common.size() > typed ? common.substr(typed) : "";
  if (all.size() == 1 && !common.ends_with('=') && !common.ends_with('/') && !common.ends_with(':'))
    more += ' ';
  if (!more.empty()) {
    const std::u32string text = code_points(more);
    return el_winsertstr(editor, std::wstring(text.begin(), text.end()).c_str()) == 0 ? CC_REFRESH : CC_ERROR;
  }
  std::fprintf(me.out_, "\n%s\n", wrapped(join(all, "  "), terminal_width(fileno(me.out_))).c_str());
  std::fflush(me.out_);
  return CC_REDISPLAY;
}

LineEditor::Line LineEditor::read() {
  std::wstring text;
  for (continued_ = false;; continued_ = true) {
    interrupted_ = false;
    int n = 0;
    take_terminal();
    const wchar_t* line = el_wgets(editor_.get(), &n);
    if (interrupted_ || !line || n <= 0) {
      end_line(interrupted_ ? "^C\n" : "\n");
      if (!interrupted_) return {End::closed, ""};
      return {End::interrupted, narrow(text + typed_)};
    }
    text.append(line, static_cast<size_t>(n));
    if (text.ends_with(L'\n')) text.pop_back();
    if (!text.ends_with(L'\\')) break;
    text.back() = L'\n';
  }
  end_line("");
  const std::string message = narrow(text);
  if (!trim(message).empty()) history_.add(message);
  return {End::line, message};
}

}  // namespace rouse
