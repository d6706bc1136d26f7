// pathcost: cost of the network path between two namespaces with no scheduler in the way. One thread holds a socket in
// either namespace; a veth path is worked off inside the sender's system call (softirq on the same CPU), so the time of
// a round trip and the thread's CPU time are the path itself plus two sends and two receives. Much steadier than two
// processes on a shared machine.
//   pathcost NSA NSB IPB rr-udp|rr-tcp|pps|stream N [SIZE]      one line of JSON
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
static uint64_t clk(clockid_t c) {
    struct timespec t;
    clock_gettime(c, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}
static void die(const char *m) {
    perror(m);
    exit(1);
}
static void ns(const char *p) {
    int f = open(p, O_RDONLY);
    if (f < 0 || setns(f, CLONE_NEWNET)) die(p);
    close(f);
}
static int cmp(const void *a, const void *b) {
    uint64_t x = *(uint64_t *)a, y = *(uint64_t *)b;
    return (x > y) - (x < y);
}
static int one(int s, char *b, int want, int got) {
    while (got < want) {
        ssize_t r = recv(s, b, want, MSG_DONTWAIT);
        if (r > 0)
            got += r;
        else if (errno == EAGAIN) {
            struct pollfd p = {s, POLLIN, 0};
            if (poll(&p, 1, 1000) == 0) return -1;
        } else
            die("recv");
    }
    return got;
}
int main(int c, char **v) {
    if (c < 6) {
        fprintf(stderr, "usage\n");
        return 2;
    }
    int tcp = strcmp(v[4], "rr-udp") && strcmp(v[4], "pps"), n = atoi(v[5]), size = c > 6 ? atoi(v[6]) : 64, on = 1;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(7777)};
    ns(v[2]);
    int l = socket(AF_INET, tcp ? SOCK_STREAM : SOCK_DGRAM, 0), B = l;
    setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &on, 4);
    if (bind(l, (void *)&a, sizeof a)) die("bind");
    if (tcp && listen(l, 4)) die("listen");
    ns(v[1]);
    int A = socket(AF_INET, tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
    a.sin_addr.s_addr = inet_addr(v[3]);
    if (connect(A, (void *)&a, sizeof a)) die("connect");
    char *b = calloc(1, 1 << 20);
    if (tcp) {
        B = accept(l, 0, 0);
        setsockopt(A, 6, TCP_NODELAY, &on, 4);
        setsockopt(B, 6, TCP_NODELAY, &on, 4);
    } else {
        struct sockaddr_in f;
        socklen_t fl = sizeof f;
        send(A, b, 8, 0);
        struct pollfd p = {B, POLLIN, 0};
        if (poll(&p, 1, 2000) <= 0) {
            send(A, b, 8, 0);
            poll(&p, 1, 2000);
        }
        if (recvfrom(B, b, 8, 0, (void *)&f, &fl) < 0 || connect(B, (void *)&f, fl)) die("udp");
    }
    uint64_t *t = calloc(n, 8), lost = 0;
    uint64_t w0 = clk(CLOCK_MONOTONIC), c0 = clk(CLOCK_THREAD_CPUTIME_ID), bytes = 0;
    if (!strcmp(v[4], "stream")) { // n MiB through one connection
        fcntl(A, F_SETFL, O_NONBLOCK);
        uint64_t want = (uint64_t)n << 20, sent = 0;
        while (bytes < want) {
            ssize_t s = sent < want ? send(A, b, 131072, MSG_NOSIGNAL) : -1;
            if (s > 0) sent += s;
            ssize_t r = recv(B, b, 1 << 20, MSG_DONTWAIT);
            if (r > 0)
                bytes += r;
            else if (s <= 0) {
                struct pollfd p[2] = {{A, sent < want ? POLLOUT : 0, 0}, {B, POLLIN, 0}};
                poll(p, 2, 1000);
            }
        }
    } else
        for (int i = 0; i < n; i++) {
            uint64_t x = clk(CLOCK_MONOTONIC);
            if (send(A, b, size, 0) < 0) die("send");
            if (one(B, b, size, 0) < 0) {
                lost++;
                continue;
            }
            if (v[4][0] == 'r') {
                if (send(B, b, size, 0) < 0) die("send");
                if (one(A, b, size, 0) < 0) {
                    lost++;
                    continue;
                }
            }
            t[i] = clk(CLOCK_MONOTONIC) - x;
        }
    uint64_t w = clk(CLOCK_MONOTONIC) - w0, cc = clk(CLOCK_THREAD_CPUTIME_ID) - c0;
    if (bytes)
        printf("{\"mode\":\"stream\",\"gbit_s_wall\":%.3f,\"cpu_ns_per_kib\":%.2f}\n", bytes * 8.0 / w,
               cc / (bytes / 1024.0));
    else {
        qsort(t, n, 8, cmp);
        printf("{\"mode\":\"%s\",\"p10_us\":%.3f,\"p50_us\":%.3f,\"p90_us\":%.3f,\"p99_us\":%.3f,\"cpu_us\":%.3f,"
               "\"lost\":%llu}\n",
               v[4], t[n / 10] / 1e3, t[n / 2] / 1e3, t[n * 9 / 10] / 1e3, t[(int)(n * .99)] / 1e3, cc / 1e3 / n,
               (unsigned long long)lost);
    }
    return 0;
}
