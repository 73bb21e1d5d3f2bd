/// tests/hub_server.h - a model hub and the host that has its files, in this process: they answer as the
/// Hugging Face Hub does, and can be told to fail as networks do.
#pragma once

#include <httplib.h>

#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "gguf/hash.h"
#include "support.h"

namespace rouse {

inline std::string sha256_of(const std::string& bytes) {
  Sha256 hash;
  hash.add(std::as_bytes(std::span(bytes)));
  return hash.hex();
}

/// A port of this machine on which a server answers as long as it lives.
struct TestServer {
  httplib::Server http;
  int port = 0;
  std::thread thread;
  void start() {
    port = http.bind_to_any_port("127.0.0.1");
    thread = std::thread([this] { http.listen_after_bind(); });
    http.wait_until_ready();
  }
  ~TestServer() {
    http.stop();
    if (thread.joinable()) thread.join();
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port); }
};

/// A repository "lab/tiny" unless a test says otherwise. Change what is public before a request, not during
/// one.
class HubServer {
 public:
  HubServer() {
    hub_.http.Get("/api/models/(.*)", [this](const auto& q, auto& a) { api(q, a); });
    hub_.http.Get("/(.*)/resolve/([^/]*)/(.*)", [this](const auto& q, auto& a) { resolve(q, a); });
    bytes_.http.Get("/blob/(.*)", [this](const auto& q, auto& a) { blob(q, a); });
    bytes_.start();
    hub_.start();
  }

  std::string url() const { return hub_.url(); }
  /// Of a command that is to ask this hub.
  std::string environment(const TempDir& cache) const {
    return cat("HF_ENDPOINT=", url(), " ROUSE_CACHE=", cache.path.string(), " ");
  }

  std::string repo = "lab/tiny", revision = std::string(40, 'a');
  std::map<std::string, std::string> files;   ///< by their path
  std::map<std::string, std::string> sha256;  ///< told in the place of the right one
  std::string etag;                           ///< in the place of a file's sha256, which is then not told
  bool tell_sizes = true;
  std::string token;         ///< that requests must bring; else 401
  int status = 0;            ///< in the place of an answer about the repository
  std::vector<size_t> cuts;  ///< after so many bytes an answer with a file breaks off; used up from the front
  size_t n_slow = 0;         ///< then it waits until the client is gone
  bool ranges = true;        ///< a Range is heeded

  /// What the hosts saw.
  int n_blob() const { return n_blob_; }
  int n_token_at_hub() const { return n_token_at_hub_; }
  int n_token_at_host() const { return n_token_at_host_; }
  std::vector<std::string> asked_ranges() {
    const std::lock_guard lock(mutex_);
    return asked_ranges_;
  }
  std::atomic<size_t> n_sent = 0;

 private:
  bool refused(const httplib::Request& q, httplib::Response& a) {
    const std::string brought = q.get_header_value("Authorization");
    if (!brought.empty()) ++n_token_at_hub_;
    if (token.empty() || brought == "Bearer " + token) return false;
    a.status = 401;
    a.set_header("X-Error-Code", "GatedRepo");
    a.set_header("X-Error-Message", "Access to this model is restricted.");
    return true;
  }

  void api(const httplib::Request& q, httplib::Response& a) {
    if (refused(q, a)) return;
    if (status != 0 || q.matches[1] != repo) {
      a.status = status != 0 ? status : 404;
      return;
    }
    nlohmann::json siblings = nlohmann::json::array();
    for (const auto& [path, bytes] : files) {
      nlohmann::json file{{"rfilename", path}};
      if (tell_sizes) file["size"] = bytes.size();
      if (tell_sizes && etag.empty())
        file["lfs"] = {{"sha256", told_sha256(path)}, {"size", bytes.size()}, {"pointerSize", 134}};
      siblings.push_back(file);
    }
    a.set_content(nlohmann::json{{"id", repo}, {"sha", revision}, {"siblings", siblings}}.dump(),
                  "application/json");
  }

  void resolve(const httplib::Request& q, httplib::Response& a) {
    if (refused(q, a)) return;
    const std::string path = q.matches[3];
    if (q.matches[1] != repo || (q.matches[2] != revision && q.matches[2] != "main") || !files.count(path)) {
      a.status = 404;
      return;
    }
    a.status = 302;
    a.set_header("X-Linked-Etag", "\"" + (etag.empty() ? told_sha256(path) : etag) + "\"");
    a.set_header("X-Linked-Size", std::to_string(files[path].size()));
    a.set_header("Location", bytes_.url() + "/blob/" + path + "?Signature=a%2Fb%3D");
  }

  void blob(const httplib::Request& q, httplib::Response& a) {
    ++n_blob_;
    if (q.has_header("Authorization")) ++n_token_at_host_;
    if (q.target.find("Signature=a%2Fb%3D") == std::string::npos) {
      a.status = 403;  // a signature that was written another way is none
      return;
    }
    const std::string& bytes = files.at(q.matches[1]);
    size_t from = 0;
    {
      const std::lock_guard lock(mutex_);
      asked_ranges_.push_back(q.get_header_value("Range"));
      if (!asked_ranges_.back().empty() && ranges) from = std::stoull(asked_ranges_.back().substr(6));
    }
    size_t cut = bytes.size();
    if (!cuts.empty()) cut = from + cuts.front(), cuts.erase(cuts.begin());
    const size_t wait_at = n_slow;
    a.set_header("ETag", "\"another-of-the-host\"");
    // Written by hand, as the library would answer the Range itself and cannot break off.
    auto& request = const_cast<httplib::Request&>(q);
    request.ranges.clear();
    if (from > 0) {
      a.status = 206;
      a.set_header("Content-Range", "bytes " + std::to_string(from) + "-" + std::to_string(bytes.size() - 1) +
                                        "/" + std::to_string(bytes.size()));
    }
    a.set_content_provider(
        bytes.size() - from, "application/octet-stream",
        [this, &bytes, from, cut, wait_at](size_t offset, size_t, httplib::DataSink& sink) {
          const size_t at = from + offset;
          if (at >= cut) return false;
          if (wait_at > 0 && at >= wait_at) {
            for (int i = 0; i < 200 && sink.is_writable(); ++i) usleep(50 * 1000);
            return false;
          }
          size_t n = std::min({cut - at, bytes.size() - at, size_t{16384}});
          if (wait_at > 0) n = std::min(n, wait_at - at);
          n_sent += n;
          return sink.write(bytes.data() + at, n);
        });
  }

  std::string told_sha256(const std::string& path) {
    const auto told = sha256.find(path);
    return told != sha256.end() ? told->second : sha256_of(files.at(path));
  }

  std::mutex mutex_;
  std::vector<std::string> asked_ranges_;
  std::atomic<int> n_blob_ = 0, n_token_at_hub_ = 0, n_token_at_host_ = 0;
  TestServer bytes_, hub_;  ///< last: they end before what they use
};

}  // namespace rouse
