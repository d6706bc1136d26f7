// pingpong: request/response over one TCP connection between two processes (like netperf TCP_RR).  pingpong -s PORT |
// pingpong IP PORT N SIZE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}
static int cmp(const void *a, const void *b) {
    uint64_t x = *(uint64_t *)a, y = *(uint64_t *)b;
    return (x > y) - (x < y);
}
static int full(int s, char *b, int n) {
    int g = 0;
    while (g < n) {
        ssize_t r = recv(s, b + g, n - g, 0);
        if (r <= 0) return -1;
        g += r;
    }
    return g;
}
int main(int c, char **v) {
    char b[65536] = {0};
    int on = 1;
    struct sockaddr_in a = {.sin_family = AF_INET};
    int s = socket(AF_INET, SOCK_STREAM, 0);
    if (c > 2 && !strcmp(v[1], "-s")) {
        a.sin_port = htons(atoi(v[2]));
        setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, 4);
        if (bind(s, (void *)&a, sizeof a) || listen(s, 8)) {
            perror("bind");
            return 1;
        }
        for (;;) {
            int k = accept(s, 0, 0), n;
            setsockopt(k, 6, TCP_NODELAY, &on, 4);
            if (full(k, (char *)&n, 4) == 4)
                while (full(k, b, n) > 0 && send(k, b, n, MSG_NOSIGNAL) == n)
                    ;
            close(k);
        }
    }
    if (c < 5) return 2;
    int n = atoi(v[3]), size = atoi(v[4]);
    a.sin_port = htons(atoi(v[2]));
    a.sin_addr.s_addr = inet_addr(v[1]);
    if (connect(s, (void *)&a, sizeof a)) {
        perror("connect");
        return 1;
    }
    setsockopt(s, 6, TCP_NODELAY, &on, 4);
    send(s, &size, 4, 0);
    uint64_t *t = calloc(n, 8);
    for (int i = 0; i < n; i++) {
        uint64_t x = now();
        send(s, b, size, 0);
        if (full(s, b, size) < 0) return 1;
        t[i] = now() - x;
    }
    qsort(t, n, 8, cmp);
    printf("{\"p10_us\":%.2f,\"p50_us\":%.2f,\"p90_us\":%.2f,\"p99_us\":%.2f}\n", t[n / 10] / 1e3, t[n / 2] / 1e3,
           t[n * 9 / 10] / 1e3, t[(int)(n * .99)] / 1e3);
    return 0;
}
