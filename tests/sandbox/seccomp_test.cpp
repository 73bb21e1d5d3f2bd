/// System calls: what is on the list works, all others are refused, and the user's things stay as they were.

#include "sandbox/seccomp.h"

#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#include "sandbox/fixture.h"

namespace rouse {

ROUSE_SANDBOX_SUITE(SeccompTest);

/// A program that makes one system call of x86-64 or ARM64 and asserts what it returned.
static std::string errno_of(const std::string& x86, const std::string& arm, const std::string& arguments) {
  return "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\nctypes.set_errno(0)\n"
         "r = libc.syscall(*[ctypes.c_long(int(a)) for a in (" +
         x86 + " if os.uname().machine == 'x86_64' else " + arm + ", " + arguments +
         ")])\nprint(r, ctypes.get_errno())";
}

TEST_P(SeccompTest, WhatIsNotOnTheListIsRefused) {
  constexpr int kEperm = 1, kEnosys = 38, kEnotsup = 95;
  const struct {
    const char *name, *x86, *arm, *arguments;
    int error;
  } calls[] = {
      {"shmget", "29", "194", "0x524f5553, 4096, 0o1666", kEperm},
      {"shmat", "30", "196", "0, 0, 0", kEperm},
      {"shmctl", "31", "195", "0, 0, 0", kEperm},
      {"semget", "64", "190", "0x524f5553, 1, 0o1666", kEperm},
      {"semop", "65", "193", "0, 0, 0", kEperm},
      {"semctl", "66", "191", "0, 0, 0", kEperm},
      {"msgget", "68", "186", "0x524f5553, 0o1666", kEperm},
      {"msgsnd", "69", "189", "0, 0, 0, 0", kEperm},
      {"msgrcv", "70", "188", "0, 0, 0, 0, 0", kEperm},
      {"msgctl", "71", "187", "0, 0, 0", kEperm},
      {"mq_open", "240", "180", "0, 0, 0, 0", kEperm},
      {"memfd_create", "319", "279", "0, 0", kEperm},
      {"memfd_secret", "447", "447", "0", kEperm},
      {"inotify_init1", "294", "26", "0", kEperm},
      {"fanotify_init", "300", "262", "0, 0", kEperm},
      {"add_key", "248", "217", "0, 0, 0, 0, -3", kEperm},
      {"keyctl", "250", "219", "0, -3, 1", kEperm},
      {"setxattr", "188", "5", "0, 0, 0, 0, 0", kEnotsup},
      {"removexattr", "197", "14", "0, 0", kEperm},
      {"ioctl(FS_IOC_SETFLAGS)", "16", "29", "3, 0x40086602, 0", kEperm},
      {"ioctl(TIOCSTI)", "16", "29", "1, 0x5412, 0", kEperm},
      {"fcntl(F_NOTIFY)", "72", "25", "3, 1026, 1", kEperm},
      {"fcntl(F_SETLEASE)", "72", "25", "3, 1024, 0", kEperm},
      {"fallocate", "285", "47", "3, 0, 0, 1 << 40", kEnotsup},
      {"socket", "41", "198", "1, 1, 0", kEperm},
      {"connect", "42", "203", "3, 0, 0", kEperm},
      {"bind", "49", "200", "3, 0, 0", kEperm},
      {"sendmsg", "46", "211", "3, 0, 0", kEperm},
      {"recvmsg", "47", "212", "3, 0, 0", kEperm},
      {"socketpair(AF_INET)", "53", "199", "2, 1, 0, 0", kEperm},
      {"socketpair(SOCK_DGRAM)", "53", "199", "1, 2, 0, 0", kEperm},
      {"sendto with an address", "44", "206", "3, 0, 0, 0, 1 << 32, 110", kEperm},
      {"clone(CLONE_NEWUSER)", "56", "220", "0x10000011, 0, 0, 0, 0", kEperm},
      {"clone3", "435", "435", "0, 0", kEnosys},
      {"io_uring_setup", "425", "425", "1, 0", kEperm},
      {"bpf", "321", "280", "0, 0, 0", kEperm},
      {"ptrace", "101", "117", "0, 0, 0, 0", kEperm},
      {"process_vm_readv", "310", "270", "1, 0, 0, 0, 0, 0", kEperm},
      {"pidfd_getfd", "438", "438", "0, 0, 0", kEperm},
      {"prlimit64 of another", "302", "261", "1, 0, 0, 0", kEperm},
      {"prctl(PR_SET_DUMPABLE)", "157", "167", "4, 0, 0, 0, 0", kEperm},
      {"prctl(PR_SET_CHILD_SUBREAPER)", "157", "167", "36, 1, 0, 0, 0", kEperm},
      {"setpriority", "141", "140", "0, 0, 5", kEperm},
      {"personality", "135", "92", "0x40000", kEperm},
      {"mknod of a device", "133", "33", "0, 0o20666, 0", kEperm},
      {"chroot", "161", "51", "0", kEperm},
      {"mount", "165", "40", "0, 0, 0, 0, 0", kEperm},
      {"a call of a newer kernel", "1000", "1000", "0", kEnosys},
  };
  std::string all = "import os\n", expected;
  for (const auto& call : calls) {
    all += "# " + std::string(call.name) + "\n" + errno_of(call.x86, call.arm, call.arguments) + "\n";
    expected += "-1 " + std::to_string(call.error) + "\n";
  }
  const PythonVerdict v = python(all);
  std::istringstream got(v.result.out), wanted(expected);
  for (const auto& call : calls) {
    if (std::string(call.name) == "mknod of a device" && sizeof(long) != 8) continue;
    std::string g, w;
    std::getline(got, g), std::getline(wanted, w);
    EXPECT_EQ(g, w) << call.name;
  }
  EXPECT_TRUE(v.passed) << v.reason;
}

#if defined(__x86_64__)
TEST_P(SeccompTest, OtherInstructionSetsEndTheProgram) {
  expect_fails("import ctypes\nctypes.CDLL(None).syscall(ctypes.c_long(0x40000000 + 39))",
               "ended by signal 31");
}
#endif

// Landlock hides files, not these.
TEST_P(SeccompTest, SharedMemorySemaphoresAndQueuesOfTheUserStay) {
  const std::string text = as_user([](std::ostream& out) {
    const int memory = shmget(IPC_PRIVATE, 4096, 0600 | IPC_CREAT);
    const int semaphores = semget(IPC_PRIVATE, 1, 0600 | IPC_CREAT);
    const int queue = msgget(IPC_PRIVATE, 0600 | IPC_CREAT);
    out << memory << ' ' << semaphores << ' ' << queue;
  });
  int memory = -1, semaphores = -1, queue = -1;
  std::istringstream(text) >> memory >> semaphores >> queue;
  ASSERT_TRUE(memory >= 0 && semaphores >= 0 && queue >= 0) << text;
  const std::string ids =
      std::to_string(memory) + ", " + std::to_string(semaphores) + ", " + std::to_string(queue);
  EXPECT_TRUE(
      python("import ctypes\nl = ctypes.CDLL(None)\nl.shmat.restype = ctypes.c_void_p\nm, s, q = " + ids +
             "\nassert l.shmat(m, 0, 0) == 2 ** 64 - 1\nassert l.shmctl(m, 0, 0) == -1\n"
             "assert l.semctl(s, 0, 0) == -1\nassert l.msgctl(q, 0, 0) == -1")
          .passed);
  EXPECT_EQ(shmctl(memory, IPC_RMID, nullptr), 0) << "it is still there";
  EXPECT_EQ(semctl(semaphores, 0, IPC_RMID), 0);
  EXPECT_EQ(msgctl(queue, IPC_RMID, nullptr), 0);
}

}  // namespace rouse
