// What Swift cannot see of Linux: variadic calls, function-like macros, and declarations behind _GNU_SOURCE.
// The macro must not be defined here: it changes structures (fd_set) that other C modules export too.
#pragma once

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "CLinuxBFD.h"
#include "CLinuxDatagram.h"
#include "CLinuxNetlink.h"
#include "CLinuxPrivileges.h"
#include "CLinuxTCPAO.h"

/// accept4(2) with SOCK_NONBLOCK and SOCK_CLOEXEC.
int clinux_accept(int fd, struct sockaddr *address, socklen_t *length);

/// Moves the calling thread into the network namespace that `fd` refers to.
int clinux_setns_net(int fd);

/// Moves the calling thread into a new network namespace.
int clinux_unshare_net(void);

/// open(2) with O_CLOEXEC, which is variadic in C.
int clinux_open(const char *path, int flags, mode_t mode);

/// Adds O_NONBLOCK to a descriptor's flags.
int clinux_set_nonblocking(int fd);

/// mallopt(3) with M_ARENA_MAX 1, of a header that no Swift module has: one heap for all threads.
void clinux_share_heap(void);

/// mallopt(3) with M_MMAP_THRESHOLD: blocks of so many octets or more are mapped one by one, and go back when freed;
/// M_TRIM_THRESHOLD: twice as much that is free at the end of the heap goes back too.
void clinux_return_large_blocks(size_t octets);

/// Takes the pages of program and libraries out of the process that are as they are in their files: what is needed
/// again is mapped again at its next use.
void clinux_forget_program_pages(void);

/// malloc_trim(3): free pages of the heap go back.
void clinux_trim_heap(void);

/// Locks a whole file for its open file description, without waiting: until the last descriptor of it is closed, which
/// the kernel does when the process ends in whatever way. 0, or -1 with errno (EAGAIN: somebody else has it).
int clinux_lock(int fd);

/// The environment's assignment number `index` (from 0), or NULL after the last: `environ` is a mutable global, which
/// Swift does not let us read.
const char *clinux_environment(size_t index);

/// Whether another open file description has the lock of `clinux_lock`; takes nothing. 1, 0, or -1 with errno.
int clinux_is_locked(int fd);
