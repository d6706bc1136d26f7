#define _GNU_SOURCE
#include "CLinux.h"

#include <fcntl.h>
#include <sched.h>

int clinux_accept(int fd, struct sockaddr *address, socklen_t *length) {
    return accept4(fd, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int clinux_setns_net(int fd) { return setns(fd, CLONE_NEWNET); }

int clinux_unshare_net(void) { return unshare(CLONE_NEWNET); }

int clinux_open(const char *path, int flags, mode_t mode) { return open(path, flags | O_CLOEXEC, mode); }

int clinux_set_nonblocking(int fd) { return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL, 0) | O_NONBLOCK); }
