/// tests/formats.h - every format that rouse reads, with a good file of each and ways to spoil it: for the
/// tests and for the fuzzer.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/random.h"

namespace rouse {

/// One format: a file that is read, and a reader that then uses whatever it takes from it.
struct Format {
  std::string name, file;
  std::vector<std::string> lines;  ///< of the file; one, where it holds one value
  std::function<void(const std::string& path)> read;
  std::string text() const {
    std::string out;
    for (const std::string& line : lines) out += line + "\n";
    return out;
  }
};

/// Readers of one file, named after the format; the folder of a run holds two (golden_results and
/// golden_samples).
std::vector<Format> formats();
/// What comes as plain text: schemas, grammars, answers.
std::vector<Format> text_formats();
/// results_1.json of a run with one task, lab_contrast, and the rows of its samples.
std::string golden_results();
const std::vector<std::string>& golden_samples();
void read_run_folder(const std::string& folder);

/// One change of structure: another value, a key less or a key more.
void mutate(Json& root, Random& random);

}  // namespace rouse
