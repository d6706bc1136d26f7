#define _GNU_SOURCE
#include "CLinuxPrivileges.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

int clinux_keep_capabilities(uint64_t kept) {
    // The bounding set first: to change it takes a capability. Without that one it is for our children only, who are
    // kept down by no_new_privs as well.
    for (int number = 0; prctl(PR_CAPBSET_READ, number, 0, 0, 0) >= 0; number++)
        if (!(kept >> number & 1)) prctl(PR_CAPBSET_DROP, number, 0, 0, 0);
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) != 0) return errno;
    for (int half = 0; half < 2; half++) {
        uint32_t mask = (uint32_t)(kept >> (32 * half));
        data[half].permitted &= mask;
        data[half].effective &= mask;
        data[half].inheritable &= mask;
    }
    if (syscall(SYS_capset, &header, data) != 0) return errno;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : errno;
}

int clinux_allow_real_time(int priority) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_RTPRIO, &limit) != 0) return errno;
    if (limit.rlim_cur >= (rlim_t)priority) return 0;
    limit.rlim_cur = priority;
    if (limit.rlim_max < (rlim_t)priority) limit.rlim_max = priority;
    return setrlimit(RLIMIT_RTPRIO, &limit) == 0 ? 0 : errno;
}
