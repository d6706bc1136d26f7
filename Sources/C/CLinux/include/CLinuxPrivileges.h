#pragma once

#include <stdint.h>

/// Gives up every capability whose bit is not in `kept` (capabilities(7)), for good: effective, permitted, inheritable,
/// ambient, and where it may be the bounding set; and sets no_new_privs. It holds for the calling thread and for what
/// that starts from then on, so it must be the only one. 0 or an errno.
int clinux_keep_capabilities(uint64_t kept);

/// Lets threads of this process have real-time priorities up to `priority` without CAP_SYS_NICE, where that may be
/// allowed. 0 or an errno.
int clinux_allow_real_time(int priority);
