#include "hub/download.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/clock.h"
#include "base/files.h"
#include "base/lock.h"
#include "base/text.h"
#include "gguf/hash.h"

namespace rouse {

namespace fs = std::filesystem;

namespace {

uint64_t size_of(const std::string& path) {
  std::error_code error;
  const uint64_t size = fs::file_size(path, error);
  return error ? 0 : size;
}

void require_space(const std::string& folder, uint64_t n_byte) {
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  constexpr uint64_t kMargin = uint64_t{16} << 20;  // for records, and whoever else writes
  if (error || n_byte == 0) return;
  require_room(space.available >= n_byte && space.available - n_byte >= kMargin, "", folder, ": has ",
               bytes_text(space.available), " free, and ", bytes_text(n_byte), " more are needed");
}

/// One file on its way.
class Fetch {
 public:
  /// `before`: bytes of the parts before it, `total` of all.
  Fetch(const Hub& hub, const Repository& repo, const RepoFile& file, const ModelStore& store,
        const DownloadOptions& o, uint64_t before, uint64_t total)
      : hub_(hub), repo_(repo), file_(file), o_(o), before_(before), total_(total) {
    path_ = store.path(repo.name, file.path);
    partial_ = path_ + ".partial";
    record_ = {repo.name, repo.revision, file.path, 0, file.sha256, ""};
  }

  /// Returns the bytes that came.
  uint64_t run() {
    std::error_code error;
    fs::create_directories(fs::path(path_).parent_path(), error);
    require(!error, fs::path(path_).parent_path().string(), ": cannot be made (", error.message(), ")");
    const Lock lock(path_, "wait for it");
    if (is_there()) return 0;
    look_at_partial();
    while (!complete()) attempt();
    finish();
    return n_come_;
  }

 private:
  void check_stop() const {
    if (o_.stop && *o_.stop)
      throw Error(cat("interrupted; ", bytes_text(size_of(partial_)), " of ", file_.path,
                      " are kept, and the next pull continues"),
                  ErrorKind::interrupted);
  }

  void show(uint64_t done) const {
    if (o_.progress && total_ > 0) o_.progress(std::min(before_ + done, total_), total_);
  }

  std::string hash_of(const std::string& path) const {
    if (o_.phase) o_.phase("checking");
    std::ifstream in(path, std::ios::binary);
    require(in.good(), path, ": cannot open");
    Sha256 hash;
    std::vector<char> buffer(1 << 20);
    uint64_t done = 0;
    while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || in.gcount() > 0) {
      hash.add(std::as_bytes(std::span(buffer)).first(static_cast<size_t>(in.gcount())));
      check_stop();
      show(done += static_cast<uint64_t>(in.gcount()));
    }
    require(!in.bad(), path, ": cannot read");
    return hash.hex();
  }

  /// The file is there, and is the one that the hub has. Where no record tells, its bytes do.
  bool is_there() const {
    std::error_code error;
    if (!fs::is_regular_file(path_, error) || (file_.size && size_of(path_) != *file_.size)) return false;
    const auto record = read_record(path_ + ".json");
    if (file_.sha256.empty())
      return record && record->revision == repo_.revision && record->size == size_of(path_);
    if (record && record->size == size_of(path_)) return record->sha256 == file_.sha256;
    if (hash_of(path_) != file_.sha256) return false;
    FileRecord made = record_;
    made.size = size_of(path_);
    write_record(path_ + ".json", made);
    return true;
  }

  static void write_record(const std::string& path, const FileRecord& record) {
    write_whole(path, record_json(record).dump(2) + "\n");
  }

  void discard() {
    std::error_code ignored;
    fs::remove(partial_, ignored);
    fs::remove(partial_ + ".json", ignored);
    begun_ = false;
  }

  /// What an earlier run left counts if it is known which file it is the beginning of.
  void look_at_partial() {
    const auto record = read_record(partial_ + ".json");
    const bool other = !record || record->etag.empty() || record->file != file_.path ||
                       (!record->sha256.empty() && !file_.sha256.empty() && record->sha256 != file_.sha256) ||
                       (file_.size && size_of(partial_) > *file_.size);
    if (other) return discard();
    record_.etag = record->etag;
    begun_ = true;
    most_ = size_of(partial_);
  }

  bool complete() const { return begun_ && file_.size && size_of(partial_) == *file_.size; }

  /// One request: as much as it brings. Throws Error for what another try would not mend.
  void attempt() {
    check_stop();
    const uint64_t from = begun_ ? size_of(partial_) : 0;
    changed_ = false;
    const FileAnswer answer = hub_.file(
        repo_, file_.path, from, [&](const FileAnswer& a) { return begin(a, from); },
        [&](std::string_view piece) { return write(piece); }, o_.stop);
    out_.close();
    check_stop();
    if (write_error_ != 0)
      throw Error(cat(partial_, ": cannot write (", std::strerror(write_error_), ")"), ErrorKind::no_room);
    if (fault_) throw *fault_;
    const HttpAnswer& http = answer.http;
    if (changed_ || http.status == 416) {  // 416: the file is shorter than what is here
      if (o_.warn) o_.warn(cat(file_.path, ": the hub's file is another one by now; beginning anew"));
      discard();
    } else if (http.status != 200 && http.status != 206 && !passes(http)) {
      throw hub_.refusal(http, repo_.name, cat(repo_.name, '/', file_.path));
    }
    again(http, complete());
  }

  /// The answer is there, its body is not yet.
  bool begin(const FileAnswer& a, uint64_t from) {
    if (a.http.status != 200 && a.http.status != 206) return false;
    const bool continued = a.http.status == 206;
    if (from > 0 && a.etag != record_.etag) changed_ = continued;
    if (continued && (from == 0 || a.begin != from)) changed_ = true;
    if (changed_) return false;
    if (file_.size && a.size && *file_.size != *a.size)
      fault_ = Error(
          cat(file_.path, ": ", hub_.host(), " says that it has ", *file_.size, " bytes, and now ", *a.size));
    if (!file_.sha256.empty() && !a.sha256.empty() && file_.sha256 != a.sha256)
      fault_ = Error(
          cat(file_.path, ": ", hub_.host(), " names two sha256 for it, ", file_.sha256, " and ", a.sha256));
    if (!a.size && !file_.size)
      fault_ = Error(cat(file_.path, ": ", hub_.host(), " does not say how long it is"));
    if (fault_) return false;
    file_.size = a.size ? a.size : file_.size;
    if (file_.sha256.empty()) file_.sha256 = a.sha256;
    try {
      open(a, continued);
    } catch (const Error& e) {
      fault_ = e;
    }
    return !fault_;
  }

  void open(const FileAnswer& a, bool continued) {
    const std::string folder = fs::path(path_).parent_path().string();
    require_space(folder, *file_.size - (continued ? size_of(partial_) : 0));
    if (!continued) discard();
    record_.etag = a.etag;
    record_.size = *file_.size;
    record_.sha256 = file_.sha256;
    errno = 0;
    out_.open(partial_, std::ios::binary | (continued ? std::ios::app : std::ios::trunc));
    require(out_.good(), partial_, ": cannot write (", std::strerror(errno), ")");
    begun_ = true;
    n_here_ = size_of(partial_);
    // Without an etag it could be the beginning of any file: the record is left out, and it is not continued.
    if (!a.etag.empty()) write_record(partial_ + ".json", record_);
  }

  bool write(std::string_view piece) {
    if (n_here_ + piece.size() > *file_.size) {
      fault_ = Error(
          cat(file_.path, ": ", hub_.host(), " sends more than the ", *file_.size, " bytes that it has"));
      return false;
    }
    errno = 0;
    if (!out_.write(piece.data(), static_cast<std::streamsize>(piece.size()))) {
      write_error_ = errno ? errno : ENOSPC;
      return false;
    }
    n_here_ += piece.size();
    n_come_ += piece.size();
    show(n_here_);
    return true;
  }

  /// After an attempt: what is left of the tries, and a pause where it did not end well.
  void again(const HttpAnswer& http, bool done) {
    if (done) return;
    if (record_.etag.empty()) discard();
    const uint64_t here = size_of(partial_);
    n_failed_ = here > most_ ? 1 : n_failed_ + 1;
    most_ = std::max(most_, here);
    const std::string why = !http.failure.empty() ? http.failure
                            : http.status >= 400  ? cat("status ", http.status)
                                                  : std::string("the answer was too short");
    if (n_failed_ >= o_.n_try)
      throw Error(cat(file_.path, ": ", hub_.host(), ": ", why, ", ", n_failed_, " times in a row; ",
                      bytes_text(here), " of ", file_.size ? bytes_text(*file_.size) : "it", " are kept"));
    double wait = std::min(60.0, o_.wait_s * std::pow(2.0, n_failed_ - 1));
    if (const auto asked = parse_int(http.header("retry-after")))
      wait = std::clamp<double>(static_cast<double>(*asked), wait, 60.0);
    if (o_.warn && !changed_)
      o_.warn(cat(file_.path, ": ", why, " at ", bytes_text(here), "; again in ", number_text(wait), " s"));
    for (const double end = now_seconds() + wait; now_seconds() < end; check_stop())
      std::this_thread::sleep_for(std::chrono::duration<double>(std::min(0.05, o_.wait_s)));
  }

  void finish() {
    const std::string sha256 = hash_of(partial_);
    if (!file_.sha256.empty() && sha256 != file_.sha256) {
      discard();
      throw Error(cat(file_.path, ": what arrived has the sha256 ", sha256, ", and ", hub_.host(), " says ",
                      file_.sha256, "; it was removed, pull it again"),
                  ErrorKind::bad_model);
    }
    record_.sha256 = sha256;
    record_.size = *file_.size;
    std::error_code ignored;
    fs::remove(path_ + ".json", ignored);  // it says nothing of the file that comes
    put_in_place(partial_, path_);
    write_record(path_ + ".json", record_);
    fs::remove(partial_ + ".json", ignored);
  }

  const Hub& hub_;
  const Repository& repo_;
  RepoFile file_;  ///< with what answers add
  const DownloadOptions& o_;
  const uint64_t before_, total_;
  std::string path_, partial_;
  FileRecord record_;
  bool begun_ = false;  ///< what partial_ holds is the beginning of this file
  std::ofstream out_;
  uint64_t n_here_ = 0, n_come_ = 0, most_ = 0;
  int n_failed_ = 0, write_error_ = 0;
  bool changed_ = false;
  std::optional<Error> fault_;
};

/// Bytes of a part that need not come any more.
uint64_t at_hand(const std::string& path, const RepoFile& file) {
  const uint64_t whole = size_of(path);
  return std::min(whole > 0 && whole == file.size ? whole : size_of(path + ".partial"),
                  file.size.value_or(0));
}

}  // namespace

uint64_t download(const Hub& hub, const Repository& repo, const RepoModel& model, const ModelStore& store,
                  const DownloadOptions& options) {
  uint64_t total = 0, missing = 0, before = 0, n_come = 0;
  for (const RepoFile& file : model.files) {
    total += file.size.value_or(0);
    missing += file.size.value_or(0) - at_hand(store.path(repo.name, file.path), file);
  }
  std::error_code error;
  fs::create_directories(store.root(), error);
  require(!error, store.root(), ": cannot be made (", error.message(), ")");
  require_space(store.root(), missing);
  for (size_t i = 0; i < model.files.size(); ++i) {
    if (options.phase)
      options.phase(model.files.size() > 1 ? cat("part ", i + 1, " of ", model.files.size()) : "");
    n_come += Fetch(hub, repo, model.files[i], store, options, before, total).run();
    before += model.files[i].size.value_or(0);
  }
  return n_come;
}

}  // namespace rouse
