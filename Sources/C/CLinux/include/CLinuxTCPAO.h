// TCP-AO (RFC 5925) as the kernel has it since Linux 6.7: options whose structures older headers lack, with bit fields
// that Swift cannot see.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/// A master key tuple: whose segments it signs, and how.
struct clinux_ao_key {
    /// Address and length of the prefix that the peers are in; the port is 0.
    struct sockaddr_storage peer;
    uint8_t prefix_length;
    /// Name of the kernel's algorithm, as `hmac(sha1)`.
    const char *algorithm;
    /// KeyID that we send, and the one that the peer sends.
    uint8_t send_id, receive_id;
    /// 1...80 octets.
    const uint8_t *secret;
    uint8_t length;
};

/// Adds a key. `preferred`: a connection signs with it at once, and asks the peer to do so (not for listeners). 0, or -1
/// with errno: ENOPROTOOPT from a kernel without TCP-AO, EEXIST where the identifiers are taken.
int clinux_ao_add(int fd, const struct clinux_ao_key *key, int preferred);

/// Takes the key with these identifiers away; fails with EBUSY while a connection uses it.
int clinux_ao_delete(int fd, const struct clinux_ao_key *key);

/// A live connection signs with another of its keys from now on, and asks the peer to do so.
int clinux_ao_prefer(int fd, const struct clinux_ao_key *key);

/// Writes what `clinux_ao_add` gives the kernel into `buffer`; the number of octets, for tests.
size_t clinux_ao_add_octets(const struct clinux_ao_key *key, int preferred, uint8_t *buffer, size_t capacity);
