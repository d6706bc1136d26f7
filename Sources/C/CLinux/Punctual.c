#define _GNU_SOURCE
#include "CLinuxBFD.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

int clinux_tell_arrivals(int fd, int family) {
    int on = 1;
    if (family == AF_INET) {
        if (setsockopt(fd, IPPROTO_IP, IP_RECVTTL, &on, sizeof on) != 0) return -1;
        return setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    }
    if (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0) return -1;
    if (setsockopt(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on, sizeof on) != 0) return -1;
    return setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
}

static uint64_t number(const uint8_t *octets) {
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) value = value << 8 | octets[i];
    return value;
}

static void take_v6(const struct in6_addr *address, uint64_t *out) {
    out[0] = number(address->s6_addr);
    out[1] = number(address->s6_addr + 8);
}

static void take_info(struct cmsghdr *message, struct clinux_arrival *out) {
    if (message->cmsg_level == IPPROTO_IP) {
        struct in_pktinfo info;
        memcpy(&info, CMSG_DATA(message), sizeof info);
        out->destination[1] = ntohl(info.ipi_addr.s_addr);
        out->interface = (uint32_t)info.ipi_ifindex;
    } else {
        struct in6_pktinfo info;
        memcpy(&info, CMSG_DATA(message), sizeof info);
        take_v6(&info.ipi6_addr, out->destination);
        out->interface = info.ipi6_ifindex;
    }
}

ssize_t clinux_receive_arrival(int fd, void *buffer, size_t length, struct clinux_arrival *out) {
    _Alignas(struct cmsghdr) char control[256];
    struct sockaddr_storage source;
    memset(out, 0, sizeof *out);
    out->hop_limit = -1;
    struct iovec vector = {.iov_base = buffer, .iov_len = length};
    struct msghdr header = {.msg_name = &source, .msg_namelen = sizeof source, .msg_iov = &vector, .msg_iovlen = 1,
                            .msg_control = control, .msg_controllen = sizeof control};
    ssize_t count = recvmsg(fd, &header, MSG_DONTWAIT);
    if (count < 0) return count;
    if (source.ss_family == AF_INET) {
        out->version = 4;
        out->source[1] = ntohl(((struct sockaddr_in *)&source)->sin_addr.s_addr);
    } else if (source.ss_family == AF_INET6) {
        out->version = 6;
        take_v6(&((struct sockaddr_in6 *)&source)->sin6_addr, out->source);
    }
    for (struct cmsghdr *m = CMSG_FIRSTHDR(&header); m != NULL; m = CMSG_NXTHDR(&header, m)) {
        int v4 = m->cmsg_level == IPPROTO_IP, v6 = m->cmsg_level == IPPROTO_IPV6;
        if ((v4 && m->cmsg_type == IP_TTL) || (v6 && m->cmsg_type == IPV6_HOPLIMIT))
            memcpy(&out->hop_limit, CMSG_DATA(m), sizeof out->hop_limit);
        if ((v4 && m->cmsg_type == IP_PKTINFO) || (v6 && m->cmsg_type == IPV6_PKTINFO)) take_info(m, out);
    }
    return count;
}

int clinux_be_punctual(const char *name, int priority) {
    pthread_setname_np(pthread_self(), name);
    struct sched_param parameters = {.sched_priority = priority};
    // libdispatch may start a worker from here, which must not run before everything else.
    return sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &parameters) == 0 ? 0 : errno;
}

int clinux_timer_open(void) { return timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC); }

int clinux_timer_arm(int fd, int64_t nanoseconds) {
    if (nanoseconds < 0) nanoseconds = 1;
    struct itimerspec when = {.it_value = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000}};
    return timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL);
}

int clinux_event_open(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

int clinux_poll_open(void) { return epoll_create1(EPOLL_CLOEXEC); }

int clinux_poll_add(int poll, int fd, uint32_t tag) {
    struct epoll_event event = {.events = EPOLLIN, .data = {.u32 = tag}};
    return epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
}

int clinux_poll_wait(int poll, uint32_t *tags, int capacity) {
    struct epoll_event events[32];
    int count = epoll_wait(poll, events, capacity < 32 ? capacity : 32, -1);
    for (int i = 0; i < count; i++) tags[i] = events[i].data.u32;
    return count;
}
