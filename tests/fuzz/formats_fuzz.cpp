/// Whatever the bytes of a file are, rouse reads them or refuses them by an Error. ROUSE_FUZZ_FORMAT names
/// the format (tests/formats.h), ROUSE_FUZZ_SEEDS a folder that receives a good file of it.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/text.h"
#include "formats.h"
#include "support.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t most);

namespace rouse {
namespace {

/// The file that is read again and again, in a folder of its own.
struct Target {
  Target() {
    const char* wanted = std::getenv("ROUSE_FUZZ_FORMAT");
    std::vector<Format> all = formats();
    for (Format& f : text_formats()) all.push_back(std::move(f));
    all.push_back({"results", "results_1.json", {golden_results()}, [](const std::string& path) {
                     read_run_folder(std::filesystem::path(path).parent_path().string());
                   }});
    std::string names;
    for (Format& f : all) {
      std::replace(f.name.begin(), f.name.end(), ' ', '_');
      names += " " + f.name;
      if (wanted && f.name == wanted) format = f;
    }
    if (format.name.empty()) {
      std::fprintf(stderr, "ROUSE_FUZZ_FORMAT is to be one of%s\n", names.c_str());
      std::exit(2);
    }
    path = dir / format.file;
    if (format.name == "results") {
      std::ofstream samples(dir / "samples_lab_contrast_1.jsonl");
      for (const std::string& row : golden_samples()) samples << row << "\n";
    }
    if (const char* seeds = std::getenv("ROUSE_FUZZ_SEEDS"))
      std::ofstream(std::string(seeds) + "/" + format.file, std::ios::binary) << format.text();
  }
  TempDir dir;
  Format format;
  std::string path;
};

Target& target() {
  static Target one;
  return one;
}

/// A structural change of one line that holds JSON; nothing when it does not.
std::string changed(const std::string& text, Random& random) {
  std::vector<std::string> lines = split(text, '\n');
  std::string& line = lines[random.below(static_cast<uint32_t>(lines.size()))];
  try {
    Json value = parse_json(line, "");
    mutate(value, random);
    line = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  } catch (const Error&) {
    return "";
  }
  return join(lines, "\n");
}

}  // namespace
}  // namespace rouse

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  GTEST_FLAG_SET(throw_on_failure, true);
  rouse::target();
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most, unsigned seed) {
  rouse::Random random(seed);
  if (random.below(4) > 0) {
    const std::string text = rouse::changed({reinterpret_cast<const char*>(data), size}, random);
    if (!text.empty() && text.size() <= most) {
      std::memcpy(data, text.data(), text.size());
      return text.size();
    }
  }
  return LLVMFuzzerMutate(data, size, most);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  rouse::Target& t = rouse::target();
  std::ofstream(t.path, std::ios::binary)
      .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  try {
    t.format.read(t.path);
  } catch (const rouse::Error& e) {
    if (e.kind() != rouse::ErrorKind::usage && e.kind() != rouse::ErrorKind::bad_model &&
        e.kind() != rouse::ErrorKind::bad_file)
      std::abort();
  }
  return 0;
}
