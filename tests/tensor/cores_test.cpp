#include "tensor/cores.h"

#include "support.h"

namespace rouse {

TEST(Cores, AreWhatTheQuotaOfAnyGroupPaysFor) {
  const auto quota = [](const std::string& groups, const std::map<std::string, std::string>& files) {
    const TempDir root;
    const auto put = [&](const std::string& file, const std::string& text) {
      std::filesystem::create_directories((root.path / file).parent_path());
      std::ofstream(root.path / file) << text;
    };
    put("proc/self/cgroup", groups);
    for (const auto& [file, text] : files) put("sys/fs/cgroup/" + file, text);
    return quota_cores(root.path.string());
  };
  EXPECT_EQ(quota_cores("/nowhere"), 0);
  EXPECT_EQ(quota("0::/\n", {}), 0);
  EXPECT_EQ(quota("0::/a/b\n", {{"a/b/cpu.max", "max 100000\n"}, {"a/cpu.max", "max 100000\n"}}), 0);
  EXPECT_EQ(quota("0::/a/b\n", {{"a/b/cpu.max", "max 100000\n"}, {"a/cpu.max", "350000 100000\n"}}), 3);
  EXPECT_EQ(quota("0::/a/b\n", {{"a/b/cpu.max", "50000 100000\n"}, {"a/cpu.max", "350000 100000\n"}}), 1);
  EXPECT_EQ(quota("0::/gone/from/here\n", {{"cpu.max", "200000 100000\n"}}), 2) << "as a container sees it";
  EXPECT_EQ(quota("5:memory:/a\n4:cpu,cpuacct:/a\n0::/\n", {{"cpu,cpuacct/a/cpu.cfs_quota_us", "400000"},
                                                            {"cpu,cpuacct/a/cpu.cfs_period_us", "100000"},
                                                            {"cpu,cpuacct/cpu.cfs_quota_us", "-1"},
                                                            {"cpu,cpuacct/cpu.cfs_period_us", "100000"},
                                                            {"memory/a/cpu.max", "100000 100000"}}),
            4);
  EXPECT_EQ(quota("0::/\n", {{"cpu.max", "100000 0\n"}}), 0);
  EXPECT_EQ(quota("no group\n0::/\n", {{"cpu.max", "many\n"}}), 0);
  EXPECT_GE(usable_cores(), 1);
}

}  // namespace rouse
