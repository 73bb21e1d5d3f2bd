/// engine/kv_cells.h - which cell of the KV cache holds which position of which sequences.
///
/// All sequences live in one array of cells. A cell can belong to several sequences, so a shared prefix is
/// stored once.
#pragma once

#include <bitset>
#include <functional>
#include <optional>
#include <vector>

namespace rouse {

using SeqId = int;
inline constexpr int kMaxSequence = 256;
/// Attention reads cells in windows of this many, so that graphs can be reused from step to step.
inline constexpr int kKvWindow = 256;

class KvCells {
 public:
  /// At most n_sequence are open at a time.
  explicit KvCells(int n_cell, int n_sequence = kMaxSequence);

  /// A new empty sequence. Cells near each other make attention cheaper, so say how many it may need.
  SeqId open(int n_reserve = 0);
  /// A sequence that shares the first n_token of `from`.
  SeqId fork(SeqId from, int n_token);
  /// Forgets all but the first n_token.
  void trim(SeqId seq, int n_token);
  void close(SeqId seq);

  /// The sequence is nobody's any more: cells that only such sequences hold count as free. Whoever keeps it
  /// closes one and returns true when cells or sequences run out; false when there is none.
  void keep(SeqId seq);
  void on_need(std::function<bool()> give_back) { give_back_ = std::move(give_back); }

  /// For whoever holds the sequences' keys and values by sequence instead of by cell: what happened to them.
  struct Mirror {
    std::function<void(SeqId from, SeqId to, int n_token)> forked;
    std::function<void(SeqId seq, int n_token)> trimmed;  ///< from more
  };
  void mirror_to(Mirror mirror) { mirror_ = std::move(mirror); }

  /// Takes a cell for the next position, if need be of a kept sequence. The caller checks n_free first.
  int append(SeqId seq);
  int length(SeqId seq) const { return static_cast<int>(sequence(seq).cells.size()); }
  const std::vector<int>& cells(SeqId seq) const { return sequence(seq).cells; }
  /// Whether a row of `seq` at `position` attends to `cell`.
  bool sees(int cell, SeqId seq, int position) const {
    const Cell& c = cells_[static_cast<size_t>(cell)];
    return c.position <= position && c.owners[static_cast<size_t>(seq)];
  }
  /// The row of a cell was routed in block `block` by scores that are not finite: what looks back on it means
  /// nothing, until the cell is given back.
  void spoil(int cell, int block);
  struct Spoiled {
    int position, block;
  };
  /// The first such cell among the sequence's first n.
  std::optional<Spoiled> spoiled(SeqId seq, int n) const;
  int n_cell() const { return static_cast<int>(cells_.size()); }
  int n_sequence() const { return static_cast<int>(sequences_.size()); }
  int n_free() const { return n_free_ + n_kept_; }
  int n_sequence_free() const;  ///< that could be opened, kept ones given back
  bool is_open(SeqId seq) const;

 private:
  struct Cell {
    int position = -1;
    std::bitset<kMaxSequence> owners;
    SeqId reserved_for = -1;
    int spoiled_by = -1;  ///< block
  };
  struct Sequence {
    bool open = false;
    std::vector<int> cells;  ///< by position
  };
  const Sequence& sequence(SeqId seq) const;
  Sequence& sequence(SeqId seq);
  SeqId unused();
  bool only_kept(const Cell& cell) const { return cell.owners.any() && (cell.owners & ~kept_).none(); }
  void reserve(SeqId seq, int n_cell);
  int find_cell(SeqId seq) const;

  std::vector<Cell> cells_;
  std::vector<Sequence> sequences_;
  int n_free_, n_spoiled_ = 0;
  std::bitset<kMaxSequence> kept_;
  int n_kept_ = 0;  ///< cells that only kept sequences hold
  std::function<bool()> give_back_;
  Mirror mirror_;
};

}  // namespace rouse
