#define _GNU_SOURCE
#include "CLinuxDatagram.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <linux/in6.h>
#include <netinet/in.h>
#include <string.h>

int clinux_observe(int fd, int family) {
    int on = 1;
    if (family == AF_INET) {
        int discover = IP_PMTUDISC_DO;
        if (setsockopt(fd, IPPROTO_IP, IP_RECVTTL, &on, sizeof on) != 0) return -1;
        if (setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on) != 0) return -1;
        return setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &discover, sizeof discover);
    }
    int discover = IPV6_PMTUDISC_DO;
    if (setsockopt(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on, sizeof on) != 0) return -1;
    if (setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on) != 0) return -1;
    return setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &discover, sizeof discover);
}

static void take_error(struct cmsghdr *message, struct clinux_datagram *out) {
    struct sock_extended_err error;
    memcpy(&error, CMSG_DATA(message), sizeof error);
    out->error = (int)error.ee_errno;
    out->type = error.ee_type;
    out->code = error.ee_code;
    // The offender's address follows the structure in the same control message.
    size_t rest = message->cmsg_len - CMSG_LEN(sizeof error);
    if (rest > sizeof out->offender) rest = sizeof out->offender;
    memcpy(&out->offender, CMSG_DATA(message) + sizeof error, rest);
}

ssize_t clinux_receive(int fd, void *buffer, size_t length, int flags, struct clinux_datagram *out) {
    _Alignas(struct cmsghdr) char control[512];
    memset(out, 0, sizeof *out);
    out->hop_limit = -1;
    struct iovec vector = {.iov_base = buffer, .iov_len = length};
    struct msghdr header = {.msg_name = &out->source, .msg_namelen = sizeof out->source, .msg_iov = &vector,
                            .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t count = recvmsg(fd, &header, flags);
    if (count < 0) return count;
    for (struct cmsghdr *m = CMSG_FIRSTHDR(&header); m != NULL; m = CMSG_NXTHDR(&header, m)) {
        int v4 = m->cmsg_level == IPPROTO_IP, v6 = m->cmsg_level == IPPROTO_IPV6;
        if ((v4 && m->cmsg_type == IP_TTL) || (v6 && m->cmsg_type == IPV6_HOPLIMIT))
            memcpy(&out->hop_limit, CMSG_DATA(m), sizeof out->hop_limit);
        if ((v4 && m->cmsg_type == IP_RECVERR) || (v6 && m->cmsg_type == IPV6_RECVERR)) take_error(m, out);
    }
    return count;
}
