#define _GNU_SOURCE
#include "CLinux.h"

#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
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

void clinux_return_large_blocks(size_t octets) {
    (void)mallopt(M_MMAP_THRESHOLD, (int)octets);
    (void)mallopt(M_TRIM_THRESHOLD, (int)(2 * octets));
}

static int forget(struct dl_phdr_info *object, size_t size, void *context) {
    (void)size;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        // What was never writable is as it is in the file. The page where a segment ends may be another one's too.
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W) != 0) continue;
        uintptr_t start = (object->dlpi_addr + segment->p_vaddr + page - 1) & ~(page - 1);
        uintptr_t end = (object->dlpi_addr + segment->p_vaddr + segment->p_memsz) & ~(page - 1);
        if (start < end) (void)madvise((void *)start, end - start, MADV_DONTNEED);
    }
    return 0;
}

void clinux_forget_program_pages(void) { (void)dl_iterate_phdr(forget, NULL); }

void clinux_trim_heap(void) { (void)malloc_trim(0); }
