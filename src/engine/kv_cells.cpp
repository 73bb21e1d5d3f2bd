#include "engine/kv_cells.h"

#include <cassert>

#include "base/error.h"

namespace rouse {

KvCells::KvCells(int n_cell, int n_sequence)
    : cells_(static_cast<size_t>(n_cell)), sequences_(static_cast<size_t>(n_sequence)), n_free_(n_cell) {}

bool KvCells::is_open(SeqId seq) const {
  return seq >= 0 && seq < n_sequence() && sequences_[static_cast<size_t>(seq)].open;
}

const KvCells::Sequence& KvCells::sequence(SeqId seq) const {
  assert(is_open(seq));
  return sequences_[static_cast<size_t>(seq)];
}

KvCells::Sequence& KvCells::sequence(SeqId seq) {
  assert(is_open(seq));
  return sequences_[static_cast<size_t>(seq)];
}

int KvCells::n_sequence_free() const {
  int n = static_cast<int>(kept_.count());
  for (const Sequence& s : sequences_) n += !s.open;
  return n;
}

SeqId KvCells::unused() {
  do {
    for (SeqId seq = 0; seq < n_sequence(); ++seq)
      if (!sequences_[static_cast<size_t>(seq)].open) return seq;
  } while (give_back_ && give_back_());
  throw Error(cat("all ", n_sequence(), " sequences are in use"), ErrorKind::no_room);
}

SeqId KvCells::open(int n_reserve) {
  const SeqId seq = unused();
  sequences_[static_cast<size_t>(seq)] = {true, {}};
  reserve(seq, n_reserve);
  return seq;
}

/// Marks the first run of n_cell free, unreserved cells; without such a run the sequence takes cells where
/// they are.
void KvCells::reserve(SeqId seq, int n_cell) {
  int run = 0;
  for (int i = 0; n_cell > 0 && i < this->n_cell(); ++i) {
    const Cell& c = cells_[static_cast<size_t>(i)];
    run = c.owners.none() && c.reserved_for < 0 ? run + 1 : 0;
    if (run < n_cell) continue;
    for (int j = i - n_cell + 1; j <= i; ++j) cells_[static_cast<size_t>(j)].reserved_for = seq;
    return;
  }
}

SeqId KvCells::fork(SeqId from, int n_token) {
  assert(n_token >= 0 && n_token <= length(from));
  const SeqId seq = unused();
  const std::vector<int>& source = sequence(from).cells;
  sequences_[static_cast<size_t>(seq)] = {true, std::vector<int>(source.begin(), source.begin() + n_token)};
  for (const int i : sequence(seq).cells) {
    Cell& cell = cells_[static_cast<size_t>(i)];
    n_kept_ -= only_kept(cell);
    cell.owners.set(static_cast<size_t>(seq));
  }
  if (mirror_.forked && n_token > 0) mirror_.forked(from, seq, n_token);
  return seq;
}

void KvCells::trim(SeqId seq, int n_token) {
  std::vector<int>& held = sequence(seq).cells;
  if (mirror_.trimmed && static_cast<int>(held.size()) > n_token) mirror_.trimmed(seq, n_token);
  while (static_cast<int>(held.size()) > n_token) {
    Cell& cell = cells_[static_cast<size_t>(held.back())];
    n_kept_ -= only_kept(cell);
    cell.owners.reset(static_cast<size_t>(seq));
    n_kept_ += only_kept(cell);
    if (cell.owners.none()) {
      n_spoiled_ -= cell.spoiled_by >= 0;
      cell.position = cell.spoiled_by = -1;
      ++n_free_;
    }
    held.pop_back();
  }
}

void KvCells::spoil(int cell, int block) {
  Cell& c = cells_[static_cast<size_t>(cell)];
  if (c.spoiled_by >= 0) return;
  c.spoiled_by = block;
  ++n_spoiled_;
}

std::optional<KvCells::Spoiled> KvCells::spoiled(SeqId seq, int n) const {
  const std::vector<int>& held = cells(seq);
  for (int p = 0; n_spoiled_ > 0 && p < n; ++p)
    if (const Cell& c = cells_[static_cast<size_t>(held[static_cast<size_t>(p)])]; c.spoiled_by >= 0)
      return Spoiled{p, c.spoiled_by};
  return std::nullopt;
}

void KvCells::close(SeqId seq) {
  trim(seq, 0);
  for (Cell& cell : cells_)
    if (cell.reserved_for == seq) cell.reserved_for = -1;
  sequences_[static_cast<size_t>(seq)] = {};
  kept_.reset(static_cast<size_t>(seq));
}

void KvCells::keep(SeqId seq) {
  assert(is_open(seq) && !kept_[static_cast<size_t>(seq)]);
  kept_.set(static_cast<size_t>(seq));
  for (const int cell : cells(seq)) n_kept_ += only_kept(cells_[static_cast<size_t>(cell)]);
  for (Cell& cell : cells_)
    if (cell.reserved_for == seq) cell.reserved_for = -1;
}

/// The cell after the sequence's last if it may be used; else the first of its own reserve, of nobody's, of
/// anybody's.
int KvCells::find_cell(SeqId seq) const {
  const auto usable = [&](int i, SeqId reserved_for) {
    const Cell& c = cells_[static_cast<size_t>(i)];
    return c.owners.none() && c.reserved_for == reserved_for;
  };
  const std::vector<int>& held = sequence(seq).cells;
  const int next = held.empty() ? n_cell() : held.back() + 1;
  if (next < n_cell() && (usable(next, seq) || usable(next, -1))) return next;
  for (const SeqId reserved_for : {seq, -1})
    for (int i = 0; i < n_cell(); ++i)
      if (usable(i, reserved_for)) return i;
  for (int i = n_cell() - 1; i >= 0; --i)
    if (cells_[static_cast<size_t>(i)].owners.none()) return i;
  return -1;
}

int KvCells::append(SeqId seq) {
  int found = find_cell(seq);
  while (found < 0 && give_back_ && give_back_()) found = find_cell(seq);
  assert(found >= 0);
  Cell& cell = cells_[static_cast<size_t>(found)];
  cell.position = length(seq);
  cell.owners.set(static_cast<size_t>(seq));
  sequence(seq).cells.push_back(found);
  --n_free_;
  return found;
}

}  // namespace rouse
