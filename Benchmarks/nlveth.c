// nlveth: the floor for a routed-veth CNI plugin. It does the least kernel work such a plugin needs (no library, raw
// netlink) and serves two purposes: as a CNI plugin (when CNI_COMMAND is set) measured by cnibench.py next to real
// plugins, and as an in-process loop (`nlveth loop [options]`) that splits the time into phases.
//   plugin mode: the address comes from CNI_ARGS IP=a.b.c.d, or, if the conf has "dataDir":"DIR" and
//   "subnet":"a.b.c.d/n", from symlinks DIR/<ip> -> <container id> (one atomic system call per allocation).  "delMode":
//   sync (default) | down | group | fork This is a measuring tool, not a plugin to deploy: it parses JSON by strstr and
//   has no GC, STATUS or error codes of the spec.
// build: cc -O2 -static -o nlveth nlveth.c
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <netinet/ip_icmp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GW_HTON htonl(0xa9fe0101u) /* 169.254.1.1 */
static const uint8_t HOSTMAC[6] = {0xee, 0xee, 0xee, 0xee, 0xee, 0xee};
enum {
    O_NOV6 = 1,
    O_NEIGH = 2,
    O_PROXYARP = 4,
    O_ONEQ = 8,
    O_ECHO = 16,
    O_SYSCTL = 32,
    O_NOPEERNS = 64,
    O_KEEPDELAY = 128,
    O_UPLAST = 256
};
static int opts = O_PROXYARP;
static char errbuf[256];

typedef struct {
    char b[8192];
    size_t n;
    struct nlmsghdr *h;
    uint32_t seq;
} batch;
static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}
static void *msg(batch *B, uint16_t type, uint16_t flags, const void *hdr, size_t hl) {
    B->h = (struct nlmsghdr *)(B->b + B->n);
    memset(B->h, 0, sizeof *B->h);
    B->h->nlmsg_type = type;
    B->h->nlmsg_flags = NLM_F_REQUEST | flags;
    B->h->nlmsg_seq = ++B->seq;
    memcpy(NLMSG_DATA(B->h), hdr, hl);
    B->h->nlmsg_len = NLMSG_LENGTH(hl);
    B->n += NLMSG_ALIGN(B->h->nlmsg_len);
    return B->h;
}
static struct rtattr *attr(batch *B, uint16_t type, const void *d, size_t l) {
    struct rtattr *a = (struct rtattr *)(B->b + B->n);
    a->rta_type = type;
    a->rta_len = RTA_LENGTH(l);
    if (l) memcpy(RTA_DATA(a), d, l);
    B->n += RTA_ALIGN(a->rta_len);
    B->h->nlmsg_len = (char *)B->b + B->n - (char *)B->h;
    return a;
}
static struct rtattr *open_nest(batch *B, uint16_t t) { return attr(B, t, NULL, 0); }
static void close_nest(batch *B, struct rtattr *a) { a->rta_len = (char *)B->b + B->n - (char *)a; }
static void u32(batch *B, uint16_t t, uint32_t v) { attr(B, t, &v, 4); }
static void strz(batch *B, uint16_t t, const char *s) { attr(B, t, s, strlen(s) + 1); }

// sends the batch, waits for the ack of the last message; the first error wins. *idx gets the ifindex of an echoed
// link.
static int talk(int fd, batch *B, int *idx) {
    B->h->nlmsg_flags |= NLM_F_ACK;
    uint32_t last = B->h->nlmsg_seq;
    if (send(fd, B->b, B->n, 0) < 0) return -errno;
    int rc = 0;
    char r[16384];
    for (;;) {
        ssize_t n = recv(fd, r, sizeof r, 0);
        if (n < 0) return -errno;
        for (struct nlmsghdr *h = (void *)r; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
            if (h->nlmsg_type == RTM_NEWLINK && idx) *idx = ((struct ifinfomsg *)NLMSG_DATA(h))->ifi_index;
            if (h->nlmsg_type != NLMSG_ERROR) continue;
            int e = ((struct nlmsgerr *)NLMSG_DATA(h))->error;
            if (e && !rc) {
                rc = e;
                snprintf(errbuf, sizeof errbuf, "message %u of %u", h->nlmsg_seq, last);
            }
            if (h->nlmsg_seq == last) {
                B->n = 0;
                return rc;
            }
        }
    }
}
static int nlsock(void) {
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), one = 1;
    setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof one);
    return fd;
}
static void afspec(batch *B, int v6none, int parp) {
    struct rtattr *s = open_nest(B, IFLA_AF_SPEC | NLA_F_NESTED);
    if (parp) {
        struct rtattr *i = open_nest(B, AF_INET | NLA_F_NESTED), *c = open_nest(B, IFLA_INET_CONF | NLA_F_NESTED);
        u32(B, 3 /* IPV4_DEVCONF_PROXY_ARP */, 1);
        close_nest(B, c);
        close_nest(B, i);
    }
    if (v6none) {
        struct rtattr *i = open_nest(B, AF_INET6 | NLA_F_NESTED);
        uint8_t m = 1; /* IN6_ADDR_GEN_MODE_NONE */
        attr(B, IFLA_INET6_ADDR_GEN_MODE, &m, 1);
        close_nest(B, i);
    }
    close_nest(B, s);
}
static void route(batch *B, uint32_t dst, int len, uint32_t gw, int oif) {
    struct rtmsg m = {.rtm_family = AF_INET,
                      .rtm_dst_len = len,
                      .rtm_table = RT_TABLE_MAIN,
                      .rtm_protocol = RTPROT_BOOT,
                      .rtm_scope = gw ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
                      .rtm_type = RTN_UNICAST};
    msg(B, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &m, sizeof m);
    if (len) u32(B, RTA_DST, dst);
    if (gw) u32(B, RTA_GATEWAY, gw);
    u32(B, RTA_OIF, oif);
}
static void neigh(batch *B, uint32_t ip, const uint8_t *mac, int idx) {
    struct ndmsg m = {.ndm_family = AF_INET, .ndm_ifindex = idx, .ndm_state = NUD_PERMANENT};
    msg(B, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &m, sizeof m);
    u32(B, NDA_DST, ip);
    attr(B, NDA_LLADDR, mac, 6);
}
static uint64_t ph[12];
#define PH(i) ph[i] = now()

// hs: netlink socket of the host netns, nsfd: target netns. Two sendmsg in all (three with O_ECHO). Leaves the thread
// in the pod's netns: the host socket stays bound to the host's, so there is no need to go back.
static int add(int hs, int nsfd, const char *hostif, const char *podif, uint32_t ip, int mtu, uint32_t hidx,
               int hostfd) {
    static batch H, P;
    H.n = P.n = 0;
    int pidx = (opts & O_NOPEERNS) ? (int)hidx + 0x100000 : 2, rc;
    uint8_t pmac[6] = {0x02, 0, 0, 0, 0, 0};
    memcpy(pmac + 2, &ip, 4);
    PH(0);
    struct ifinfomsg m = {.ifi_family = AF_UNSPEC,
                          .ifi_index = (opts & O_ECHO) ? 0 : (int)hidx,
                          .ifi_flags = IFF_UP,
                          .ifi_change = IFF_UP};
    msg(&H, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | ((opts & O_ECHO) ? NLM_F_ECHO : 0), &m, sizeof m);
    strz(&H, IFLA_IFNAME, hostif);
    u32(&H, IFLA_MTU, mtu);
    attr(&H, IFLA_ADDRESS, HOSTMAC, 6);
    // without these, veth makes one queue per possible CPU, then reduces the real number to 1, which waits for an
    // (expedited) RCU grace period per end while the RTNL is held
    if (opts & O_ONEQ) {
        u32(&H, IFLA_NUM_TX_QUEUES, 1);
        u32(&H, IFLA_NUM_RX_QUEUES, 1);
    }
    struct rtattr *li = open_nest(&H, IFLA_LINKINFO | NLA_F_NESTED);
    strz(&H, IFLA_INFO_KIND, "veth");
    struct rtattr *d = open_nest(&H, IFLA_INFO_DATA | NLA_F_NESTED), *pi = open_nest(&H, VETH_INFO_PEER | NLA_F_NESTED);
    struct ifinfomsg pm = {.ifi_family = AF_UNSPEC, .ifi_index = (opts & O_ECHO) ? 0 : pidx};
    memcpy(H.b + H.n, &pm, sizeof pm);
    H.n += NLMSG_ALIGN(sizeof pm);
    strz(&H, IFLA_IFNAME, podif);
    u32(&H, IFLA_MTU, mtu);
    attr(&H, IFLA_ADDRESS, pmac, 6);
    if (!(opts & O_NOPEERNS)) u32(&H, IFLA_NET_NS_FD, nsfd);
    if (opts & O_ONEQ) {
        u32(&H, IFLA_NUM_TX_QUEUES, 1);
        u32(&H, IFLA_NUM_RX_QUEUES, 1);
    }
    close_nest(&H, pi);
    close_nest(&H, d);
    close_nest(&H, li);
    H.h->nlmsg_len = (char *)H.b + H.n - (char *)H.h;
    if (opts & O_ECHO) {
        int got = 0;
        if ((rc = talk(hs, &H, &got))) return rc;
        hidx = got;
    }
    if (opts & (O_NOV6 | O_PROXYARP) && !((opts & O_SYSCTL) && !(opts & O_NOV6))) {
        struct ifinfomsg s = {.ifi_family = AF_UNSPEC, .ifi_index = (int)hidx};
        msg(&H, RTM_SETLINK, 0, &s, sizeof s);
        afspec(&H, opts & O_NOV6, (opts & O_PROXYARP) && !(opts & O_SYSCTL));
    }
    if ((opts & O_PROXYARP) &&
        !(opts & O_KEEPDELAY)) { // proxied ARP replies wait up to 0.8 s at random unless proxy_delay is 0
        struct ndtmsg nt = {.ndtm_family = AF_INET};
        msg(&H, RTM_SETNEIGHTBL, 0, &nt, sizeof nt);
        strz(&H, NDTA_NAME, "arp_cache");
        struct rtattr *np = open_nest(&H, NDTA_PARMS | NLA_F_NESTED);
        uint64_t z = 0;
        u32(&H, NDTPA_IFINDEX, hidx);
        attr(&H, NDTPA_PROXY_DELAY, &z, 8);
        close_nest(&H, np);
    }
    if (opts & O_NOPEERNS) { // for comparison: both ends made here, then one moved, as some plugins do
        struct ifinfomsg mv = {.ifi_family = AF_UNSPEC, .ifi_index = pidx};
        msg(&H, RTM_SETLINK, 0, &mv, sizeof mv);
        u32(&H, IFLA_NET_NS_FD, nsfd);
    }
    route(&H, ip, 32, 0, hidx);
    if (opts & O_NEIGH) neigh(&H, ip, pmac, hidx);
    if ((rc = talk(hs, &H, NULL))) return rc;
    PH(1);
    if (opts & O_SYSCTL) { // the usual way, to be compared with the netlink attribute
        char p[128];
        snprintf(p, sizeof p, "/proc/sys/net/ipv4/conf/%s/proxy_arp", hostif);
        int f = open(p, O_WRONLY);
        if (f < 0 || write(f, "1", 1) != 1) return -errno;
        close(f);
    }
    if (setns(nsfd, CLONE_NEWNET)) return -errno;
    int ps = nlsock();
    PH(2);
    if (opts & O_ECHO) pidx = if_nametoindex(podif);
    struct ifinfomsg u = {.ifi_family = AF_UNSPEC, .ifi_index = pidx, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    msg(&P, RTM_NEWLINK, 0, &u, sizeof u);
    if (opts & O_NOV6) afspec(&P, 1, 0);
    struct ifaddrmsg am = {
        .ifa_family = AF_INET, .ifa_prefixlen = 32, .ifa_scope = RT_SCOPE_UNIVERSE, .ifa_index = pidx};
    msg(&P, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &am, sizeof am);
    u32(&P, IFA_LOCAL, ip);
    u32(&P, IFA_ADDRESS, ip);
    route(&P, GW_HTON, 32, 0, pidx);
    route(&P, 0, 0, GW_HTON, pidx);
    if (opts & O_NEIGH) neigh(&P, GW_HTON, HOSTMAC, pidx);
    rc = talk(ps, &P, NULL);
    close(ps);
    PH(3);
    if (hostfd >= 0) setns(hostfd, CLONE_NEWNET);
    PH(4);
    return rc;
}
static int dellink(int s, const char *name, uint32_t group) {
    static batch B;
    B.n = 0;
    struct ifinfomsg m = {.ifi_family = AF_UNSPEC};
    msg(&B, RTM_DELLINK, 0, &m, sizeof m);
    if (name)
        strz(&B, IFLA_IFNAME, name);
    else
        u32(&B, IFLA_GROUP, group);
    return talk(s, &B, NULL);
}
// takes the pod off the network without waiting for an RCU grace period of the unregister path: link down (flushes its
// routes)
static int downlink(int s, const char *name, uint32_t group, int down) {
    static batch B;
    B.n = 0;
    struct ifinfomsg m = {.ifi_family = AF_UNSPEC, .ifi_flags = 0, .ifi_change = down ? IFF_UP : 0};
    msg(&B, RTM_SETLINK, 0, &m, sizeof m);
    strz(&B, IFLA_IFNAME, name);
    if (group) u32(&B, IFLA_GROUP, group);
    return talk(s, &B, NULL);
}
static int delroute(int s, uint32_t ip) {
    static batch B;
    B.n = 0;
    struct rtmsg m = {
        .rtm_family = AF_INET, .rtm_dst_len = 32, .rtm_table = RT_TABLE_MAIN, .rtm_scope = RT_SCOPE_NOWHERE};
    msg(&B, RTM_DELROUTE, 0, &m, sizeof m);
    u32(&B, RTA_DST, ip);
    return talk(s, &B, NULL);
}

static int cmp(const void *a, const void *b) {
    uint64_t x = *(uint64_t *)a, y = *(uint64_t *)b;
    return (x > y) - (x < y);
}
static void pct(const char *what, uint64_t *v, int n) {
    qsort(v, n, 8, cmp);
    printf("  %-34s p50 %8.1f  p90 %8.1f  p99 %8.1f  max %8.1f us\n", what, v[n / 2] / 1e3, v[n * 9 / 10] / 1e3,
           v[n * 99 / 100] / 1e3, v[n - 1] / 1e3);
}

// from the end of ADD to the first answered echo request, one request every 20 us; ns, or 0 after 1.5 s
static uint64_t until_reply(int s, uint32_t ip, uint16_t id) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = ip};
    uint64_t a = now();
    struct timespec w = {0, 20000};
    for (int k = 0; now() - a < 1500000000ull; k++) {
        struct {
            struct icmphdr h;
            char d[8];
        } p = {.h = {.type = ICMP_ECHO, .un.echo = {.id = id, .sequence = k}}};
        uint32_t sum = 0;
        uint16_t *q = (void *)&p;
        for (size_t i = 0; i < sizeof p / 2; i++) sum += q[i];
        sum = (sum >> 16) + (sum & 0xffff);
        sum += sum >> 16;
        p.h.checksum = ~sum;
        sendto(s, &p, sizeof p, 0, (void *)&to, sizeof to);
        nanosleep(&w, NULL);
        char b[256];
        ssize_t r;
        while ((r = recv(s, b, sizeof b, MSG_DONTWAIT)) > 0) {
            struct icmphdr *h = (void *)(b + (b[0] & 15) * 4);
            if (h->type == ICMP_ECHOREPLY && h->un.echo.id == id) return now() - a;
        }
    }
    return 0;
}

static int loop(int argc, char **argv) {
    int n = 200, ready = 0, lost = 0, alt = 0, settle = 0;
    const char *del = "sync";
    for (int i = 0; i < argc; i++) {
        if (!strcmp(argv[i], "-n"))
            n = atoi(argv[++i]);
        else if (!strcmp(argv[i], "nov6"))
            opts |= O_NOV6;
        else if (!strcmp(argv[i], "neigh"))
            opts = (opts | O_NEIGH) & ~O_PROXYARP;
        else if (!strcmp(argv[i], "oneq"))
            opts |= O_ONEQ;
        else if (!strcmp(argv[i], "echo"))
            opts |= O_ECHO;
        else if (!strcmp(argv[i], "settle"))
            settle = 1; // 3 ms of rest after each ADD, so that its after-work is not in the next one
        else if (!strcmp(argv[i], "alt=oneq"))
            alt = O_ONEQ; // every other ADD has the option: the two are compared in the same run
        else if (!strcmp(argv[i], "alt=move"))
            alt = O_NOPEERNS;
        else if (!strcmp(argv[i], "alt=nov6"))
            alt = O_NOV6;
        else if (!strcmp(argv[i], "alt=echo"))
            alt = O_ECHO;
        else if (!strcmp(argv[i], "alt=sysctl"))
            alt = O_SYSCTL;
        else if (!strcmp(argv[i], "alt=neigh"))
            alt = O_NEIGH | O_PROXYARP;
        else if (!strcmp(argv[i], "ready"))
            ready = 1;
        else if (!strcmp(argv[i], "readydefroute"))
            ready = 2;
        else if (!strcmp(argv[i], "noproxydelay"))
            opts |= O_KEEPDELAY;
        else if (!strcmp(argv[i], "upfirst"))
            opts |= O_UPLAST;
        else if (!strcmp(argv[i], "sysctl"))
            opts |= O_SYSCTL;
        else if (!strncmp(argv[i], "del=", 4))
            del = argv[i] + 4;
        else {
            fprintf(stderr, "unknown: %s\n", argv[i]);
            return 2;
        }
    }
    if (unshare(CLONE_NEWNET)) {
        perror("unshare");
        return 1;
    }
    int host = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    int *ns = calloc(n, sizeof *ns);
    uint64_t *t[8];
    for (int i = 0; i < 8; i++) t[i] = calloc(n, 8);
    for (int i = 0; i < n; i++) {
        uint64_t a = now();
        if (unshare(CLONE_NEWNET)) {
            perror("unshare");
            return 1;
        }
        t[7][i] = now() - a;
        ns[i] = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    }
    setns(host, CLONE_NEWNET);
    int hs = nlsock();
    {
        batch B = {.n = 0};
        struct ifinfomsg u = {.ifi_index = 1, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
        msg(&B, RTM_NEWLINK, 0, &u, sizeof u);
        struct ifaddrmsg am = {.ifa_family = AF_INET, .ifa_prefixlen = 32, .ifa_index = 1};
        uint32_t me = htonl(0xc0000201u);
        msg(&B, RTM_NEWADDR, NLM_F_CREATE, &am, sizeof am);
        u32(&B, IFA_LOCAL, me);
        u32(&B, IFA_ADDRESS, me);
        if (ready > 1)
            route(&B, 0, 0, 0, 1); // proxy ARP answers only for addresses the node has a route to by another interface
        talk(hs, &B, NULL);
        int f = open("/proc/sys/net/ipv4/ip_forward", O_WRONLY | O_CLOEXEC);
        if (f >= 0) {
            if (write(f, "1", 1)) {}
            close(f);
        }
    }
    int icmp = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
    for (int i = 0; i < n; i++) {
        char h[16];
        snprintf(h, sizeof h, "cali%08x", i);
        if (alt && i) opts ^= alt;
        if (settle) {
            struct timespec w = {0, 3000000};
            nanosleep(&w, NULL);
        }
        int rc = add(hs, ns[i], h, "eth0", htonl(0x0a630000u + 2 + i), 1500, 0x1000 + i, host);
        if (rc) {
            fprintf(stderr, "add %d: %s (%s)\n", i, strerror(-rc), errbuf);
            return 1;
        }
        if (ready) {
            t[6][i] = until_reply(icmp, htonl(0x0a630000u + 2 + i), i);
            if (!t[6][i]) lost++;
        }
        t[0][i] = ph[4] - ph[0];
        t[1][i] = ph[1] - ph[0];
        t[2][i] = ph[2] - ph[1];
        t[3][i] = ph[3] - ph[2];
        t[4][i] = ph[4] - ph[3];
    }
    uint64_t g0 = now();
    for (int i = 0; i < n; i++) {
        char h[16];
        snprintf(h, sizeof h, "cali%08x", i);
        uint64_t a = now();
        int rc = 0;
        if (!strcmp(del, "sync"))
            rc = dellink(hs, h, 0);
        else if (!strcmp(del, "down"))
            rc = downlink(hs, h, 0, 1);
        else if (!strcmp(del, "group"))
            rc = downlink(hs, h, 77, 1);
        else if (!strcmp(del, "groupup"))
            rc = downlink(hs, h, 77, 0);
        else if (!strcmp(del, "route"))
            rc = delroute(hs, htonl(0x0a630000u + 2 + i));
        else if (!strcmp(del, "peer")) {
            setns(ns[i], CLONE_NEWNET);
            int s = nlsock();
            rc = dellink(s, "eth0", 0);
            close(s);
            setns(host, CLONE_NEWNET);
        }
        t[5][i] = now() - a;
        if (rc) {
            fprintf(stderr, "del %d: %s\n", i, strerror(-rc));
            return 1;
        }
    }
    uint64_t g1 = now(), g2 = g1;
    if (!strncmp(del, "group", 5)) {
        int rc = dellink(hs, NULL, 77);
        g2 = now();
        if (rc) fprintf(stderr, "group del: %s\n", strerror(-rc));
    }
    printf("loop n=%d opts=%d del=%s\n", n, opts, del);
    if (alt) {
        uint64_t *e = calloc(n, 8);
        int k[2] = {0, 0};
        for (int par = 0; par < 2; par++) {
            for (int i = par; i < n; i += 2) e[k[par]++] = t[0][i];
            char w[64];
            snprintf(w, sizeof w, "ADD total, opts %d", (n - 1) % 2 == par ? opts : opts ^ alt);
            pct(w, e, k[par]);
        }
    }
    pct("ADD total", t[0], n);
    pct(" host batch (veth+route)", t[1], n);
    pct(" setns+socket", t[2], n);
    pct(" pod batch (up,addr,routes)", t[3], n);
    pct(" setns back", t[4], n);
    pct("DEL", t[5], n);
    pct("(netns create, not in ADD)", t[7], n);
    if (ready) {
        pct("end of ADD to first echo reply", t[6], n);
        printf("  no reply in 1.5 s: %d\n", lost);
    }
    printf("  all DELs %.1f ms; one group delete of all %.1f ms (%.1f us each)\n", (g1 - g0) / 1e6, (g2 - g1) / 1e6,
           (g2 - g1) / 1e3 / n);
    return 0;
}

static const char *field(const char *conf, const char *key, char *out, size_t cap) {
    char k[64];
    snprintf(k, sizeof k, "\"%s\"", key);
    const char *p = strstr(conf, k);
    if (!p) return NULL;
    p = strchr(p + strlen(k), ':');
    if (!p) return NULL;
    while (*++p == ' ' || *p == '"')
        ;
    size_t i = 0;
    while (p[i] && p[i] != '"' && p[i] != ',' && p[i] != '}' && i + 1 < cap) {
        out[i] = p[i];
        i++;
    }
    out[i] = 0;
    return out;
}
static int fail(int code, const char *m, int e) {
    char o[512];
    int k = snprintf(o, sizeof o, "{\"cniVersion\":\"1.0.0\",\"code\":%d,\"msg\":\"%s: %s %s\"}\n", code, m,
                     strerror(e), errbuf);
    if (write(1, o, k)) {}
    return 1;
}
static uint64_t hash(const char *s) {
    uint64_t h = 1469598103934665603ull;
    while (*s) h = (h ^ (uint8_t)*s++) * 1099511628211ull;
    return h;
}

int main(int argc, char **argv) {
    const char *cmd = getenv("CNI_COMMAND");
    if (!cmd)
        return argc > 1 && !strcmp(argv[1], "loop")
                   ? loop(argc - 2, argv + 2)
                   : (fputs("usage: nlveth loop [-n N] [nov6] [neigh] [oneq: no RCU wait in veth creation] [echo] "
                            "[sysctl] [ready] [noproxydelay] [del=sync|peer|down|group|groupup|route]\n",
                            stderr),
                      2);
    static char conf[65536];
    size_t cl = 0;
    ssize_t r;
    while ((r = read(0, conf + cl, sizeof conf - 1 - cl)) > 0) cl += r;
    if (!strcmp(cmd, "VERSION")) {
        static const char v[] = "{\"cniVersion\":\"1.0.0\",\"supportedVersions\":[\"0.4.0\",\"1.0.0\"]}\n";
        return write(1, v, sizeof v - 1) < 0;
    }
    const char *id = getenv("CNI_CONTAINERID"), *netns = getenv("CNI_NETNS"), *ifn = getenv("CNI_IFNAME"),
               *args = getenv("CNI_ARGS");
    char dir[256] = "", sub[64] = "", mode[16] = "sync", o[256] = "", hostif[16], ipstr[64] = "";
    field(conf, "dataDir", dir, sizeof dir);
    field(conf, "subnet", sub, sizeof sub);
    field(conf, "delMode", mode, sizeof mode);
    field(conf, "options", o, sizeof o);
    if (strstr(o, "nov6")) opts |= O_NOV6;
    if (strstr(o, "neigh")) opts = (opts | O_NEIGH) & ~O_PROXYARP;
    if (strstr(o, "echo")) opts |= O_ECHO;
    if (strstr(o, "oneq")) opts |= O_ONEQ;
    uint64_t hv = hash(id ? id : "");
    snprintf(hostif, sizeof hostif, "cali%011llx", (unsigned long long)(hv & 0xfffffffffffull));
    uint32_t ip = 0, base = 0, size = 0;
    if (*sub) {
        char *s = strchr(sub, '/');
        int pl = s ? atoi(s + 1) : 24;
        if (s) *s = 0;
        base = ntohl(inet_addr(sub));
        size = 1u << (32 - pl);
    }
    if (args && strstr(args, "IP=")) {
        const char *p = strstr(args, "IP=") + 3;
        size_t i = 0;
        while (p[i] && p[i] != ';' && i < 15) {
            ipstr[i] = p[i];
            i++;
        }
        ip = inet_addr(ipstr);
    }
    int dfd = *dir ? open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    int is_add = !strcmp(cmd, "ADD");
    if (dfd >= 0 && size &&
        !ip) { // O(1) file IPAM: the search starts at hash(container id); a symlink is made and filled in one call
        for (uint32_t k = 0; k < size - 3; k++) {
            uint32_t a = base + 2 + (uint32_t)((hv + k) % (size - 3));
            struct in_addr ia = {htonl(a)};
            char b[128];
            inet_ntop(AF_INET, &ia, ipstr, sizeof ipstr);
            if (is_add) {
                if (!symlinkat(id, dfd, ipstr)) {
                    ip = ia.s_addr;
                    break;
                }
                if (errno != EEXIST) return fail(11, "ipam", errno);
            } else {
                ssize_t l = readlinkat(dfd, ipstr, b, sizeof b - 1);
                if (l < 0) {
                    if (k > 64) break;
                    continue;
                }
                b[l] = 0;
                if (!strcmp(b, id)) {
                    ip = ia.s_addr;
                    break;
                }
            }
        }
    }
    if (!strcmp(cmd, "ADD")) {
        if (!ip) return fail(7, "no address", EINVAL);
        int nsfd = open(netns, O_RDONLY | O_CLOEXEC), hs = nlsock(), rc = -EEXIST;
        if (nsfd < 0) return fail(4, "netns", errno);
        for (int k = 0; k < 4 && (rc == -EEXIST || rc == -EBUSY); k++)
            rc = add(hs, nsfd, hostif, ifn, ip, 1500, 0x10000 + (uint32_t)((hv + k * 7919) % 0x3fffffff), -1);
        if (rc) {
            if (dfd >= 0) unlinkat(dfd, ipstr, 0);
            return fail(100, "netlink", -rc);
        }
        struct in_addr ia = {ip};
        char t[64], out[1024];
        inet_ntop(AF_INET, &ia, t, sizeof t);
        int k = snprintf(
            out, sizeof out,
            "{\"cniVersion\":\"1.0.0\",\"interfaces\":[{\"name\":\"%s\"},{\"name\":\"%s\",\"sandbox\":\"%s\"}],\"ips\":"
            "[{\"address\":\"%s/32\",\"gateway\":\"169.254.1.1\",\"interface\":1}],\"routes\":[{\"dst\":\"0.0.0.0/"
            "0\",\"gw\":\"169.254.1.1\"}],\"dns\":{}}\n",
            hostif, ifn, netns, t);
        return write(1, out, k) < 0;
    }
    if (!strcmp(cmd, "CHECK")) { // the host end, the address and the host route exist
        int hs = nlsock();
        static batch B;
        struct ifinfomsg m = {.ifi_family = AF_UNSPEC};
        msg(&B, RTM_GETLINK, 0, &m, sizeof m);
        strz(&B, IFLA_IFNAME, hostif);
        int rc = talk(hs, &B, NULL);
        if (rc) return fail(100, "host link", -rc);
        int nsfd = open(netns, O_RDONLY | O_CLOEXEC);
        if (nsfd < 0 || setns(nsfd, CLONE_NEWNET)) return fail(4, "netns", errno);
        int ps = nlsock();
        B.n = 0;
        msg(&B, RTM_GETLINK, 0, &m, sizeof m);
        strz(&B, IFLA_IFNAME, ifn);
        if ((rc = talk(ps, &B, NULL))) return fail(100, "pod link", -rc);
        return 0;
    }
    if (!strcmp(cmd, "DEL")) {
        int hs = nlsock(), rc = 0;
        if (dfd >= 0 && ip) unlinkat(dfd, ipstr, 0);
        if (!strcmp(mode, "sync"))
            rc = dellink(hs, hostif, 0);
        else if (!strcmp(mode, "down"))
            rc = downlink(hs, hostif, 0, 1);
        else if (!strcmp(mode, "group"))
            rc = downlink(hs, hostif, 77, 1);
        else if (!strcmp(
                     mode,
                     "fork")) { // the route goes now, the unregister is left to a child that holds none of our pipes
            rc = downlink(hs, hostif, 0, 1);
            if (!rc && fork() == 0) {
                close(0);
                close(1);
                close(2);
                setsid();
                dellink(hs, hostif, 0);
                _exit(0);
            }
        }
        if (rc && rc != -ENODEV) return fail(100, "del", -rc);
        return 0;
    }
    return fail(4, "CNI_COMMAND", EINVAL);
}
