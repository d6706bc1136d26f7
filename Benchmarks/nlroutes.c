// nlroutes: minimal rtnetlink route tools. Floor for "install N routes in the kernel", and the observer used by S6/S7.
// Build: cc -O2 -std=gnu11 -o nlroutes nlroutes.c
//   nlroutes add|del N VIA[,VIA2] [BATCH] [METRIC]   N /26 routes 10.0.0.0 + 64*i, BATCH messages per sendmsg (default
//   512) nlroutes count [VIA]                             dump: routes inside 10.0.0.0/8, how many point at VIA
//   nlroutes watch N VIA                             observer: JSON lines; commands on stdin: "mark add", "mark del",
//   "mark via", "quit"
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;
static u64 now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (u64)t.tv_sec * 1000000000ull + t.tv_nsec;
}
static double cpu_s(void) {
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return r.ru_utime.tv_sec + r.ru_stime.tv_sec + (r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}
static void die(const char *s) {
    perror(s);
    exit(2);
}
static int nlsock(u32 groups) {
    int f = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (f < 0) die("socket");
    int big = 512 << 20;
    if (setsockopt(f, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof big))
        setsockopt(f, SOL_SOCKET, SO_RCVBUF, &big, sizeof big);
    int snd = 8 << 20;
    setsockopt(f, SOL_SOCKET, SO_SNDBUFFORCE, &snd, sizeof snd);
    int one = 1;
    setsockopt(f, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof one);
    struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_groups = groups};
    if (bind(f, (void *)&a, sizeof a)) die("bind");
    return f;
}
static void addattr(struct nlmsghdr *h, int t, const void *d, int l) {
    struct rtattr *a = (void *)((u8 *)h + NLMSG_ALIGN(h->nlmsg_len));
    a->rta_type = (unsigned short)t;
    a->rta_len = (unsigned short)RTA_LENGTH(l);
    memcpy(RTA_DATA(a), d, (size_t)l);
    h->nlmsg_len = NLMSG_ALIGN(h->nlmsg_len) + RTA_ALIGN(a->rta_len);
}
static u8 rb[1 << 20];
static int drain(int f, u32 lastseq) { // read acks until lastseq is acknowledged; returns the number of errors
    int errs = 0;
    for (;;) {
        ssize_t n = recv(f, rb, sizeof rb, 0);
        if (n < 0) {
            if (errno == EINTR) continue;
            die("recv");
        }
        for (struct nlmsghdr *h = (void *)rb; NLMSG_OK(h, (u32)n); h = NLMSG_NEXT(h, n))
            if (h->nlmsg_type == NLMSG_ERROR) {
                struct nlmsgerr *e = NLMSG_DATA(h);
                if (e->error) {
                    errs++;
                    if (errs < 4) fprintf(stderr, "nlroutes: %s\n", strerror(-e->error));
                }
                if (h->nlmsg_seq == lastseq) return errs;
            }
    }
}
static int bulk(bool add, u32 n, char *via, u32 batch, u32 metric) {
    int f = nlsock(0), errs = 0;
    u32 gw[8], ng = 0;
    for (char *t = strtok(via, ","); t && ng < 8; t = strtok(NULL, ",")) gw[ng++] = inet_addr(t);
    u8 *buf = malloc(batch * 256ull);
    u64 t0 = now_ns();
    u32 seq = 0;
    for (u32 i = 0; i < n;) {
        size_t len = 0;
        u32 k = 0;
        for (; k < batch && i < n; k++, i++) {
            struct nlmsghdr *h = (void *)(buf + len);
            memset(h, 0, 64);
            struct rtmsg *r = NLMSG_DATA(h);
            h->nlmsg_len = NLMSG_LENGTH(sizeof *r);
            h->nlmsg_type = add ? RTM_NEWROUTE : RTM_DELROUTE;
            h->nlmsg_flags = NLM_F_REQUEST | (add ? NLM_F_CREATE | NLM_F_REPLACE : 0);
            h->nlmsg_seq = ++seq;
            r->rtm_family = AF_INET;
            r->rtm_dst_len = 26;
            r->rtm_table = RT_TABLE_MAIN;
            r->rtm_protocol = 186;
            r->rtm_scope = add ? RT_SCOPE_UNIVERSE : RT_SCOPE_NOWHERE;
            r->rtm_type = add ? RTN_UNICAST : 0;
            u32 d = htonl(0x0a000000u + i * 64u);
            addattr(h, RTA_DST, &d, 4);
            if (metric) addattr(h, RTA_PRIORITY, &metric, 4);
            if (ng == 1)
                addattr(h, RTA_GATEWAY, &gw[0], 4);
            else {
                u8 m[256];
                int ml = 0;
                for (u32 j = 0; j < ng; j++) {
                    struct rtnexthop *x = (void *)(m + ml);
                    memset(x, 0, sizeof *x);
                    struct rtattr *a = RTNH_DATA(x);
                    a->rta_type = RTA_GATEWAY;
                    a->rta_len = RTA_LENGTH(4);
                    memcpy(RTA_DATA(a), &gw[j], 4);
                    x->rtnh_len = (unsigned short)(sizeof *x + RTA_ALIGN(a->rta_len));
                    ml += x->rtnh_len;
                }
                addattr(h, RTA_MULTIPATH, m, ml);
            }
            if (k + 1 == batch || i + 1 == n) h->nlmsg_flags |= NLM_F_ACK;
            len += NLMSG_ALIGN(h->nlmsg_len);
        }
        struct sockaddr_nl a = {.nl_family = AF_NETLINK};
        if (sendto(f, buf, len, 0, (void *)&a, sizeof a) < 0) die("send");
        errs += drain(f, seq);
    }
    u64 t1 = now_ns();
    printf("{\"ev\":\"bulk\",\"op\":\"%s\",\"n\":%u,\"errors\":%d,\"t0_ns\":%llu,\"t1_ns\":%llu,\"wall_s\":%.6f,\"cpu_"
           "s\":%.6f}\n",
           add ? "add" : "del", n, errs, (unsigned long long)t0, (unsigned long long)t1, (t1 - t0) * 1e-9, cpu_s());
    return errs != 0;
}
// ---------------------------------------------------------------- observer
static u32 N, dead;
static u8 *has, *viad, *cnth;
static u32 *rnh; // the nexthop object that a route uses, or 0
static u32 present, pointing;
// Nexthop objects: routes that use one are off the dead next hop as soon as their group is.
struct obj {
    u32 id, n, routes, mem[64];
    bool group, dead;
};
static struct obj objs[8192];
static u32 nobjs;
static struct obj *find(u32 id) {
    static u32 last;
    if (last < nobjs && objs[last].id == id) return &objs[last];
    for (u32 i = 0; i < nobjs; i++)
        if (objs[i].id == id) return &objs[last = i];
    return NULL;
}
static void refresh(void) { // which groups contain the dead next hop now; `pointing` follows
    for (u32 i = 0; i < nobjs; i++) {
        struct obj *g = &objs[i];
        if (!g->group) continue;
        bool d = false;
        for (u32 j = 0; j < g->n; j++) {
            struct obj *m = find(g->mem[j]);
            d |= m && m->dead;
        }
        if (d != g->dead) pointing += d ? g->routes : -g->routes;
        g->dead = d;
    }
}
static void nexthop(struct nlmsghdr *h) { // RTM_NEWNEXTHOP or RTM_DELNEXTHOP
    struct nhmsg *m = NLMSG_DATA(h);
    u32 l = h->nlmsg_len - NLMSG_LENGTH(sizeof *m);
    struct obj o = {0};
    for (struct rtattr *a = (void *)((u8 *)m + NLMSG_ALIGN(sizeof *m)); RTA_OK(a, l); a = RTA_NEXT(a, l)) {
        if (a->rta_type == NHA_ID) o.id = *(u32 *)RTA_DATA(a);
        if (a->rta_type == NHA_GATEWAY && m->nh_family == AF_INET) o.dead = *(u32 *)RTA_DATA(a) == dead;
        if (a->rta_type == NHA_GROUP) {
            struct nexthop_grp *g = RTA_DATA(a);
            o.group = true;
            for (u32 k = 0; k < RTA_PAYLOAD(a) / sizeof *g && k < 64; k++) o.mem[o.n++] = g[k].id;
        }
    }
    struct obj *old = find(o.id);
    if (h->nlmsg_type == RTM_DELNEXTHOP) {
        if (!old) return;
        if (old->dead) pointing -= old->routes;
        if (old->routes && rnh) // its routes went with it
            for (u32 i = 0; i < N; i++)
                if (rnh[i] == o.id) {
                    rnh[i] = cnth[i] = has[i] = 0;
                    present--;
                }
        *old = objs[--nobjs];
    } else {
        if (!old) {
            if (nobjs == sizeof objs / sizeof *objs) die("too many nexthop objects");
            old = &objs[nobjs++];
            *old = (struct obj){.id = o.id};
        }
        o.routes = old->routes;
        if (o.group)
            o.dead = old->dead; // until refresh
        else if (o.dead != old->dead)
            pointing += o.dead ? o.routes : -o.routes;
        *old = o;
    }
    refresh();
}
static u64 t_full, t_empty, t_nodead, t_lastev, t_half, events, overruns;
static u32 maxpresent;
static bool route_idx(struct nlmsghdr *h, u32 *idx, bool *usesdead,
                      u32 *nexthops, u32 *nhid) { // is it one of ours? which next hops?
    struct rtmsg *r = NLMSG_DATA(h);
    if (r->rtm_family != AF_INET || r->rtm_dst_len != 26 || r->rtm_type != RTN_UNICAST) return false;
    u32 l = h->nlmsg_len - NLMSG_LENGTH(sizeof *r), dst = 0, tab = r->rtm_table;
    *usesdead = false;
    *nexthops = *nhid = 0;
    for (struct rtattr *a = RTM_RTA(r); RTA_OK(a, l); a = RTA_NEXT(a, l)) {
        if (a->rta_type == RTA_DST)
            dst = ntohl(*(u32 *)RTA_DATA(a));
        else if (a->rta_type == RTA_TABLE)
            tab = *(u32 *)RTA_DATA(a);
        else if (a->rta_type == RTA_NH_ID)
            *nhid = *(u32 *)RTA_DATA(a);
        else if (a->rta_type == RTA_GATEWAY) {
            ++*nexthops;
            if (*(u32 *)RTA_DATA(a) == dead) *usesdead = true;
        } else if (a->rta_type == RTA_MULTIPATH) {
            struct rtnexthop *x = RTA_DATA(a);
            int ml = (int)RTA_PAYLOAD(a);
            while (RTNH_OK(x, ml)) {
                ++*nexthops;
                struct rtattr *b = RTNH_DATA(x);
                int bl = x->rtnh_len - (int)sizeof *x;
                for (; RTA_OK(b, bl); b = RTA_NEXT(b, bl))
                    if (b->rta_type == RTA_GATEWAY && *(u32 *)RTA_DATA(b) == dead) *usesdead = true;
                ml -= RTNH_ALIGN(x->rtnh_len);
                x = RTNH_NEXT(x);
            }
        }
    }
    struct obj *o = *nhid ? find(*nhid) : NULL;
    if (o) { // whatever the message says of its next hops, the object is right
        *usesdead = o->dead;
        *nexthops = o->group ? o->n : 1;
    }
    if (tab != RT_TABLE_MAIN || (dst >> 24) != 10) return false;
    u32 i = (dst - 0x0a000000u) / 64u;
    if (i >= N) return false;
    *idx = i;
    return true;
}
static void dump_objs(void) { // for dumps of routes; the observer follows notifications and has no need of it
    int f = nlsock(0);
    struct {
        struct nlmsghdr h;
        struct nhmsg m;
    } q = {.h = {.nlmsg_len = sizeof q,
                 .nlmsg_type = RTM_GETNEXTHOP,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                 .nlmsg_seq = 1}};
    if (send(f, &q, sizeof q, 0) < 0) die("send");
    for (bool done = false; !done;) {
        ssize_t n = recv(f, rb, sizeof rb, 0);
        if (n < 0) die("recv");
        for (struct nlmsghdr *h = (void *)rb; NLMSG_OK(h, (u32)n); h = NLMSG_NEXT(h, n)) {
            done |= h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR;
            if (h->nlmsg_type == RTM_NEWNEXTHOP) nexthop(h);
        }
    }
    close(f);
}
static void dump(u32 *total, u32 *pdead, u32 *multi) {
    int f = nlsock(0);
    struct {
        struct nlmsghdr h;
        struct rtmsg r;
    } q = {.h = {.nlmsg_len = sizeof q,
                 .nlmsg_type = RTM_GETROUTE,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                 .nlmsg_seq = 1},
           .r = {.rtm_family = AF_INET}};
    *total = *pdead = *multi = 0;
    if (send(f, &q, sizeof q, 0) < 0) die("send");
    for (;;) {
        ssize_t n = recv(f, rb, sizeof rb, 0);
        if (n < 0) die("recv");
        for (struct nlmsghdr *h = (void *)rb; NLMSG_OK(h, (u32)n); h = NLMSG_NEXT(h, n)) {
            if (h->nlmsg_type == NLMSG_DONE) {
                close(f);
                return;
            }
            u32 i, nh, id;
            bool d;
            if (h->nlmsg_type == RTM_NEWROUTE && route_idx(h, &i, &d, &nh, &id)) {
                ++*total;
                *pdead += d;
                *multi += nh > 1;
            }
        }
    }
}
static void apply(struct nlmsghdr *h, u64 t) {
    u32 i, nh, id;
    bool d;
    if (h->nlmsg_type == RTM_NEWNEXTHOP || h->nlmsg_type == RTM_DELNEXTHOP) {
        events++;
        t_lastev = t;
        nexthop(h);
        if (present == 0 && !t_empty) t_empty = t;
        if (pointing == 0 && !t_nodead) t_nodead = t;
        return;
    }
    if ((h->nlmsg_type != RTM_NEWROUTE && h->nlmsg_type != RTM_DELROUTE) || !route_idx(h, &i, &d, &nh, &id)) return;
    events++;
    t_lastev = t;
    bool add = h->nlmsg_type == RTM_NEWROUTE;
    // a replace arrives as NEWROUTE; a delete of one next hop variant followed by an add is handled by reference
    // counting per prefix
    if (add) {
        if (h->nlmsg_flags & NLM_F_REPLACE)
            cnth[i] = cnth[i] ? cnth[i] : 1;
        else if (cnth[i] < 255)
            cnth[i]++;
    } else if (cnth[i])
        cnth[i]--;
    bool p = cnth[i] > 0;
    if (p != has[i]) {
        has[i] = p;
        present += p ? 1 : -1u;
    }
    // The route's object, or none: what points at the dead next hop by an object is counted there.
    u32 now = !p ? 0 : add ? id : rnh[i];
    if (now != rnh[i]) {
        struct obj *a = find(rnh[i]), *b = find(now);
        if (a && rnh[i]) {
            a->routes--;
            pointing -= a->dead;
        }
        if (b && now) {
            b->routes++;
            pointing += b->dead;
        }
        rnh[i] = now;
    }
    bool v = p && !now && (add ? d : (d ? false : viad[i]));
    if (v != viad[i]) {
        viad[i] = v;
        pointing += v ? 1 : -1u;
    }
    if (present > maxpresent) maxpresent = present;
    if (present == N && !t_full) t_full = t;
    if (present == N / 2 && !t_half) t_half = t;
    if (present == 0 && !t_empty) t_empty = t;
    if (pointing == 0 && !t_nodead) t_nodead = t;
}
static int watch(void) {
    has = calloc(N, 1);
    viad = calloc(N, 1);
    cnth = calloc(N, 1);
    rnh = calloc(N, sizeof *rnh);
    int f = nlsock(RTMGRP_IPV4_ROUTE), group = RTNLGRP_NEXTHOP;
    setsockopt(f, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group);
    dump_objs();
    char line[64];
    bool marked = false;
    char what[16] = "";
    u64 tm = 0;
    fcntl(0, F_SETFL, fcntl(0, F_GETFL) | O_NONBLOCK);
    (void)tm;
    printf("{\"ev\":\"ready\"}\n");
    fflush(stdout);
    u64 deadline = 0, lastdump = 0;
    for (;;) {
        struct pollfd p[2] = {{f, POLLIN, 0}, {0, POLLIN, 0}};
        poll(p, 2, marked && !strcmp(what, "via") ? 5 : 100);
        if (p[0].revents)
            for (int k = 0; k < 64; k++) {
                ssize_t n = recv(f, rb, sizeof rb, MSG_DONTWAIT);
                if (n < 0) {
                    if (errno == ENOBUFS) {
                        overruns++;
                        continue;
                    }
                    break;
                }
                u64 t = now_ns();
                for (struct nlmsghdr *h = (void *)rb; NLMSG_OK(h, (u32)n); h = NLMSG_NEXT(h, n)) apply(h, t);
            }
        if (p[1].revents) {
            ssize_t n = read(0, line, sizeof line - 1);
            if (n == 0) return 0;
            if (n > 0) {
                line[n] = 0;
                if (!strncmp(line, "quit", 4)) return 0;
                if (sscanf(line, "mark %15s", what) == 1) {
                    marked = true;
                    t_full = t_half = t_empty = t_nodead = 0;
                    events = overruns = 0;
                    deadline = lastdump = 0;
                    tm = now_ns();
                    if (!strcmp(what, "via")) {
                        u32 a, b, c;
                        dump(&a, &b, &c);
                        printf(
                            "{\"ev\":\"before\",\"routes\":%u,\"via_dead\":%u,\"multipath\":%u,\"pointing_seen\":%u}\n",
                            a, b, c, pointing);
                        fflush(stdout);
                    }
                }
            }
        }
        if (!marked) continue;
        u64 now = now_ns(), hit = !strcmp(what, "add") ? t_full : !strcmp(what, "del") ? t_empty : t_nodead;
        const char *src = "events";
        // FRR may swap a shared next-hop object without touching the routes: for "via" also look at dumps (every 20 ms)
        if (!strcmp(what, "via") && !hit && now - lastdump > 20000000ull) {
            u32 a, b, c;
            dump(&a, &b, &c);
            lastdump = now_ns();
            if (a && !b) {
                hit = now;
                src = "dump";
            }
        }
        if (overruns && !hit && now - lastdump > 50000000ull) {
            u32 a, b, c;
            dump(&a, &b, &c);
            lastdump = now_ns();
            src = "dump";
            if ((!strcmp(what, "add") && a == N) || (!strcmp(what, "del") && a == 0)) hit = now;
        }
        if (hit && !deadline) deadline = hit + 300000000ull;
        if (hit && now > deadline) {
            u32 a, b, c;
            dump(&a, &b, &c);
            marked = false;
            printf(
                "{\"ev\":\"hit\",\"what\":\"%s\",\"t_ns\":%llu,\"half_ns\":%llu,\"by\":\"%s\",\"events\":%llu,"
                "\"overruns\":%llu,\"last_ns\":%llu,\"routes\":%u,\"via_dead\":%u,\"multipath\":%u,\"cpu_s\":%.4f}\n",
                what, (unsigned long long)hit, (unsigned long long)t_half, src, (unsigned long long)events,
                (unsigned long long)overruns, (unsigned long long)t_lastev, a, b, c, cpu_s());
            fflush(stdout);
        }
    }
}
int main(int c, char **v) {
    if (c >= 4 && (!strcmp(v[1], "add") || !strcmp(v[1], "del")))
        return bulk(v[1][0] == 'a', (u32)atoi(v[2]), v[3], c > 4 ? (u32)atoi(v[4]) : 512, c > 5 ? (u32)atoi(v[5]) : 0);
    N = 262144;
    if (c >= 2 && !strcmp(v[1], "count")) {
        dead = c > 2 ? inet_addr(v[2]) : 0;
        u32 a, b, m;
        dump_objs();
        u64 t = now_ns();
        dump(&a, &b, &m);
        printf("{\"ev\":\"count\",\"routes\":%u,\"via\":%u,\"multipath\":%u,\"dump_s\":%.6f}\n", a, b, m,
               (now_ns() - t) * 1e-9);
        return 0;
    }
    if (c >= 4 && !strcmp(v[1], "watch")) {
        N = (u32)atoi(v[2]);
        dead = inet_addr(v[3]);
        return watch();
    }
    fprintf(stderr, "usage: see the head of nlroutes.c\n");
    return 2;
}
