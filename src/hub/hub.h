/// hub/hub.h - what a model hub is asked, and what it answers: a repository's files, and their bytes.
///
/// The protocol is the Hugging Face Hub's, which its mirrors speak too:
///   GET /api/models/OWNER/REPO?blobs=true   JSON: the revision ("sha"), and "siblings": name, size,
///   lfs.sha256 GET /OWNER/REPO/resolve/REVISION/FILE   302 to another host that has the bytes; X-Linked-Etag
///   is the
///                                           sha256 of a large file, X-Linked-Size its length
/// A token is for the hub alone: it goes to the hub's own address, not where that leads.
#pragma once

#include "base/error.h"
#include "hub/choice.h"
#include "hub/http.h"

namespace rouse {

struct HubOptions {
  std::string endpoint = "https://huggingface.co";
  std::string token = "";  ///< may be empty
  HttpTimeouts timeouts = {};
};
/// HF_ENDPOINT and HF_TOKEN. Throws Error (usage).
HubOptions hub_from_environment();

struct Repository {
  std::string name, revision;  ///< a commit, or "main"
  std::vector<RepoFile> files;
};

/// No connection, in contrast to a refusal.
struct HubUnreachable : Error {
  using Error::Error;
};

/// The answer that has the bytes.
struct FileAnswer {
  HttpAnswer http;
  std::string etag, sha256;       ///< empty: not told
  std::optional<uint64_t> size;   ///< of the whole file
  std::optional<uint64_t> begin;  ///< of 206: the position of the first byte
};

class Hub {
 public:
  /// Throws Error (usage) for an endpoint or a token that cannot be one.
  explicit Hub(HubOptions options);
  const std::string& host() const { return base_.host; }
  /// Throws HubUnreachable, and Error for what the hub refuses.
  Repository repository(const std::string& name, const std::atomic<bool>* stop = nullptr) const;
  /// The bytes of a file from a position on, to `piece`. `begin` sees the answer when redirects are behind;
  /// false: its body is not wanted.
  FileAnswer file(const Repository& repo, const std::string& path, uint64_t from,
                  const std::function<bool(const FileAnswer&)>& begin,
                  const std::function<bool(std::string_view)>& piece, const std::atomic<bool>* stop) const;
  /// What a status other than success means to who asked for `what` ("OWNER/REPO").
  Error refusal(const HttpAnswer& answer, const std::string& repo, const std::string& what) const;

 private:
  HttpAnswer get(Url url, std::map<std::string, std::string> headers, HttpRequest request,
                 const std::function<void(const HttpAnswer&)>& on_redirect = {}) const;

  HubOptions options_;
  Url base_;
};

/// Whether the same request may well be answered later.
bool passes(const HttpAnswer& answer);

}  // namespace rouse
