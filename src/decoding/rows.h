/// decoding/rows.h - what a method asks for, as rows of rounds: its streams and their branches are sequences
/// of the engines, a prompt runs in pieces, and what came back is kept until the method has all of it.
///
/// One Rows belongs to one text. Everything here runs on the thread that runs the engines.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <utility>

#include "decoding/method.h"
#include "decoding/round.h"

namespace rouse {

/// Which experts a stream used at a position.
struct RoutedPosition {
  int stream = 0, token = 0;
  int64_t position = 0;
  std::vector<RoutedRow> layers;
};

class Rows {
 public:
  /// cells: that a stream which begins may take, by model. routing: keep which experts every row used. reuse:
  /// begin with what is kept of earlier texts, and leave this one for later ones; rows that are not run have
  /// no routing, so it has no effect together with `routing`.
  Rows(Engines engines, const std::vector<Stream>& streams, const std::array<int, kModels>& cells,
       bool routing, bool reuse);
  ~Rows() { close({}); }
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;

  /// Takes over what a method wants next; what it wanted before is answered.
  void ask(Asks asks);
  /// Nothing is asked for.
  bool idle() const { return asks_.empty(); }

  /// Adds the next rows to a round, of prompts at most n_row. False when they have no room in the
  /// context: nothing was added.
  bool add(Round& round, size_t n_row);
  /// Rows of the round are its own.
  bool in_round() const { return !pieces_.empty(); }

  /// What the rows of a round cost, apart by what they were: a stream that waits runs its prompt with the
  /// first step that needs it.
  struct Spent {
    Cost prompt, step;
    int64_t n_graph = 0;  ///< graphs that ran its rows
  };
  /// Keeps what the round gave: the next run overwrites it. first_row: of the round's rows in the round that
  /// they were collected for, where they were run apart.
  Spent read(const Round& round, const std::array<size_t, kModels>& first_row, size_t n_prompt);

  /// The same for the head rows that are wanted now, if any.
  void add_heads(HeadRound& round);
  bool in_head_round() const { return !head_at_.empty(); }
  Cost read_heads(HeadRound& round);

  /// Whether everything that was asked for is there.
  bool whole() const;
  /// One for each ask, those of heads behind those of rows; until the next ask().
  std::vector<Answer> answers() const;
  /// Logits of the first stream, if the first ask was for those.
  std::span<const float> first_logits() const;
  /// What was asked for is answered.
  void clear() { asks_ = {}; }

  /// Cells that its streams hold on a model; branches share most of theirs, so the longest of each counts.
  int held(int model, int n_shared) const;
  /// Rows of another sample of this text, which share its cells so far.
  std::unique_ptr<Rows> sample() const;
  /// Gives the sequences back. tokens: what they hold, if it shall be kept for later texts.
  void close(std::span<const int> tokens);

  /// Tokens of the first stream's prompt that were not run, as an earlier text's cells held them.
  int reused() const { return reused_; }
  const std::vector<RoutedPosition>& routed() const { return routed_; }

 private:
  /// Rows of an ask that run in one round.
  struct Piece {
    size_t ask;
    int model;
    size_t first, n;  ///< rows of the round's batch
  };
  struct Kept {
    std::vector<float> logits, hidden;
    std::vector<std::vector<float>> exits;
  };
  const Stream& stream_of(int stream) const { return streams_[static_cast<size_t>(stream)]; }
  Engine& engine_of(int stream) const { return engines_.of(stream_of(stream).model); }
  void begin_with_kept();
  bool admit(const std::vector<size_t>& take) const;
  SeqId branch(const Ask& ask);
  void add_rows(Round& round, size_t i, size_t n, SeqId seq);
  void drop_branches();
  void keep(const Piece& piece, const StepResult& result, const std::vector<int>& exits);
  void keep_routing(const Piece& piece, const StepResult& result);

  Engines engines_;
  std::vector<Stream> streams_;
  std::array<int, kModels> cells_;
  bool routing_, reuse_;
  std::map<std::pair<int, int>, SeqId> sequences_;  ///< by stream and branch
  Asks asks_;
  std::vector<size_t> asked_;                    ///< rows of each ask that were handed out
  std::vector<Kept> kept_;                       ///< answers, as far as they are there
  std::vector<std::vector<float>> head_logits_;  ///< of each head ask, once it has run
  std::vector<size_t> head_at_;                  ///< of each head ask: its place in the head round
  std::vector<Piece> pieces_;                    ///< of the round
  bool branched_ = false;                        ///< so that no sequence need hold the text
  int reused_ = 0;
  std::vector<RoutedPosition> routed_;
};

/// Runs the beginning of many texts once on every stream of their method and keeps it: texts with `reuse`
/// begin there. Nothing where the method reads hidden rows of its prompt, or there is no room. Returns what
/// it cost.
Cost keep_beginning(Engines engines, const Method& method, std::span<const int> tokens);

}  // namespace rouse
