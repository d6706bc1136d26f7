#define _GNU_SOURCE
#include "CLinux.h"

#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

int clinux_accept(int fd, struct sockaddr *address, socklen_t *length) {
    return accept4(fd, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int clinux_setns_net(int fd) { return setns(fd, CLONE_NEWNET); }

int clinux_unshare_net(void) { return unshare(CLONE_NEWNET); }

int clinux_open(const char *path, int flags, mode_t mode) { return open(path, flags | O_CLOEXEC, mode); }

int clinux_set_nonblocking(int fd) { return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL, 0) | O_NONBLOCK); }

static struct flock whole_file(void) { return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET}; }

int clinux_lock(int fd) {
    struct flock lock = whole_file();
    return fcntl(fd, F_OFD_SETLK, &lock);
}

int clinux_is_locked(int fd) {
    struct flock lock = whole_file();
    if (fcntl(fd, F_OFD_GETLK, &lock) != 0) return -1;
    return lock.l_type != F_UNLCK;
}

const char *clinux_environment(size_t index) { return environ[index]; }

void clinux_share_heap(void) { (void)mallopt(M_ARENA_MAX, 1); }
