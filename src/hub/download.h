/// hub/download.h - a hub's model into the cache: what is there is kept, what was begun is continued, and
/// nothing counts as there before its sha256 was compared.
#pragma once

#include "hub/hub.h"
#include "hub/store.h"

namespace rouse {

struct DownloadOptions {
  int n_try = 5;      ///< attempts in a row that bring no byte further
  double wait_s = 1;  ///< before the second of them; doubled before each further one, a minute at most
  /// Of all parts, in bytes; what was there before counts as done.
  std::function<void(uint64_t done, uint64_t total)> progress = {};
  /// "part 2 of 3", "checking"; what is going on, where that changes.
  std::function<void(const std::string& what)> phase = {};
  /// A line for who watches: why something is tried again.
  std::function<void(const std::string& line)> warn = {};
  const std::atomic<bool>* stop = nullptr;
};

/// Brings every file of a model to its place in the store. A file that is there and is the hub's stays as it
/// is. Returns the bytes that came over the network.
/// Throws Error (interrupted) when `stop` is set: what came so far stays, and the next call continues.
/// Otherwise: bad_model where the hub refuses or the sha256 differs (the file is removed then), no_room where
/// the disk is too small, usage while another process fetches the same.
uint64_t download(const Hub& hub, const Repository& repo, const RepoModel& model, const ModelStore& store,
                  const DownloadOptions& options);

}  // namespace rouse
