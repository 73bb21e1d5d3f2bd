/// Which files of a repository are a model, and names that could leave the cache.
#include "hub/choice.h"

#include "hub/store.h"
#include "support.h"

namespace rouse {
namespace {

std::vector<RepoModel> models(const std::vector<std::string>& paths) {
  std::vector<RepoFile> files;
  for (const std::string& path : paths) files.push_back({path, 1, ""});
  return models_of(files);
}

std::string chosen(const std::vector<std::string>& paths, const std::string& tag) {
  const auto all = models(paths);
  const RepoModel* m = choose_model(all, tag);
  return m ? m->files[0].path : "";
}

}  // namespace

TEST(HubChoice, TheQuantisationIsReadFromTheName) {
  const std::pair<const char*, const char*> cases[] = {{"Qwen3-30B-A3B-Q4_K_M.gguf", "Q4_K_M"},
                                                       {"olmoe-1b-7b-0924-instruct-q4_k_m.gguf", "Q4_K_M"},
                                                       {"mixtral-8x7b.Q5_0.gguf", "Q5_0"},
                                                       {"Qwen3-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"},
                                                       {"gpt-oss-20b-mxfp4.gguf", "MXFP4"},
                                                       {"m-IQ4_XS.gguf", "IQ4_XS"},
                                                       {"BF16/m-00001-of-00002.gguf", "BF16"},
                                                       {"m-f16.gguf", "F16"},
                                                       {"gpt-oss-20b.gguf", ""},
                                                       {"Qwen3-30B-A3B.gguf", ""}};
  for (const auto& [path, quant] : cases) EXPECT_EQ(models({path}).at(0).quant, quant) << path;
}

TEST(HubChoice, ATagIsAQuantisationOrAFileWhateverItsCase) {
  const std::vector<std::string> paths{"README.md",   "mmproj-m-f16.gguf", "m-IQ4_XS.gguf",
                                       "m-Q2_K.gguf", "m-UD-Q4_XS.gguf",   "m-Q4_K_M.gguf",
                                       "m-Q8_0.gguf", "m.imatrix.gguf"};
  EXPECT_EQ(chosen(paths, "q8_0"), "m-Q8_0.gguf");
  EXPECT_EQ(chosen(paths, ""), "m-Q4_K_M.gguf");
  EXPECT_EQ(chosen({"m-Q2_K.gguf", "m-Q8_0.gguf"}, ""), "m-Q8_0.gguf");
  EXPECT_EQ(chosen({"m-Q2_K.gguf", "m-F16.gguf"}, ""), "m-Q2_K.gguf");
  EXPECT_EQ(chosen(paths, "Q4_XS"), "m-UD-Q4_XS.gguf") << "IQ4_XS is another";
  EXPECT_EQ(chosen(paths, "UD-Q4_XS"), "m-UD-Q4_XS.gguf");
  EXPECT_EQ(chosen(paths, "m-Q2_K.gguf"), "m-Q2_K.gguf");
  for (const char* tag : {"Q4", "Q6_K", "f16", "imatrix", "README.md", "mmproj-m-f16.gguf", "q2_k.gguf"})
    EXPECT_EQ(chosen(paths, tag), "") << tag;
  EXPECT_EQ(tags_text(models(paths)), "IQ4_XS, Q2_K, UD-Q4_XS, Q4_K_M, Q8_0");
}

TEST(HubChoice, PartsAreOneModelInTheirOrder) {
  const auto all = models({"Q8_0/m-Q8_0-00002-of-00003.gguf", "Q8_0/m-Q8_0-00003-of-00003.gguf",
                           "Q8_0/m-Q8_0-00001-of-00003.gguf", "m-Q4_0-00001-of-00002.gguf"});
  ASSERT_EQ(all.size(), 2u);
  EXPECT_TRUE(all[0].whole());
  EXPECT_EQ(all[0].files[0].path, "Q8_0/m-Q8_0-00001-of-00003.gguf");
  EXPECT_EQ(all[0].files[2].path, "Q8_0/m-Q8_0-00003-of-00003.gguf");
  EXPECT_FALSE(all[1].whole());
}

TEST(HubChoice, NoNameLeavesTheCache) {
  const std::string long_part(201, 'a');
  for (const std::string& path :
       {std::string("../x.gguf"), std::string("a/../../x.gguf"), std::string("/etc/x.gguf"), std::string(""),
        std::string("a//b.gguf"), std::string("a/./b.gguf"), std::string(".x.gguf"), std::string("a\\b.gguf"),
        std::string("a\nb.gguf"), std::string("a\0b.gguf", 8), std::string("\x1b[2J.gguf"),
        std::string("ä.gguf"), std::string("a b.gguf"), std::string("C:x.gguf"), long_part + ".gguf"}) {
    EXPECT_FALSE(safe_path(path)) << path;
    EXPECT_TRUE(models({path}).empty()) << path;
    expect_refusal([&] { (void)ModelStore("/cache").path("a/b", path); }, ErrorKind::usage,
                   "cannot be a path");
  }
  EXPECT_TRUE(safe_path("UD-Q4_K_XL/m@1+2=(3)-Q4_0.gguf"));
  for (const char* name :
       {"", "a", "a/b/c", "../b", "a/..", "/a/b", "a/b:", "a/b:../c", "a/b:c:d", "https://h/a/b", "a/ b"})
    expect_refusal([&] { (void)parse_model_name(name); }, ErrorKind::usage, "expected OWNER/REPO");
  EXPECT_EQ(parse_model_name("a/b:Q4_K_M").tag, "Q4_K_M");
  EXPECT_EQ(parse_model_name("a/b:d/c.gguf").text(), "a/b:d/c.gguf");
}

}  // namespace rouse
