// bgpload: BGP load generator, counter and byte-relay floor, one process, one clock.
// Build: cc -O2 -std=gnu11 -Wall -o bgpload bgpload.c
//   bgpload run|send|recv [options]   load generator / receivers (see usage())
//   bgpload relay [options]           trivial "speaker": copies UPDATE bytes to the other sessions (the wire floor)
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

static u64 now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (u64)t.tv_sec * 1000000000ull + t.tv_nsec;
}
static void die(const char *f, ...) {
    va_list a;
    va_start(a, f);
    fprintf(stderr, "bgpload: ");
    vfprintf(stderr, f, a);
    fputc('\n', stderr);
    va_end(a);
    exit(2);
}
static void *xmalloc(size_t n) {
    void *p = malloc(n ? n : 1);
    if (!p) die("out of memory (%zu)", n);
    return p;
}
static void *xcalloc(size_t n, size_t m) {
    void *p = calloc(n ? n : 1, m);
    if (!p) die("out of memory");
    return p;
}
static void put16(u8 *p, u16 v) {
    p[0] = v >> 8;
    p[1] = v;
}
static void put32(u8 *p, u32 v) {
    p[0] = v >> 24;
    p[1] = v >> 16;
    p[2] = v >> 8;
    p[3] = v;
}
static void put64(u8 *p, u64 v) {
    put32(p, v >> 32);
    put32(p + 4, (u32)v);
}
static u16 get16(const u8 *p) { return (u16)(p[0] << 8 | p[1]); }
static u32 get32(const u8 *p) { return (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3]; }
static u64 mix64(u64 x) {
    x += 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}
static u64 rng_s;
static u64 rnd(void) {
    rng_s += 0x9e3779b97f4a7c15ull;
    return mix64(rng_s);
}
static u32 rndn(u32 n) { return (u32)((rnd() >> 32) * n >> 32); }

// ---------------------------------------------------------------- options
static struct {
    const char *mode;
    u32 target;
    u16 port;
    u32 dut_as;
    u32 senders, receivers;
    u32 sender_as, receiver_as;
    bool sender_as_inc, receiver_as_inc, mirror;
    u32 src, rsrc;
    u32 nh;
    char nh6[64];
    u32 count;
    bool distinct;
    int shape;
    u32 per_attr;
    u64 seed;
    u32 hold;
    bool extmsg, no_v6, ctl;
    u32 cycles;
    u32 settle_ms, timeout_s, warm_ms;
    int path_offset;
    u32 burst;
    u32 quiet_lo, quiet_hi;
    u32 bfd_ms, bfd_mult;
    const char *dump;
} o = {.target = 0x7f000001,
       .port = 179,
       .dut_as = 65000,
       .sender_as = 64601,
       .receiver_as = 64901,
       .sender_as_inc = true,
       .receiver_as_inc = true,
       .src = 0x7f010001,
       .rsrc = 0x7f090001,
       .count = 1000,
       .per_attr = 4,
       .seed = 1,
       .hold = 90,
       .settle_ms = 1000,
       .timeout_s = 120,
       .warm_ms = 1000,
       .path_offset = -1,
       .burst = 32,
       .bfd_mult = 3};
enum { SH_POD, SH_POD4, SH_INET };

// ---------------------------------------------------------------- prefix universe
static u32 np; // number of prefixes
static u64 *p_hi;
static u8 *p_len;
static u8 *p_v6; // p_hi: top 64 bits for v6, top 32 bits for v4
static u32 *g_start;
static u32 ng; // groups share one attribute set; ids are contiguous
static u32 *htab;
static u32 hmask;
static u8 *want; // per prefix: 0 absent, else minimal AS path length + 1
static inline u32 phash(u64 hi, u8 len, u8 v6) {
    u64 x = (hi ^ ((u64)len << 1 | v6) * 0x9e3779b97f4a7c15ull) * 0xff51afd7ed558ccdull;
    return (u32)(x >> 32) & hmask;
}
static inline int pfind(u64 hi, u8 len, u8 v6) {
    for (u32 h = phash(hi, len, v6);; h = (h + 1) & hmask) {
        u32 e = htab[h];
        if (!e) return -1;
        e--;
        if (p_hi[e] == hi && p_len[e] == len && p_v6[e] == v6) return (int)e;
    }
}
static bool padd(u64 hi, u8 len, u8 v6) {
    u32 h = phash(hi, len, v6);
    for (;; h = (h + 1) & hmask) {
        u32 e = htab[h];
        if (!e) break;
        e--;
        if (p_hi[e] == hi && p_len[e] == len && p_v6[e] == v6) return false;
    }
    p_hi[np] = hi;
    p_len[np] = len;
    p_v6[np] = v6;
    htab[h] = ++np;
    return true;
}
static void universe_alloc(u32 n) {
    u32 sz = 1024;
    while (sz < n * 2) sz <<= 1;
    hmask = sz - 1;
    htab = xcalloc(sz, 4);
    p_hi = xmalloc(n * 8ull);
    p_len = xmalloc(n);
    p_v6 = xmalloc(n);
    g_start = xmalloc((n + 2) * 4ull);
    want = xcalloc(n, 1);
}
static void pod_prefix(u32 j, bool v4only) {
    if (v4only) {
        if (j >= 262144) die("pod4: too many prefixes");
        padd(0x0a000000u + j * 64u, 26, 0);
        return;
    }
    u32 q = j / 4, r = j % 4;
    if (j >= 131072) die("pod: too many prefixes");
    if (r == 0)
        padd(0x0a000000u + q * 256u, 24, 0);
    else if (r < 3)
        padd(0x0a800000u + (q * 2 + (r - 1)) * 64u, 26, 0);
    else
        padd(0xfd10000000000000ull | q, 64, 1);
}
static u32 inet_cursor = 0x01000000;
static u32 skip_reserved(u32 a, u32 sz) { // keep clear of special-purpose blocks
    static const u32 r[][2] = {{0x0a000000, 0x0affffff}, {0x64400000, 0x647fffff}, {0x7f000000, 0x7fffffff},
                               {0xa9fe0000, 0xa9feffff}, {0xac100000, 0xac1fffff}, {0xc0000000, 0xc00002ff},
                               {0xc0586300, 0xc05863ff}, {0xc0a80000, 0xc0a8ffff}, {0xc6120000, 0xc613ffff},
                               {0xc6336400, 0xc63364ff}, {0xcb007100, 0xcb0071ff}};
    for (;;) {
        a = (u32)(((u64)a + sz - 1) / sz * sz);
        bool hit = false;
        for (unsigned i = 0; i < sizeof r / sizeof *r; i++)
            if (a <= r[i][1] && a + (sz - 1) >= r[i][0]) {
                a = r[i][1] + 1;
                hit = true;
            }
        if (!hit) return a;
    }
}
static u32
inet_alloc(u8 l) { // one pool per prefix length, refilled in /12 chunks (/11 for shorter ones): no alignment waste
    static u32 cur[25], left[25];
    u32 sz = 1u << (32 - l), chunk = l <= 15 ? 1u << 21 : 1u << 20;
    if (left[l] < sz) {
        u32 a = skip_reserved(inet_cursor, chunk);
        if ((u64)a + chunk > 0xdfffffffu) die("inet: address space used up at %u prefixes", np);
        inet_cursor = a + chunk;
        cur[l] = a;
        left[l] = chunk;
    }
    u32 a = cur[l];
    cur[l] += sz;
    left[l] -= sz;
    return a;
}
static u8 inet_len(void) { // length mix close to public IPv4 tables: ~60 % /24
    static const u16 cum[] = {/*24*/ 600, /*23*/ 700, /*22*/ 812, /*21*/ 863, /*20*/ 908,
                              /*19*/ 935, /*18*/ 949, /*17*/ 957, /*16*/ 971};
    u32 x = rndn(974);
    for (u32 i = 0; i < 9; i++)
        if (x < cum[i]) return 24 - i;
    return 13 + rndn(3);
}
static u32 inet_group_size(void) {
    u32 x = rndn(1000);
    if (x < 400) return 1;
    if (x < 550) return 2;
    if (x < 650) return 3;
    if (x < 750) return 4 + rndn(2);
    if (x < 850) return 6 + rndn(5);
    if (x < 930) return 11 + rndn(20);
    if (x < 980) return 31 + rndn(50);
    if (x < 999) return 81 + rndn(220);
    return 301 + rndn(1200);
}
static void inet_prefixes(u32 n) { // one session's worth, grouped
    u32 end = np + n, agg = 0;
    u8 agglen = 0;
    while (np < end) {
        u32 gs = inet_group_size();
        if (gs > end - np) gs = end - np;
        g_start[ng++] = np;
        agglen = 0;
        for (u32 k = 0; k < gs;) {
            if (agglen && agglen < 24 && rndn(100) < 45) { // a more-specific of this origin's aggregate
                u8 l = agglen + 1 + rndn(24 - agglen);
                if (rndn(3)) l = 24;
                u32 a = agg | (u32)((rndn(1u << (l - agglen))) << (32 - l));
                if (padd(a, l, 0)) k++;
                continue;
            }
            u8 l = inet_len();
            u32 a = inet_alloc(l);
            if (padd(a, l, 0)) {
                k++;
                agg = a;
                agglen = l;
            }
        }
    }
}

// ---------------------------------------------------------------- wire building
typedef struct {
    u8 *p;
    size_t len, cap;
    u32 msgs;
} blob;
static u8 *bgrow(blob *b, size_t n) {
    if (b->len + n > b->cap) {
        b->cap = (b->len + n) * 3 / 2 + 4096;
        b->p = realloc(b->p, b->cap);
        if (!b->p) die("oom");
    }
    u8 *r = b->p + b->len;
    b->len += n;
    return r;
}
static void bmsg(blob *b, u8 type, const u8 *body, size_t n) {
    u8 *p = bgrow(b, 19 + n);
    memset(p, 0xff, 16);
    put16(p + 16, (u16)(19 + n));
    p[18] = type;
    if (n) memcpy(p + 19, body, n);
    b->msgs++;
}

struct attrs {
    u8 pre[64];
    int npre;
    u8 post[600];
    int npost;
    u8 plen;
}; // pre: codes < 3 (+ next hop added by the packer), post: codes > 3
static void attr(u8 *buf, int *n, u8 flags, u8 code, const u8 *v, int len) {
    u8 *p = buf + *n;
    p[0] = flags | (len > 255 ? 0x10 : 0);
    p[1] = code;
    int h = 3;
    if (len > 255) {
        put16(p + 2, (u16)len);
        h = 4;
    } else
        p[2] = (u8)len;
    memcpy(p + h, v, (size_t)len);
    *n += h + len;
}
static void make_attrs(struct attrs *a, u32 sess, u32 sess_as, bool ibgp, u32 g, u8 *med, int *nmed) {
    u8 v[256];
    a->npre = a->npost = 0;
    *nmed = 0;
    u64 h = mix64(o.seed * 1000003 + (u64)g * 7919 + (o.distinct ? 0 : (u64)(sess + 1) << 40));
    u32 path[8];
    int n = 0;
    if (!ibgp) path[n++] = sess_as;
    if (o.shape == SH_INET) {
        static const u8 lens[] = {2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4,
                                  4, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5, 5, 6, 6, 6, 7};
        int L = lens[(h & 0xffff) % sizeof lens];
        u64 x = h;
        while (n < L - 1) {
            x = mix64(x);
            u32 t = 1000 + (u32)((x >> 20) % 500) * 37;
            if (n > 1 && (x & 7) == 0) t = path[n - 1];
            path[n++] = t;
        }
        u64 og = mix64(o.seed * 77 + g);
        path[n++] =
            (og & 3) ? 20000 + (u32)((og >> 8) % 40000) : 196608 + (u32)((og >> 8) % 200000); // 25 % 4-octet origins
        if (path[n - 1] == o.dut_as) path[n - 1]++;
    } else if (!ibgp)
        path[n++] = 4200000000u + g % 90000000u;
    a->plen = (u8)n;
    v[0] = (o.shape == SH_INET && (h >> 17) % 10 == 0) ? 2 : 0;
    attr(a->pre, &a->npre, 0x40, 1, v, 1);
    int vl = 0;
    if (n) {
        v[0] = 2;
        v[1] = (u8)n;
        for (int i = 0; i < n; i++) put32(v + 2 + 4 * i, path[i]);
        vl = 2 + 4 * n;
    }
    attr(a->pre, &a->npre, 0x40, 2, v, vl);
    if (o.shape == SH_INET && (h >> 23) % 10 < 3) {
        put32(v, (u32)(h >> 30) % 200);
        attr(med, nmed, 0x80, 4, v, 4);
    }
    if (ibgp) {
        put32(v, 100);
        attr(a->post, &a->npost, 0x40, 5, v, 4);
    }
    if (o.shape == SH_INET) {
        u64 x = mix64(h ^ 0x5555);
        if (x % 20 == 0) {
            attr(a->post, &a->npost, 0x40, 6, v, 0);
            put32(v, path[n - 1]);
            put32(v + 4, 0xc6336401);
            attr(a->post, &a->npost, 0xc0, 7, v, 8);
        }
        int nc = (int)((x >> 8) % 8);
        if (nc) {
            for (int i = 0; i < nc; i++) {
                x = mix64(x);
                put32(v + 4 * i, (u32)path[i % n] << 16 | (u32)(x & 0xfff));
            }
            attr(a->post, &a->npost, 0xc0, 8, v, 4 * nc);
        }
        if ((x >> 13) % 7 == 0) {
            put32(v, path[0]);
            put32(v + 4, (u32)(x >> 40));
            put32(v + 8, 1);
            put32(v + 12, path[n - 1]);
            put32(v + 16, 7);
            put32(v + 20, (u32)x & 0xff);
            attr(a->post, &a->npost, 0xc0, 32, v, 24);
        }
    } else {
        put32(v, 65000u << 16 | 100);
        attr(a->post, &a->npost, 0xc0, 8, v, 4);
    }
}
static int enc_prefix(u8 *p, u32 id) {
    int nb = (p_len[id] + 7) / 8;
    p[0] = p_len[id];
    u8 t[8];
    if (p_v6[id])
        put64(t, p_hi[id]);
    else
        put32(t, (u32)p_hi[id]);
    memcpy(p + 1, t, (size_t)nb);
    return 1 + nb;
}
#define MAXBODY (4096 - 19)
static void build_group(blob *b, u32 g, const struct attrs *a, const u8 *med, int nmed, u32 nh4, const u8 *nh6) {
    u8 body[4200], nl[4200];
    for (int v6 = 0; v6 < 2; v6++) {
        u32 id = g_start[g], end = g_start[g + 1];
        while (id < end) {
            while (id < end && p_v6[id] != v6) id++;
            if (id >= end) break;
            int alen = a->npre + nmed + a->npost + (v6 ? 4 + 2 + 1 + 1 + 16 + 1 : 7), room = MAXBODY - 4 - alen, n = 0;
            while (id < end) {
                if (p_v6[id] != v6) {
                    id++;
                    continue;
                }
                if (n + 9 > room) break;
                n += enc_prefix(nl + n, id++);
            }
            int k = 4;
            put16(body, 0);
            memcpy(body + k, a->pre, (size_t)a->npre);
            k += a->npre;
            if (!v6) {
                body[k] = 0x40;
                body[k + 1] = 3;
                body[k + 2] = 4;
                put32(body + k + 3, nh4);
                k += 7;
            }
            memcpy(body + k, med, (size_t)nmed);
            k += nmed;
            int ap = 0; // attributes in ascending type order: 14 sits between the communities (8) and the large
                        // communities (32)
            if (v6) {
                while (ap < a->npost && a->post[ap + 1] < 14) ap += 3 + a->post[ap + 2];
                memcpy(body + k, a->post, (size_t)ap);
                k += ap;
                body[k] = 0x90;
                body[k + 1] = 14;
                put16(body + k + 2, (u16)(21 + n));
                put16(body + k + 4, 2);
                body[k + 6] = 1;
                body[k + 7] = 16;
                memcpy(body + k + 8, nh6, 16);
                body[k + 24] = 0;
                memcpy(body + k + 25, nl, (size_t)n);
                k += 25 + n;
            }
            memcpy(body + k, a->post + ap, (size_t)(a->npost - ap));
            k += a->npost - ap;
            put16(body + 2, (u16)(k - 4));
            if (!v6) {
                memcpy(body + k, nl, (size_t)n);
                k += n;
            }
            bmsg(b, 2, body, (size_t)k);
        }
    }
}
static void build_withdraw(blob *b, u32 lo, u32 hi) {
    u8 body[4200];
    int n;
    for (u32 id = lo; id < hi;) {
        n = 0;
        while (id < hi && n + 9 < MAXBODY - 4) {
            if (!p_v6[id]) n += enc_prefix(body + 2 + n, id);
            id++;
        }
        if (n) {
            put16(body, (u16)n);
            put16(body + 2 + n, 0);
            bmsg(b, 2, body, (size_t)n + 4);
        }
    }
    for (u32 id = lo; id < hi;) {
        n = 0;
        while (id < hi && n + 9 < MAXBODY - 12) {
            if (p_v6[id]) n += enc_prefix(body + 11 + n, id);
            id++;
        }
        if (n) {
            put16(body, 0);
            put16(body + 2, (u16)(n + 7));
            body[4] = 0x90;
            body[5] = 15;
            put16(body + 6, (u16)(n + 3));
            put16(body + 8, 2);
            body[10] = 1;
            bmsg(b, 2, body, (size_t)n + 11);
        }
    }
}

// ---------------------------------------------------------------- sessions
enum { S_IDLE, S_CONN, S_OPENSENT, S_OPENCONF, S_UP, S_DEAD };
struct sess {
    u32 idx;
    int fd, state;
    u32 as, src;
    bool ibgp, sends, recvs, announcing;
    u32 nh4;
    u8 nh6[16];
    u32 g_lo, g_hi, id_lo, id_hi;
    u8 *gplen;
    blob ann, wdr;
    const u8 *out;
    size_t outlen, outpos;
    u8 ctl[128];
    u32 ctln;
    bool epout;
    u8 *rem;
    u32 remn;
    u8 *rx;
    u32 matched, target;
    bool conv;
    u64 t_conv;
    u64 retry_at, last_tx, last_rx;
    u32 peer_hold;
    bool peer_v6, peer_as4;
    u32 peer_as;
    u64 rx_msgs, rx_upd, rx_bytes, rx_ann, rx_wdr, rx_echo, rx_unknown, rx_dup;
    u32 tries;
    // bfd
    int bfd_fd;
    u8 bfd_state, bfd_rstate;
    u32 my_disc, your_disc, r_minrx, r_mintx, r_mult;
    u64 bfd_next, bfd_rx;
    bool bfd_poll, muted;
    u64 bfd_pk_rx, bfd_pk_tx;
};
static struct sess *ss;
static u32 ns, nrecv, nconv, nup, nlost, nconnecting;
static int ep;
static u64 t_last_rx, t_conv_all, t_first_rx;
static bool phase_on;
static u64 phase_t0;
static bool up_said;
static u32 rr_reqs, reconnects;
static char lost_why[256];
static u64 t_first_up, t_all_up;

static void want_out(struct sess *s, bool on) {
    if (s->epout == on) return;
    s->epout = on;
    struct epoll_event e = {.events = EPOLLIN | (on ? EPOLLOUT : 0), .data.ptr = s};
    epoll_ctl(ep, EPOLL_CTL_MOD, s->fd, &e);
}
static void sdrop(struct sess *s, const char *why) {
    if (s->fd >= 0) {
        close(s->fd);
        s->fd = -1;
    }
    if (s->state == S_CONN || s->state == S_OPENSENT || s->state == S_OPENCONF) nconnecting--;
    if (s->state == S_UP && !up_said) {
        nup--;
        s->state = S_IDLE;
        s->retry_at = now_ns() + 1000000000ull;
        reconnects++;
        snprintf(lost_why, sizeof lost_why, "session %u lost during set-up: %s", s->idx, why);
    } else if (s->state == S_UP) {
        nup--;
        nlost++;
        s->state = S_DEAD;
        snprintf(lost_why, sizeof lost_why, "session %u (AS %u): %s", s->idx, s->as, why);
        fprintf(stderr, "bgpload: lost %s\n", lost_why);
    } else if (s->state != S_DEAD) {
        s->state = S_IDLE;
        s->retry_at = now_ns() + 300000000ull;
        reconnects++;
        if (s->tries > 3) fprintf(stderr, "bgpload: session %u retry %u: %s\n", s->idx, s->tries, why);
        snprintf(lost_why, sizeof lost_why, "session %u not up: %s", s->idx, why);
    }
    s->remn = 0;
    s->ctln = 0;
    s->out = NULL;
    s->outlen = s->outpos = 0;
    s->epout = false;
}
static bool sflush(struct sess *s) { // returns false when the session was dropped
    size_t budget = 512 << 10;
    for (;;) {
        ssize_t k;
        bool blob_part = s->outpos < s->outlen, mid = blob_part && s->outpos > 0;
        if (!mid && s->ctln) { // control messages go out only at message boundaries of the blob
            k = send(s->fd, s->ctl, s->ctln, MSG_NOSIGNAL | MSG_DONTWAIT);
            if (k > 0) {
                if ((u32)k < s->ctln) memmove(s->ctl, s->ctl + k, s->ctln - (u32)k);
                s->ctln -= (u32)k;
                s->last_tx = now_ns();
                continue;
            }
        } else if (blob_part) {
            size_t n = s->outlen - s->outpos;
            if (n > 256 << 10) n = 256 << 10;
            k = send(s->fd, s->out + s->outpos, n, MSG_NOSIGNAL | MSG_DONTWAIT);
            if (k > 0) {
                s->outpos += (size_t)k;
                s->last_tx = now_ns();
                if ((size_t)k >= budget) {
                    want_out(s, true);
                    return true;
                }
                budget -= (size_t)k;
                continue;
            }
        } else {
            want_out(s, false);
            return true;
        }
        if (k < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            want_out(s, true);
            return true;
        }
        if (k < 0 && errno == EINTR) continue;
        sdrop(s, strerror(errno));
        return false;
    }
}
static bool sctl(struct sess *s, u8 type, const u8 *body, u32 n) {
    if (s->ctln + 19 + n > sizeof s->ctl) return true;
    u8 *p = s->ctl + s->ctln;
    memset(p, 0xff, 16);
    put16(p + 16, (u16)(19 + n));
    p[18] = type;
    if (n) memcpy(p + 19, body, n);
    s->ctln += 19 + n;
    return sflush(s);
}
static u32 make_open(u8 *b, u32 as, u32 id) {
    b[0] = 4;
    put16(b + 1, as > 65535 ? 23456 : (u16)as);
    put16(b + 3, (u16)o.hold);
    put32(b + 5, id);
    u32 n = 12;
    b[n++] = 1;
    b[n++] = 4;
    put32(b + n, 1 << 0 | 1 << 16);
    n += 4; // MP IPv4 unicast: afi 1, reserved 0, safi 1
    if (!o.no_v6) {
        b[n++] = 1;
        b[n++] = 4;
        put32(b + n, 2 << 16 | 1);
        n += 4;
    }
    b[n++] = 2;
    b[n++] = 0;
    b[n++] = 65;
    b[n++] = 4;
    put32(b + n, as);
    n += 4;
    if (o.extmsg) {
        b[n++] = 6;
        b[n++] = 0;
    }
    b[9] = (u8)(n - 10);
    b[10] = 2;
    b[11] = (u8)(n - 12);
    return n;
}
static void parse_open(const u8 *m, u32 len, u32 *as, u32 *hold, bool *v6, bool *as4) {
    *as = get16(m + 1);
    *hold = get16(m + 3);
    *v6 = *as4 = false;
    if (len < 10) return;
    const u8 *p = m + 10, *e = m + 10 + m[9];
    if (e > m + len) e = m + len;
    while (p + 2 <= e) {
        const u8 *q = p + 2, *qe = q + p[1];
        if (qe > e) break;
        if (p[0] == 2)
            while (q + 2 <= qe) {
                if (q + 2 + q[1] > qe) break;
                if (q[0] == 65 && q[1] == 4) {
                    *as4 = true;
                    *as = get32(q + 2);
                }
                if (q[0] == 1 && q[1] == 4 && get16(q + 2) == 2 && q[5] == 1) *v6 = true;
                q += 2 + q[1];
            }
        p = qe;
    }
}
static void sconnect(struct sess *s) {
    s->tries++;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->fd < 0) die("socket: %s", strerror(errno));
    int one = 1;
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(s->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(s->src)};
    if (bind(s->fd, (void *)&a, sizeof a)) die("bind: %s", strerror(errno));
    a.sin_addr.s_addr = htonl(o.target);
    a.sin_port = htons(o.port);
    s->state = S_CONN;
    nconnecting++;
    s->epout = true;
    int r = connect(s->fd, (void *)&a, sizeof a);
    if (r && errno != EINPROGRESS) {
        sdrop(s, strerror(errno));
        return;
    }
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT, .data.ptr = s};
    epoll_ctl(ep, EPOLL_CTL_ADD, s->fd, &e);
}
static inline void rx_set(struct sess *s, int id, u8 v) {
    if ((u32)id >= s->id_lo && (u32)id < s->id_hi && s->sends && o.distinct) {
        s->rx_echo++;
        return;
    }
    u8 old = s->rx[id];
    if (old == v) {
        s->rx_dup++;
        return;
    }
    u8 w = want[id] ? (u8)(want[id] + (s->ibgp ? 0 : o.path_offset)) : 0;
    s->rx[id] = v;
    s->matched += (v == w) - (old == w);
    if (s->matched == s->target) {
        if (!s->conv) {
            s->conv = true;
            nconv++;
        }
        s->t_conv = t_last_rx;
        if (nconv == nrecv) t_conv_all = t_last_rx;
    } else if (s->conv) {
        s->conv = false;
        nconv--;
    }
}
static bool nlri4(struct sess *s, const u8 *p, const u8 *e, u8 v) {
    while (p < e) {
        u8 l = *p++;
        u32 nb = (l + 7u) / 8;
        if (l > 32 || p + nb > e) return false;
        u32 a = 0;
        for (u32 i = 0; i < nb; i++) a |= (u32)p[i] << (24 - 8 * i);
        p += nb;
        if (v)
            s->rx_ann++;
        else
            s->rx_wdr++;
        int id = pfind(a, l, 0);
        if (id < 0)
            s->rx_unknown++;
        else
            rx_set(s, id, v);
    }
    return true;
}
static bool nlri6(struct sess *s, const u8 *p, const u8 *e, u8 v) {
    while (p < e) {
        u8 l = *p++;
        u32 nb = (l + 7u) / 8;
        if (l > 128 || p + nb > e) return false;
        u64 a = 0;
        for (u32 i = 0; i < nb && i < 8; i++) a |= (u64)p[i] << (56 - 8 * i);
        p += nb;
        if (v)
            s->rx_ann++;
        else
            s->rx_wdr++;
        int id = l <= 64 ? pfind(a, l, 1) : -1;
        if (id < 0)
            s->rx_unknown++;
        else
            rx_set(s, id, v);
    }
    return true;
}
static bool handle_update(struct sess *s, const u8 *m, u32 len) {
    const u8 *e = m + len;
    s->rx_upd++;
    if (len < 4) return false;
    u32 wl = get16(m);
    const u8 *w = m + 2, *we = w + wl;
    if (we + 2 > e) return false;
    u32 al = get16(we);
    const u8 *a = we + 2, *ae = a + al;
    if (ae > e) return false;
    if (len == 4) return true; // End-of-RIB
    if (!s->recvs) return true;
    u32 pl = 0;
    const u8 *mr = NULL, *mu = NULL;
    u32 mrl = 0, mul = 0;
    while (a + 3 <= ae) {
        u8 fl = a[0], c = a[1];
        u32 l, h = 3;
        if (fl & 0x10) {
            if (a + 4 > ae) return false;
            l = get16(a + 2);
            h = 4;
        } else
            l = a[2];
        const u8 *v = a + h;
        if (v + l > ae) return false;
        if (c == 2) {
            const u8 *q = v;
            while (q + 2 <= v + l) {
                pl += q[0] == 2 ? q[1] : q[0] == 1 ? 1 : 0;
                q += 2 + 4u * q[1];
            }
        } else if (c == 14) {
            mr = v;
            mrl = l;
        } else if (c == 15) {
            mu = v;
            mul = l;
        }
        a = v + l;
    }
    if (pl > 250) pl = 250;
    if (wl && !nlri4(s, w, we, 0)) return false;
    if (ae < e && !nlri4(s, ae, e, (u8)(pl + 1))) return false;
    if (mu && mul >= 3) {
        if (get16(mu) == 2 && mu[2] == 1 && !nlri6(s, mu + 3, mu + mul, 0)) return false;
        if (get16(mu) == 1 && mu[2] == 1 && !nlri4(s, mu + 3, mu + mul, 0)) return false;
    }
    if (mr && mrl >= 5) {
        const u8 *q = mr + 4 + mr[3] + 1;
        if (q > mr + mrl) return false;
        if (get16(mr) == 2 && mr[2] == 1 && !nlri6(s, q, mr + mrl, (u8)(pl + 1))) return false;
        if (get16(mr) == 1 && mr[2] == 1 && !nlri4(s, q, mr + mrl, (u8)(pl + 1))) return false;
    }
    return true;
}
static bool handle_msg(struct sess *s, const u8 *m, u32 len) {
    u8 t = m[18];
    s->rx_msgs++;
    if (t == 2 && s->state == S_UP) {
        if (len > 23) {
            if (!t_first_rx) t_first_rx = now_ns();
            t_last_rx = now_ns();
        }
        if (!handle_update(s, m + 19, len - 19)) {
            sdrop(s, "malformed UPDATE");
            return false;
        }
        return true;
    }
    if (t == 4) {
        if (s->state == S_OPENCONF) {
            s->state = S_UP;
            nconnecting--;
            nup++;
            if (!t_first_up) t_first_up = now_ns();
            if (nup == ns) t_all_up = now_ns();
        }
        return true;
    }
    if (t == 1 && s->state == S_OPENSENT) {
        parse_open(m + 19, len - 19, &s->peer_as, &s->peer_hold, &s->peer_v6, &s->peer_as4);
        if (s->peer_as != o.dut_as)
            fprintf(stderr, "bgpload: session %u: peer AS %u, expected %u\n", s->idx, s->peer_as, o.dut_as);
        if (!s->peer_as4) die("peer did not offer 4-octet AS");
        if (!o.no_v6 && !s->peer_v6) die("peer did not offer IPv6 unicast (use --no-v6?)");
        s->state = S_OPENCONF;
        return sctl(s, 4, NULL, 0);
    }
    if (t == 3) {
        char b[64];
        snprintf(b, sizeof b, "NOTIFICATION %u/%u", m[19], m[20]);
        sdrop(s, b);
        return false;
    }
    if (t == 5) {
        rr_reqs++;
        return true;
    }
    return true;
}
static u8 rbuf[65536 * 2 + (512 << 10)];
static void sread(struct sess *s) {
    if (s->remn) memcpy(rbuf, s->rem, s->remn);
    ssize_t k = recv(s->fd, rbuf + s->remn, 512 << 10, MSG_DONTWAIT);
    if (k < 0) {
        if (errno == EAGAIN || errno == EINTR) return;
        sdrop(s, strerror(errno));
        return;
    }
    if (k == 0) {
        sdrop(s, "closed by peer");
        return;
    }
    s->last_rx = now_ns();
    s->rx_bytes += (u64)k;
    u8 *p = rbuf, *e = rbuf + s->remn + k;
    while (e - p >= 19) {
        u32 l = get16(p + 16);
        if (l < 19) {
            sdrop(s, "bad length");
            return;
        }
        if ((size_t)(e - p) < l) break;
        if (!handle_msg(s, p, l)) return;
        p += l;
    }
    s->remn = (u32)(e - p);
    if (s->remn) {
        if (!s->rem) s->rem = xmalloc(65536);
        memcpy(s->rem, p, s->remn);
    }
}
static void recompute(void) {
    memset(want, 0, np);
    for (u32 i = 0; i < ns; i++) {
        struct sess *s = &ss[i];
        if (!s->sends || !s->announcing) continue;
        for (u32 g = s->g_lo; g < s->g_hi; g++) {
            u8 v = (u8)(s->gplen[g - s->g_lo] + 1);
            for (u32 id = g_start[g]; id < g_start[g + 1]; id++)
                if (!want[id] || v < want[id]) want[id] = v;
        }
    }
    nconv = 0;
    for (u32 i = 0; i < ns; i++) {
        struct sess *s = &ss[i];
        if (!s->recvs) continue;
        u32 own = s->sends && o.distinct ? s->id_hi - s->id_lo : 0;
        s->target = np - own;
        s->matched = 0;
        int off = s->ibgp ? 0 : o.path_offset;
        for (u32 id = 0; id < np; id++) {
            if (own && id >= s->id_lo && id < s->id_hi) continue;
            s->matched += s->rx[id] == (want[id] ? (u8)(want[id] + off) : 0);
        }
        s->conv = s->matched == s->target;
        if (s->conv) nconv++;
        s->t_conv = 0;
    }
}
// ---------------------------------------------------------------- minimal BFD (single hop, asynchronous), for the
// failover scenario
static void bfd_open(struct sess *s) {
    s->bfd_fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int ttl = 255, one = 1;
    setsockopt(s->bfd_fd, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl);
    setsockopt(s->bfd_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(3784), .sin_addr.s_addr = htonl(s->src)};
    if (bind(s->bfd_fd, (void *)&a, sizeof a)) die("bfd bind: %s", strerror(errno));
    s->bfd_state = 1;
    s->my_disc = 0x1000 + s->idx;
    s->r_mult = 3;
    s->r_minrx = 1000000;
    s->r_mintx = 1000000;
}
static int bfd_tx(struct sess *s, bool final) {
    static int txfd[64]; // source port must be in 49152..65535: one extra socket per session
    if (s->idx >= 64) return 0;
    if (!txfd[s->idx]) {
        int f = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), ttl = 255;
        setsockopt(f, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl);
        struct sockaddr_in a = {
            .sin_family = AF_INET, .sin_port = htons((u16)(49152 + s->idx)), .sin_addr.s_addr = htonl(s->src)};
        if (bind(f, (void *)&a, sizeof a)) die("bfd bind tx");
        txfd[s->idx] = f;
    }
    u8 p[24] = {0};
    u32 mine = s->bfd_state == 3 ? o.bfd_ms * 1000 : 1000000;
    p[0] = 1 << 5;
    p[1] = (u8)(s->bfd_state << 6 | (s->bfd_poll && !final ? 0x20 : 0) | (final ? 0x10 : 0));
    p[2] = (u8)o.bfd_mult;
    p[3] = 24;
    put32(p + 4, s->my_disc);
    put32(p + 8, s->your_disc);
    put32(p + 12, mine);
    put32(p + 16, o.bfd_ms * 1000);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(3784), .sin_addr.s_addr = htonl(o.target)};
    s->bfd_pk_tx++;
    return (int)sendto(txfd[s->idx], p, 24, MSG_DONTWAIT, (void *)&a, sizeof a);
}
static void bfd_tick(struct sess *s, u64 now) {
    if (s->muted) {
        u8 z[64];
        while (recv(s->bfd_fd, z, sizeof z, MSG_DONTWAIT) > 0) {}
        return;
    }
    u8 b[64];
    ssize_t k;
    while ((k = recv(s->bfd_fd, b, sizeof b, MSG_DONTWAIT)) >= 24) {
        if (b[0] >> 5 != 1) continue;
        s->bfd_pk_rx++;
        s->bfd_rx = now;
        s->your_disc = get32(b + 4);
        s->bfd_rstate = b[1] >> 6;
        s->r_mult = b[2];
        s->r_mintx = get32(b + 12);
        s->r_minrx = get32(b + 16);
        u8 old = s->bfd_state;
        if (s->bfd_state == 1) {
            if (s->bfd_rstate == 1)
                s->bfd_state = 2;
            else if (s->bfd_rstate == 2)
                s->bfd_state = 3;
        } else if (s->bfd_state == 2) {
            if (s->bfd_rstate >= 2) s->bfd_state = 3;
        } else if (s->bfd_state == 3 && s->bfd_rstate <= 1) {
            s->bfd_state = 1;
            fprintf(stderr, "bgpload: bfd %u: peer signalled down\n", s->idx);
        }
        if (old != s->bfd_state) {
            if (s->bfd_state == 3) {
                s->bfd_poll = true;
                printf("{\"ev\":\"bfd_up\",\"session\":%u,\"t_ns\":%llu}\n", s->idx, (unsigned long long)now);
                fflush(stdout);
            }
            s->bfd_next = now;
        }
        if (b[1] & 0x10) s->bfd_poll = false;
        if (b[1] & 0x20) bfd_tx(s, true);
    }
    if (now >= s->bfd_next) {
        bfd_tx(s, false);
        u64 us = s->bfd_state == 3 ? o.bfd_ms * 1000ull : 1000000ull;
        if (s->r_minrx > us) us = s->r_minrx;
        s->bfd_next = now + us * (75 + rndn(15)) * 10ull;
    }
}
// ---------------------------------------------------------------- commands / phases
static char cmdq[4096];
static u32 cmdn;
static char phase_name[32];
static u64 idle_since;
static bool quitting;
static u64 base_cpu_us;
static u64 cpu_us(void) {
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return (u64)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000000ull + (u64)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}
static struct {
    u64 upd, bytes, ann, wdr, echo, unk, dup, txb, txm;
    u32 txn;
} acc;
static void sum(bool reset) {
    memset(&acc, 0, sizeof acc);
    for (u32 i = 0; i < ns; i++) {
        struct sess *s = &ss[i];
        acc.upd += s->rx_upd;
        acc.bytes += s->rx_bytes;
        acc.ann += s->rx_ann;
        acc.wdr += s->rx_wdr;
        acc.echo += s->rx_echo;
        acc.unk += s->rx_unknown;
        acc.dup += s->rx_dup;
        if (s->outlen) acc.txb += s->outpos;
        if (reset)
            s->rx_upd = s->rx_bytes = s->rx_ann = s->rx_wdr = s->rx_echo = s->rx_unknown = s->rx_dup = s->rx_msgs = 0;
    }
}
static u64 t_tx_done;
static u32 phase_lost0;
static int cmpu64(const void *a, const void *b) {
    u64 x = *(const u64 *)a, y = *(const u64 *)b;
    return x < y ? -1 : x > y;
}
static void phase_start(const char *what, int which) {
    bool ann = !strcmp(what, "announce");
    for (u32 i = 0; i < ns; i++)
        if (ss[i].sends && (which < 0 || (u32)which == i)) ss[i].announcing = ann;
    recompute();
    sum(true);
    snprintf(phase_name, sizeof phase_name, "%s", what);
    t_first_rx = t_conv_all = t_tx_done = 0;
    phase_lost0 = nlost;
    base_cpu_us = cpu_us();
    phase_on = true;
    phase_t0 = t_last_rx = now_ns();
    for (u32 i = 0; i < ns; i++) {
        struct sess *s = &ss[i];
        if (!s->sends || (which >= 0 && (u32)which != i) || s->state != S_UP) continue;
        blob *b = ann ? &s->ann : &s->wdr;
        s->out = b->p;
        s->outlen = b->len;
        s->outpos = 0;
        want_out(s, true);
    }
}
static void phase_end(const char *status) {
    u64 now = now_ns();
    sum(false);
    phase_on = false;
    u64 *tc = xcalloc(nrecv + 1, 8);
    u32 k = 0;
    u64 min = ~0ull;
    u32 mt = 0, tg = 0;
    for (u32 i = 0; i < ns; i++)
        if (ss[i].recvs) {
            tc[k++] = ss[i].t_conv > phase_t0 ? ss[i].t_conv - phase_t0 : 0;
            mt += ss[i].matched;
            tg += ss[i].target;
        }
    qsort(tc, k, 8, cmpu64);
    if (k) min = tc[0];
    double S = 1e-9;
    printf("{\"ev\":\"phase\",\"name\":\"%s\",\"status\":\"%s\",\"why\":\"%s\",\"t0_ns\":%llu,\"first_rx_s\":%.6f,"
           "\"conv_s\":%.6f,\"quiet_s\":%.6f,\"tx_done_s\":%.6f,\"recv_first_s\":%.6f,\"recv_median_s\":%.6f,\"recv_"
           "last_s\":%.6f,"
           "\"matched\":%u,\"target\":%u,\"rx_updates\":%llu,\"rx_bytes\":%llu,\"rx_announced\":%llu,\"rx_withdrawn\":%"
           "llu,\"rx_dup\":%llu,\"rx_own_echo\":%llu,\"rx_unknown\":%llu,\"tx_bytes\":%llu,\"lost\":%u,\"load_cpu_s\":%"
           ".4f,\"elapsed_s\":%.3f}\n",
           phase_name, status, strcmp(status, "ok") ? lost_why : "", (unsigned long long)phase_t0,
           t_first_rx ? (t_first_rx - phase_t0) * S : 0., t_conv_all ? (t_conv_all - phase_t0) * S : 0.,
           (t_last_rx - phase_t0) * S, t_tx_done ? (t_tx_done - phase_t0) * S : 0., k ? min * S : 0.,
           k ? tc[k / 2] * S : 0., k ? tc[k - 1] * S : 0., mt, tg, (unsigned long long)acc.upd,
           (unsigned long long)acc.bytes, (unsigned long long)acc.ann, (unsigned long long)acc.wdr,
           (unsigned long long)acc.dup, (unsigned long long)acc.echo, (unsigned long long)acc.unk,
           (unsigned long long)acc.txb, nlost, (cpu_us() - base_cpu_us) / 1e6, (now - phase_t0) * S);
    fflush(stdout);
    free(tc);
    idle_since = now;
    if (strcmp(status, "ok") && !o.ctl) quitting = true;
}
static void run_cmd(char *c) {
    char w[32] = "", a[32] = "";
    sscanf(c, "%31s %31s", w, a);
    int which = a[0] && strcmp(a, "all") ? atoi(a) : -1;
    if (!strcmp(w, "announce") || !strcmp(w, "withdraw"))
        phase_start(w, which);
    else if (!strcmp(w, "rst") || !strcmp(w, "close")) {
        u64 t = now_ns();
        for (u32 i = 0; i < ns; i++)
            if ((which < 0 || (u32)which == i) && ss[i].fd >= 0 && ss[i].sends) {
                struct linger l = {1, 0};
                if (w[0] == 'r') setsockopt(ss[i].fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
                close(ss[i].fd);
                ss[i].fd = -1;
                if (ss[i].state == S_UP) nup--;
                ss[i].state = S_DEAD;
                ss[i].announcing = false;
            }
        printf("{\"ev\":\"%s\",\"t_ns\":%llu}\n", w, (unsigned long long)t);
        fflush(stdout);
    } else if (!strcmp(w, "mute")) { // from now on no BFD packet, no BGP byte from this sender: a silent death (the
                                     // caller also drops its packets)
        u64 t = now_ns();
        for (u32 i = 0; i < ns; i++)
            if ((u32)which == i) {
                ss[i].muted = true;
                epoll_ctl(ep, EPOLL_CTL_DEL, ss[i].fd, NULL);
                if (ss[i].state == S_UP) nup--;
                ss[i].state = S_DEAD;
                ss[i].announcing = false;
            }
        printf("{\"ev\":\"mute\",\"t_ns\":%llu}\n", (unsigned long long)t);
        fflush(stdout);
    } else if (!strcmp(w, "quit"))
        quitting = true;
    else if (!strcmp(w, "stat")) {
        sum(false);
        printf("{\"ev\":\"stat\",\"up\":%u,\"lost\":%u,\"bfd_up\":%d,\"rx_updates\":%llu,\"cpu_s\":%.4f}\n", nup, nlost,
               o.bfd_ms ? (ss[0].bfd_state == 3) + (ns > 1 && ss[1].bfd_fd >= 0 && ss[1].bfd_state == 3) : -1,
               (unsigned long long)acc.upd, cpu_us() / 1e6);
        fflush(stdout);
    }
}
static void build_all(void) {
    u64 t0 = now_ns();
    u32 total = o.distinct ? o.count * o.senders : o.count;
    rng_s = o.seed * 0x1234567;
    universe_alloc(total ? total : 1);
    ns = o.senders + o.receivers;
    ss = xcalloc(ns, sizeof *ss);
    u32 sets = o.distinct ? o.senders : (total ? 1 : 0);
    u32 glo = 0;
    u32 *slo = xcalloc(sets + 1, 4), *shi = xcalloc(sets + 1, 4);
    for (u32 k = 0; k < sets; k++) {
        slo[k] = ng;
        if (o.shape == SH_INET)
            inet_prefixes(o.count);
        else
            for (u32 j = 0; j < o.count; j++) {
                if (j % o.per_attr == 0) g_start[ng++] = np;
                pod_prefix(k * o.count + j, o.shape == SH_POD4);
            }
        shi[k] = ng;
    }
    g_start[ng] = np;
    (void)glo;
    for (u32 i = 0; i < ns; i++) {
        struct sess *s = &ss[i];
        s->idx = i;
        s->fd = -1;
        s->bfd_fd = -1;
        bool snd = i < o.senders;
        u32 j = snd ? i : i - o.senders;
        s->src = (snd ? o.src : o.rsrc) + j;
        s->as = snd ? o.sender_as + (o.sender_as_inc ? j : 0) : o.receiver_as + (o.receiver_as_inc ? j : 0);
        s->ibgp = s->as == o.dut_as;
        s->sends = snd;
        s->recvs = !snd || o.mirror;
        s->nh4 = o.nh ? o.nh + j : s->src;
        if (o.nh6[0]) {
            inet_pton(AF_INET6, o.nh6, s->nh6);
            put32(s->nh6 + 12, get32(s->nh6 + 12) + j);
        } else {
            s->nh6[0] = 0xfd;
            s->nh6[1] = 0x99;
            put32(s->nh6 + 12, s->src);
        }
        if (s->recvs) {
            nrecv++;
            s->rx = xcalloc(np, 1);
        }
        if (!snd) continue;
        u32 k = o.distinct ? i : 0;
        s->g_lo = slo[k];
        s->g_hi = shi[k];
        s->id_lo = g_start[s->g_lo];
        s->id_hi = g_start[s->g_hi];
        s->gplen = xmalloc(s->g_hi - s->g_lo + 1);
        for (u32 g = s->g_lo; g < s->g_hi; g++) {
            struct attrs a;
            u8 med[8];
            int nm;
            make_attrs(&a, i, s->as, s->ibgp, g, med, &nm);
            s->gplen[g - s->g_lo] = a.plen;
            build_group(&s->ann, g, &a, med, nm, s->nh4, s->nh6);
        }
        u8 eor4[4] = {0}, eor6[10] = {0, 0, 0, 6, 0x80, 15, 3, 0, 2, 1};
        bmsg(&s->ann, 2, eor4, 4);
        if (!o.no_v6) bmsg(&s->ann, 2, eor6, 10);
        build_withdraw(&s->wdr, s->id_lo, s->id_hi);
    }
    u64 ab = 0, am = 0, wb = 0;
    for (u32 i = 0; i < ns; i++) {
        ab += ss[i].ann.len;
        am += ss[i].ann.msgs;
        wb += ss[i].wdr.len;
    }
    printf("{\"ev\":\"built\",\"prefixes\":%u,\"attr_groups\":%u,\"sessions\":%u,\"receivers\":%u,\"announce_bytes\":%"
           "llu,\"announce_msgs\":%llu,\"withdraw_bytes\":%llu,\"build_s\":%.3f}\n",
           np, ng, ns, nrecv, (unsigned long long)ab, (unsigned long long)am, (unsigned long long)wb,
           (now_ns() - t0) * 1e-9);
    fflush(stdout);
}
static void main_loop(void) {
    ep = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event ev[256];
    u64 start = now_ns(), next_tick = 0;
    u32 up0 = 0;
    int stdin_tag;
    if (o.ctl) {
        fcntl(0, F_SETFL, fcntl(0, F_GETFL) | O_NONBLOCK);
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = &stdin_tag};
        epoll_ctl(ep, EPOLL_CTL_ADD, 0, &e);
    } else {
        cmdn = (u32)snprintf(cmdq, sizeof cmdq, "%s", o.senders ? "announce\n" : "");
        for (u32 i = 0; i < o.cycles; i++)
            cmdn += (u32)snprintf(cmdq + cmdn, sizeof cmdq - cmdn, "withdraw\nannounce\n");
        cmdn += (u32)snprintf(cmdq + cmdn, sizeof cmdq - cmdn, "quit\n");
    }
    if (o.bfd_ms)
        for (u32 i = 0; i < ns; i++)
            if (ss[i].sends) {
                bfd_open(&ss[i]);
                struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
                epoll_ctl(ep, EPOLL_CTL_ADD, ss[i].bfd_fd, &e);
            }
    while (!quitting) {
        int n = epoll_wait(ep, ev, 256, o.bfd_ms ? 2 : 20);
        if (n < 0 && errno != EINTR) die("epoll: %s", strerror(errno));
        for (int i = 0; i < n; i++) {
            if (ev[i].data.ptr == &stdin_tag) {
                ssize_t k = read(0, cmdq + cmdn, sizeof cmdq - cmdn - 1);
                if (k == 0)
                    quitting = true;
                else if (k > 0)
                    cmdn += (u32)k;
                continue;
            }
            struct sess *s = ev[i].data.ptr;
            if (!s || s->fd < 0) continue;
            if (s->state == S_CONN) {
                if (!(ev[i].events & (EPOLLOUT | EPOLLERR | EPOLLHUP))) continue;
                int er = 0;
                socklen_t sl = sizeof er;
                getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &er, &sl);
                if (er) {
                    sdrop(s, strerror(er));
                    continue;
                }
                u8 b[64];
                s->state = S_OPENSENT;
                s->last_rx = now_ns();
                u32 l = make_open(b, s->as, s->src);
                if (!sctl(s, 1, b, l)) continue;
            }
            if (ev[i].events & EPOLLOUT)
                if (!sflush(s)) continue;
            if (ev[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) sread(s);
        }
        u64 now = now_ns();
        if (o.bfd_ms)
            for (u32 i = 0; i < ns; i++)
                if (ss[i].bfd_fd >= 0) bfd_tick(&ss[i], now);
        if (now >= next_tick) {
            next_tick = now + 5000000;
            for (u32 i = 0; i < ns; i++) {
                struct sess *s = &ss[i];
                if (s->state == S_IDLE && now >= s->retry_at && nconnecting < o.burst)
                    sconnect(s);
                else if (s->state == S_UP && now - s->last_tx > o.hold * 1000000000ull / 3 && s->outpos >= s->outlen) {
                    s->last_tx = now;
                    sctl(s, 4, NULL, 0);
                } else if (s->state == S_UP && o.hold &&
                           now - s->last_rx > (s->peer_hold < o.hold ? s->peer_hold : o.hold) * 1000000000ull)
                    sdrop(s, "hold timer expired (peer silent)");
                else if (s->state == S_OPENSENT && now - s->last_rx > 8000000000ull)
                    sdrop(s, "no OPEN from peer");
            }
            if (phase_on) {
                bool txd = true;
                for (u32 i = 0; i < ns && txd; i++)
                    if (ss[i].outpos < ss[i].outlen) txd = false;
                if (txd && !t_tx_done) t_tx_done = now;
                if (nlost > phase_lost0)
                    phase_end("session_lost");
                else if (txd && nconv == nrecv && now - t_last_rx > o.settle_ms * 1000000ull)
                    phase_end(nrecv && !t_conv_all ? "nothing_received" : "ok");
                else if (now - phase_t0 > o.timeout_s * 1000000000ull) {
                    snprintf(lost_why, sizeof lost_why, "%u of %u receivers converged", nconv, nrecv);
                    phase_end("timeout");
                }
            }
        }
        if (!up_said) {
            if (nup != ns) up0 = 0;
            if (nup == ns) {
                if (!up0) {
                    up0 = 1;
                    idle_since = now;
                }
                if (now - idle_since > o.warm_ms * 1000000ull) {
                    up_said = true;
                    printf("{\"ev\":\"up\",\"sessions\":%u,\"setup_s\":%.3f,\"all_up_s\":%.3f,\"reconnects\":%u,\"dut_"
                           "hold\":%u}\n",
                           ns, (now - start) * 1e-9, (t_all_up - start) * 1e-9, reconnects, ss[0].peer_hold);
                    fflush(stdout);
                    idle_since = 0;
                }
            } else if (now - start > o.timeout_s * 1000000000ull) {
                printf("{\"ev\":\"fail\",\"why\":\"only %u of %u sessions up: %s\"}\n", nup, ns, lost_why);
                fflush(stdout);
                return;
            }
            if (nlost) {
                printf("{\"ev\":\"fail\",\"why\":\"session lost during set-up: %s\"}\n", lost_why);
                fflush(stdout);
                return;
            }
            continue;
        }
        if (!phase_on && cmdn) {
            char *nl = memchr(cmdq, '\n', cmdn);
            if (nl) {
                *nl = 0;
                char c[128];
                snprintf(c, sizeof c, "%.120s", cmdq);
                u32 used = (u32)(nl + 1 - cmdq);
                memmove(cmdq, nl + 1, cmdn - used);
                cmdn -= used;
                run_cmd(c);
            }
        }
    }
    printf("{\"ev\":\"end\",\"lost\":%u,\"route_refresh_requests\":%u,\"cpu_s\":%.4f}\n", nlost, rr_reqs,
           cpu_us() / 1e6);
    fflush(stdout);
}
// ---------------------------------------------------------------- relay: the floor. Frames UPDATEs, appends them to
// one log, every other session gets the log's bytes.
struct rs {
    int fd;
    bool up, quiet, epout;
    u32 as;
    u8 *rem;
    u32 remn;
    u32 ent;
    u32 entoff;
    u8 ctl[128];
    u32 ctln;
    bool opened;
};
static u8 *rlog;
static size_t loglen, logcap;
static struct {
    u64 off;
    u32 len;
    u32 src;
} * ents;
static u32 nents, entcap;
static _Noreturn void relay(void) {
    int ls = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    setsockopt(ls, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(o.port), .sin_addr.s_addr = htonl(o.target)};
    if (bind(ls, (void *)&a, sizeof a) || listen(ls, 1024)) die("listen: %s", strerror(errno));
    ep = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = ~0u}, ev[256];
    epoll_ctl(ep, EPOLL_CTL_ADD, ls, &e);
    struct rs *r = NULL;
    u32 n = 0, cap = 0;
    for (;;) {
        int k = epoll_wait(ep, ev, 256, 1000);
        u32 before = nents;
        for (int i = 0; i < k; i++) {
            u32 id = ev[i].data.u32;
            if (id == ~0u) {
                int f;
                while ((f = accept4(ls, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                    setsockopt(f, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                    if (n == cap) {
                        cap = cap ? cap * 2 : 64;
                        r = realloc(r, cap * sizeof *r);
                    }
                    memset(&r[n], 0, sizeof *r);
                    r[n].fd = f;
                    r[n].rem = xmalloc(65536);
                    struct epoll_event x = {.events = EPOLLIN, .data.u32 = n};
                    epoll_ctl(ep, EPOLL_CTL_ADD, f, &x);
                    n++;
                }
                continue;
            }
            struct rs *s = &r[id];
            if (s->fd < 0) continue;
            if (ev[i].events & EPOLLIN) {
                memcpy(rbuf, s->rem, s->remn);
                ssize_t q = recv(s->fd, rbuf + s->remn, 512 << 10, 0);
                if (q <= 0) {
                    if (q < 0 && errno == EAGAIN) continue;
                    close(s->fd);
                    s->fd = -1;
                    continue;
                }
                u8 *p = rbuf, *pe = rbuf + s->remn + q;
                while (pe - p >= 19) {
                    u32 l = get16(p + 16);
                    if ((size_t)(pe - p) < l) break;
                    u8 t = p[18];
                    if (t == 1) {
                        u32 hold;
                        bool v6, as4;
                        parse_open(p + 19, l - 19, &s->as, &hold, &v6, &as4);
                        s->quiet = s->as >= o.quiet_lo && s->as <= o.quiet_hi;
                        u8 b[64];
                        u32 bl = make_open(b, o.dut_as, 0x0a630001);
                        memset(s->ctl, 0xff, 16);
                        put16(s->ctl + 16, (u16)(19 + bl));
                        s->ctl[18] = 1;
                        memcpy(s->ctl + 19, b, bl);
                        s->ctln = 19 + bl;
                        memset(s->ctl + s->ctln, 0xff, 16);
                        put16(s->ctl + s->ctln + 16, 19);
                        s->ctl[s->ctln + 18] = 4;
                        s->ctln += 19;
                        if (send(s->fd, s->ctl, s->ctln, MSG_NOSIGNAL) < 0) {}
                        s->up = true;
                        s->ent = nents;
                    } else if (t == 2 && l > 23 && !(l == 29 && p[19 + 5] == 15)) {
                        if (loglen + l > logcap) {
                            logcap = (loglen + l) * 2 + (1 << 20);
                            rlog = realloc(rlog, logcap);
                        }
                        if (nents == entcap) {
                            entcap = entcap ? entcap * 2 : 4096;
                            ents = realloc(ents, entcap * sizeof *ents);
                        }
                        memcpy(rlog + loglen, p, l);
                        ents[nents].off = loglen;
                        ents[nents].len = l;
                        ents[nents].src = id;
                        nents++;
                        loglen += l;
                    } else if (t == 4 && s->up && s->ent == nents) {
                        u8 b[19];
                        memset(b, 0xff, 16);
                        put16(b + 16, 19);
                        b[18] = 4;
                        if (s->entoff == 0 && send(s->fd, b, 19, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {}
                    }
                    p += l;
                }
                s->remn = (u32)(pe - p);
                memcpy(s->rem, p, s->remn);
            }
            if (ev[i].events & EPOLLOUT) before = 0xffffffff;
        }
        if (nents == before && before != 0xffffffff) continue;
        for (u32 i = 0; i < n; i++) {
            struct rs *s = &r[i];
            if (s->fd < 0 || !s->up || s->quiet) continue;
            bool blocked = false;
            while (s->ent < nents) {
                if (ents[s->ent].src == i && s->entoff == 0) {
                    s->ent++;
                    continue;
                }
                u32 j = s->ent;
                u64 from = ents[j].off + s->entoff, end = ents[j].off + ents[j].len;
                j++;
                while (j < nents && ents[j].src != i && end - from < (256 << 10)) {
                    end = ents[j].off + ents[j].len;
                    j++;
                }
                ssize_t q = send(s->fd, rlog + from, end - from, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (q < 0) {
                    if (errno == EAGAIN)
                        blocked = true;
                    else {
                        close(s->fd);
                        s->fd = -1;
                    }
                    break;
                }
                u64 pos = from + (u64)q;
                while (s->ent < nents && ents[s->ent].off + ents[s->ent].len <= pos && s->ent < j) s->ent++;
                s->entoff = s->ent < nents && s->ent < j && pos > ents[s->ent].off ? (u32)(pos - ents[s->ent].off) : 0;
            }
            if (s->fd >= 0 && blocked != s->epout) {
                s->epout = blocked;
                struct epoll_event x = {.events = EPOLLIN | (blocked ? EPOLLOUT : 0), .data.u32 = i};
                epoll_ctl(ep, EPOLL_CTL_MOD, s->fd, &x);
            }
        }
    }
}
static u32 ip4(const char *s) {
    struct in_addr a;
    if (inet_pton(AF_INET, s, &a) != 1) die("bad IPv4 address %s", s);
    return ntohl(a.s_addr);
}
static void usage(void) {
    fprintf(stderr,
            "bgpload run|send|recv|relay\n"
            " --target A:P            DUT address (relay: listen address)   --dut-as N\n"
            " --senders K --sender-as N[+]   '+' = one AS per session; AS == dut-as makes iBGP    --src A   first "
            "source address (incremented)\n"
            " --receivers M --receiver-as N[+] --rsrc A                     --mirror  senders are receivers too\n"
            " --count N [--distinct]  prefixes per session (default: the same set from every sender)\n"
            " --shape pod|pod4|inet --per-attr G --seed S --nh A --nh6 A    next hops (default: source address / "
            "fd99::<src>)\n"
            " --hold S --extmsg --no-v6 --settle-ms --warm-ms --timeout S --path-offset N (AS hops the DUT adds on "
            "eBGP, default 1)\n"
            " --cycles C              after the announce phase: C x (withdraw, announce)   --ctl  take commands on "
            "stdin instead: announce|withdraw|rst|close [i|all], mute i, stat, quit\n"
            " --bfd MS,MULT           run a minimal BFD endpoint for each sender\n relay: --quiet-as LO-HI  peers in "
            "this AS range get no updates\n");
    exit(2);
}
int main(int c, char **v) {
    if (c < 2) usage();
    o.mode = v[1];
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 1 << 16);
    if (!strcmp(o.mode, "send") || !strcmp(o.mode, "run")) o.senders = 1;
    if (!strcmp(o.mode, "recv") || !strcmp(o.mode, "run")) o.receivers = 1;
    for (int i = 2; i < c; i++) {
        char *k = v[i];
#define FLAG(n, st)                                                                                                    \
    if (!strcmp(k, n)) {                                                                                               \
        st;                                                                                                            \
        continue;                                                                                                      \
    }
        FLAG("--distinct", o.distinct = true)
        FLAG("--mirror", o.mirror = true) FLAG("--extmsg", o.extmsg = true) FLAG("--no-v6", o.no_v6 = true)
            FLAG("--ctl", o.ctl = true) if (i + 1 >= c) usage();
        char *x = v[++i];
        if (!strcmp(k, "--target")) {
            char *q = strchr(x, ':');
            if (q) {
                *q = 0;
                o.port = (u16)atoi(q + 1);
            }
            o.target = ip4(x);
        } else if (!strcmp(k, "--dut-as"))
            o.dut_as = (u32)strtoul(x, 0, 10);
        else if (!strcmp(k, "--senders"))
            o.senders = (u32)atoi(x);
        else if (!strcmp(k, "--receivers"))
            o.receivers = (u32)atoi(x);
        else if (!strcmp(k, "--sender-as")) {
            char *q;
            o.sender_as = (u32)strtoul(x, &q, 10);
            o.sender_as_inc = *q == '+';
        } else if (!strcmp(k, "--receiver-as")) {
            char *q;
            o.receiver_as = (u32)strtoul(x, &q, 10);
            o.receiver_as_inc = *q == '+';
        } else if (!strcmp(k, "--src"))
            o.src = ip4(x);
        else if (!strcmp(k, "--rsrc"))
            o.rsrc = ip4(x);
        else if (!strcmp(k, "--nh"))
            o.nh = ip4(x);
        else if (!strcmp(k, "--nh6"))
            snprintf(o.nh6, sizeof o.nh6, "%s", x);
        else if (!strcmp(k, "--count"))
            o.count = (u32)atoi(x);
        else if (!strcmp(k, "--shape"))
            o.shape = !strcmp(x, "inet") ? SH_INET : !strcmp(x, "pod4") ? SH_POD4 : SH_POD;
        else if (!strcmp(k, "--per-attr"))
            o.per_attr = (u32)atoi(x);
        else if (!strcmp(k, "--seed"))
            o.seed = strtoull(x, 0, 10);
        else if (!strcmp(k, "--hold"))
            o.hold = (u32)atoi(x);
        else if (!strcmp(k, "--settle-ms"))
            o.settle_ms = (u32)atoi(x);
        else if (!strcmp(k, "--warm-ms"))
            o.warm_ms = (u32)atoi(x);
        else if (!strcmp(k, "--timeout"))
            o.timeout_s = (u32)atoi(x);
        else if (!strcmp(k, "--cycles"))
            o.cycles = (u32)atoi(x);
        else if (!strcmp(k, "--path-offset"))
            o.path_offset = atoi(x);
        else if (!strcmp(k, "--burst"))
            o.burst = (u32)atoi(x);
        else if (!strcmp(k, "--quiet-as")) {
            if (sscanf(x, "%u-%u", &o.quiet_lo, &o.quiet_hi) != 2) usage();
        } else if (!strcmp(k, "--bfd")) {
            if (sscanf(x, "%u,%u", &o.bfd_ms, &o.bfd_mult) < 1) usage();
        } else
            usage();
    }
    if (o.path_offset < 0) o.path_offset = 1;
    if (!strcmp(o.mode, "relay")) relay();
    if (o.mirror && !o.distinct) die("--mirror needs --distinct");
    build_all();
    main_loop();
    return nlost ? 1 : 0;
}
