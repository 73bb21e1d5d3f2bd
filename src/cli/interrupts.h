/// cli/interrupts.h - Ctrl-C for a command that goes on after it, and the other signals that a line editor
/// must hear of.
#pragma once

#include <atomic>
#include <csignal>

namespace rouse {

/// While it lives SIGINT only sets pressed(). At most one at a time. Signals reach whichever thread the
/// kernel likes, so that none can count on an interrupted call: fd() wakes poll instead.
class Interrupts {
 public:
  /// Throws Error when there is no pipe to be had.
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  /// Set by Ctrl-C until take() is called.
  const std::atomic<bool>& pressed() const;
  bool take();
  /// The window has another size; the program goes on after Ctrl-Z. Both since they were last asked for.
  bool resized();
  bool continued();
  /// Readable after any of these; drain() makes it wait for the next.
  int fd() const;
  void drain();

 private:
  struct sigaction old_int_ {
  }, old_winch_{}, old_cont_{};
};

}  // namespace rouse
