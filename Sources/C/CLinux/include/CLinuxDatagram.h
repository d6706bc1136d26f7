// recvmsg(2) with the control messages that Swift cannot walk (CMSG_* are macros): hop limits and the error queue.
#pragma once

#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/// What one datagram, or one entry of the error queue, carried besides its octets.
struct clinux_datagram {
    /// Whom the datagram came from; for the error queue: whom the failed datagram was for.
    struct sockaddr_storage source;
    /// IPv4 TTL or IPv6 hop limit as received; -1 where IP_RECVTTL or IPV6_RECVHOPLIMIT was not asked for.
    int hop_limit;
    /// The errno of an ICMP error (MSG_ERRQUEUE); 0: no error.
    int error;
    /// ICMP or ICMPv6 type and code of that error.
    uint8_t type, code;
    /// The router that sent the error.
    struct sockaddr_storage offender;
};

/// Asks `fd` (a UDP socket of `family`) for hop limits, the error queue, and for DF on all it sends. 0, or -1 with
/// errno.
int clinux_observe(int fd, int family);

/// recvmsg(2) into `buffer`, and `out` filled from the control messages. Octets received, or -1 with errno.
ssize_t clinux_receive(int fd, void *buffer, size_t length, int flags, struct clinux_datagram *out);
