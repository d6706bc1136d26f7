#include "CLinuxTCPAO.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

// Numbers and layouts of linux/tcp.h, Linux 6.7.
enum { AO_ADD_KEY = 38, AO_DEL_KEY = 39, AO_INFO = 40 };

struct ao_add {
    struct sockaddr_storage addr;
    char algorithm[64];
    int32_t interface;
    uint32_t set_current : 1, set_rnext : 1, reserved : 30;
    uint16_t reserved2;
    uint8_t prefix, sndid, rcvid, maclen, keyflags, keylen;
    uint8_t key[80];
} __attribute__((aligned(8)));

_Static_assert(sizeof(struct ao_add) == 288, "struct tcp_ao_add has 288 octets");
_Static_assert(offsetof(struct ao_add, algorithm) == 128, "after a sockaddr_storage");
_Static_assert(offsetof(struct ao_add, interface) == 192, "after the algorithm");
_Static_assert(offsetof(struct ao_add, reserved2) == 200, "after the bits");
_Static_assert(offsetof(struct ao_add, prefix) == 202, "after the padding");
_Static_assert(offsetof(struct ao_add, keylen) == 207, "the last of six octets");
_Static_assert(offsetof(struct ao_add, key) == 208, "at the end");

struct ao_delete {
    struct sockaddr_storage addr;
    int32_t interface;
    uint32_t set_current : 1, set_rnext : 1, del_async : 1, reserved : 29;
    uint16_t reserved2;
    uint8_t prefix, sndid, rcvid, current_key, rnext, keyflags;
} __attribute__((aligned(8)));

_Static_assert(sizeof(struct ao_delete) == 144, "struct tcp_ao_del has 144 octets");
_Static_assert(offsetof(struct ao_delete, interface) == 128, "after a sockaddr_storage");
_Static_assert(offsetof(struct ao_delete, reserved2) == 136, "after the bits");
_Static_assert(offsetof(struct ao_delete, prefix) == 138, "after the padding");
_Static_assert(offsetof(struct ao_delete, keyflags) == 143, "the last of six octets");

struct ao_info {
    uint32_t set_current : 1, set_rnext : 1, ao_required : 1, set_counters : 1, accept_icmps : 1, reserved : 27;
    uint16_t reserved2;
    uint8_t current_key, rnext;
    uint64_t good, bad, key_not_found, required, dropped_icmp;
} __attribute__((aligned(8)));

_Static_assert(sizeof(struct ao_info) == 48, "struct tcp_ao_info_opt has 48 octets");
_Static_assert(offsetof(struct ao_info, current_key) == 6, "after the padding");
_Static_assert(offsetof(struct ao_info, rnext) == 7, "after the other identifier");
_Static_assert(offsetof(struct ao_info, good) == 8, "five counters at the end");

static int fill(struct ao_add *add, const struct clinux_ao_key *key, int preferred) {
    size_t name = strlen(key->algorithm);
    if (name >= sizeof add->algorithm || key->length > sizeof add->key) {
        errno = EINVAL;
        return -1;
    }
    memset(add, 0, sizeof *add);
    add->addr = key->peer;
    memcpy(add->algorithm, key->algorithm, name);
    add->set_current = add->set_rnext = preferred != 0;
    add->prefix = key->prefix_length;
    add->sndid = key->send_id;
    add->rcvid = key->receive_id;
    add->keylen = key->length;
    memcpy(add->key, key->secret, key->length);
    return 0;
}

int clinux_ao_add(int fd, const struct clinux_ao_key *key, int preferred) {
    struct ao_add add;
    if (fill(&add, key, preferred) != 0) return -1;
    int result = setsockopt(fd, IPPROTO_TCP, AO_ADD_KEY, &add, sizeof add);
    int code = errno;
    explicit_bzero(&add, sizeof add);
    errno = code;
    return result;
}

size_t clinux_ao_add_octets(const struct clinux_ao_key *key, int preferred, uint8_t *buffer, size_t capacity) {
    struct ao_add add;
    if (capacity < sizeof add || fill(&add, key, preferred) != 0) return 0;
    memcpy(buffer, &add, sizeof add);
    explicit_bzero(&add, sizeof add);
    return sizeof add;
}

int clinux_ao_delete(int fd, const struct clinux_ao_key *key) {
    struct ao_delete removal;
    memset(&removal, 0, sizeof removal);
    removal.addr = key->peer;
    removal.prefix = key->prefix_length;
    removal.sndid = key->send_id;
    removal.rcvid = key->receive_id;
    return setsockopt(fd, IPPROTO_TCP, AO_DEL_KEY, &removal, sizeof removal);
}

int clinux_ao_prefer(int fd, const struct clinux_ao_key *key) {
    struct ao_info info;
    memset(&info, 0, sizeof info);
    info.set_current = info.set_rnext = 1;
    info.current_key = key->send_id;
    info.rnext = key->receive_id;
    return setsockopt(fd, IPPROTO_TCP, AO_INFO, &info, sizeof info);
}
