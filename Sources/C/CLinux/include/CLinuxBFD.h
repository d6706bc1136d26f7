// What a thread with deadlines needs of Linux: its priority, timers, waiting for many descriptors, and datagrams with
// all that IP says of them.
#pragma once

#include <stdint.h>
#include <sys/types.h>

/// What IP said of a datagram. Addresses as numbers, high half first; IPv4 in the low 32 bits of the low half.
struct clinux_arrival {
    /// 4 or 6; 0: it is of neither.
    int version;
    uint64_t source[2], destination[2];
    /// Index of the interface that it came by.
    uint32_t interface;
    /// TTL or hop limit as received; -1: not told.
    int hop_limit;
};

/// Asks a UDP socket of `family` for what `clinux_arrival` holds. 0, or -1 with errno.
int clinux_tell_arrivals(int fd, int family);

/// recvmsg(2) into `buffer` without waiting. Octets received, or -1 with errno.
ssize_t clinux_receive_arrival(int fd, void *buffer, size_t length, struct clinux_arrival *out);

/// Gives the calling thread a name and the scheduling class SCHED_FIFO, which threads that it starts do not inherit. 0,
/// or the errno: EPERM where neither CAP_SYS_NICE nor RLIMIT_RTPRIO allow it.
int clinux_be_punctual(const char *name, int priority);

/// timerfd_create(2) on CLOCK_MONOTONIC; a descriptor, or -1 with errno.
int clinux_timer_open(void);

/// Makes the timer fire at a time of CLOCK_MONOTONIC in nanoseconds, at once when that is over; 0: never.
int clinux_timer_arm(int fd, int64_t nanoseconds);

/// eventfd(2), not blocking; a descriptor, or -1 with errno.
int clinux_event_open(void);

/// epoll_create1(2), and its entries: `tag` comes back when `fd` is readable.
int clinux_poll_open(void);
int clinux_poll_add(int poll, int fd, uint32_t tag);

/// Waits until a descriptor is readable. Tags written, or -1 with errno.
int clinux_poll_wait(int poll, uint32_t *tags, int capacity);
