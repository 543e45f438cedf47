#include "base.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

bool privileges_bound(uint64_t kept) {
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; capability++) {
    bool keep = (kept >> capability & 1) != 0;
    if (!keep && prctl(PR_CAPBSET_DROP, capability) < 0) return false;
  }
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

bool privileges_keep(uint64_t kept) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
  if (geteuid() != 0) return true;
  if (!privileges_bound(kept) || syscall(SYS_capget, &header, data) < 0) return false;
  for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
    uint32_t part = (uint32_t)(kept >> 32 * i) & data[i].permitted;
    data[i] = (struct __user_cap_data_struct){.effective = part, .permitted = part};
  }
  return syscall(SYS_capset, &header, data) == 0;
}
