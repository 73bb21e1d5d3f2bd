#include "sandbox/account.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <map>

#include "base/clock.h"
#include "base/error.h"
#include "sandbox/folder.h"

namespace rouse {
namespace {

/// Of this thread: on a busy machine a look takes long, and has to come all the same.
double processor_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// Calls use(name) for the numbers in a folder of /proc.
template <class Use>
void for_each_number(const std::string& path, const Use& use) {
  DIR* folder = opendir(path.c_str());
  if (!folder) return;  // it has ended
  while (const dirent* entry = readdir(folder))
    if (std::isdigit(static_cast<unsigned char>(entry->d_name[0]))) use(entry->d_name);
  closedir(folder);
}

/// The sum of the kB of some fields of a file of /proc such as "RssAnon:    123 kB".
uint64_t field_bytes(const std::string& path, const std::vector<std::string>& fields) {
  std::ifstream in(path);
  uint64_t kb = 0;
  for (std::string line; std::getline(in, line);)
    for (const std::string& field : fields)
      if (line.rfind(field, 0) == 0) kb += std::strtoull(line.c_str() + field.size(), nullptr, 10);
  return kb * 1024;
}

/// What files and memory without a name the processes still hold, by inode: the devices of maps and of stat
/// are not the same on every file system.
struct Held {
  std::map<uint64_t, uint64_t> deleted;  ///< bytes of files that are open and have no name any more
  std::map<uint64_t, uint64_t> shared;   ///< bytes of anonymous shared memory
  bool hidden = false;  ///< a file without a name is mapped and nowhere open: its size is unknown
};

void look_at_descriptors(const std::string& process, Held& held) {
  for_each_number(process + "/fd", [&](const char* name) {
    struct stat info {};
    if (stat((process + "/fd/" + name).c_str(), &info) == 0 && S_ISREG(info.st_mode) && info.st_nlink == 0)
      held.deleted[info.st_ino] = static_cast<uint64_t>(info.st_blocks) * 512;
  });
}

/// begin-end perms offset major:minor inode path
void look_at_maps(const std::string& process, const std::string& folder, Held& held) {
  std::ifstream in(process + "/maps");
  for (std::string line; std::getline(in, line);) {
    if (line.size() < 10 || line.compare(line.size() - 10, 10, " (deleted)") != 0) continue;
    unsigned long begin, end, inode;
    int path = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx %*s %*s %*s %lu %n", &begin, &end, &inode, &path) != 3) continue;
    const std::string name = line.substr(static_cast<size_t>(path));
    if (name == "/dev/zero (deleted)")
      held.shared[inode] = std::max<uint64_t>(held.shared[inode], end - begin);
    else if (!folder.empty() && name.rfind(folder + "/", 0) == 0 && !held.deleted.count(inode))
      held.hidden = true;
  }
}

}  // namespace

std::vector<pid_t> descendants_by_parents(pid_t root) {
  std::multimap<pid_t, pid_t> children;
  for_each_number("/proc", [&](const char* process) {
    std::ifstream in(cat("/proc/", process, "/stat"));
    std::string stat;
    std::getline(in, stat);
    pid_t parent = 0;  // pid (name) state parent; the name may hold anything
    const size_t name = stat.rfind(')');
    if (name != std::string::npos && std::sscanf(stat.c_str() + name, ") %*c %d", &parent) == 1)
      children.emplace(parent, std::atoi(process));
  });
  std::vector<pid_t> found{root};
  for (size_t i = 0; i < found.size(); ++i) {
    const auto [first, last] = children.equal_range(found[i]);
    for (auto it = first; it != last; ++it) found.push_back(it->second);
  }
  found.erase(found.begin());
  return found;
}

std::vector<pid_t> descendants(pid_t root) {
  static const bool listed = access("/proc/thread-self/children", R_OK) == 0;
  if (!listed) return descendants_by_parents(root);
  std::vector<pid_t> found{root};
  for (size_t i = 0; i < found.size(); ++i) {
    const std::string tasks = cat("/proc/", found[i], "/task");
    for_each_number(tasks, [&](const char* thread) {
      std::ifstream in(cat(tasks, "/", thread, "/children"));
      for (pid_t child; in >> child;) found.push_back(child);
    });
  }
  found.erase(found.begin());
  return found;
}

Limit Account::over() {
  const double begin = now_seconds();
  if (begin < next_) return Limit::none;
  const double used = processor_seconds();
  const Limit limit = look();
  next_ = now_seconds() + std::max(0.02, 10 * (processor_seconds() - used));
  return limit;
}

Limit Account::look() {
  const std::vector<pid_t> processes = descendants(root_);
  if (static_cast<int>(processes.size()) > limits_.n_process + 1)
    return Limit::processes;  // 1: the namespace's own
  uint64_t memory = 0;
  Held held;
  for (const pid_t process : processes) {
    const std::string path = cat("/proc/", process);
    memory += field_bytes(path + "/status", {"RssAnon:", "VmSwap:"});
    if (!folder_.empty()) look_at_descriptors(path, held);
  }
  for (const pid_t process : processes) look_at_maps(cat("/proc/", process), folder_, held);
  for (const auto& [inode, bytes] : held.shared) memory += bytes;
  if (memory >
      limits_.memory_bytes) {  // pages that processes share were counted for each: look again, exactly
    memory = 0;
    for (const pid_t process : processes)
      memory += field_bytes(cat("/proc/", process, "/smaps_rollup"), {"Pss_Anon:", "SwapPss:"});
    for (const auto& [inode, bytes] : held.shared) memory += bytes;
    if (memory > limits_.memory_bytes) return Limit::memory;
  }
  if (folder_.empty()) return Limit::none;
  FolderUse use = folder_use(folder_);
  for (const auto& [inode, bytes] : held.deleted) use.bytes += bytes;
  return use.bytes > limits_.folder_bytes || !use.bounded || held.hidden ? Limit::disk : Limit::none;
}

}  // namespace rouse
