// cnirun: process launcher for cnibench.py. Runs CNI plugin chains the way libcni does (conf on a stdin pipe, result on
// a stdout pipe, CNI_* in the environment) and measures each plugin process from just before posix_spawn to just after
// wait4. A separate small C program, because a Python parent would add its own start cost and its RSS to the children's
// figures. Protocol (native endian, every string u32 length + bytes), from stdin to stdout, batches until end of file:
//   request:  u32 parallel, u32 njobs, njobs * { i32 hostns_fd, u32 chain, u32 nenv, env..., u32 nsteps, {path,
//   conf}... } reply:    per finished step { u32 job, u32 step, u64 t0_ns, u64 t1_ns, u32 user_us, u32 sys_us, u32
//   maxrss_kb, i32 status,
//             u32 minflt, u32 nvcsw, u32 nivcsw, str out, str err }, then u32 0xffffffff and u64 batch_wall_ns
// chain=1: the output of step k is spliced into the conf of step k+1 as prevResult (ADD). A failing step ends its job.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    char *p;
    uint32_t n;
} str;
typedef struct {
    str path, conf;
} step;
typedef struct {
    int32_t hostns;
    uint32_t chain, nenv, nsteps;
    char **env;
    step *steps;
} job;
typedef struct {
    pid_t pid;
    uint32_t job, step;
    int out, err;
    uint64_t t0;
} slot;

static void die(const char *m) {
    perror(m);
    exit(2);
}
static void rd(void *p, size_t n) {
    if (n && fread(p, 1, n, stdin) != n) die("short request");
}
static uint32_t r32(void) {
    uint32_t v;
    rd(&v, 4);
    return v;
}
static str rstr(void) {
    str s;
    s.n = r32();
    s.p = malloc(s.n + 1);
    rd(s.p, s.n);
    s.p[s.n] = 0;
    return s;
}
static void w32(uint32_t v) { fwrite(&v, 4, 1, stdout); }
static void w64(uint64_t v) { fwrite(&v, 8, 1, stdout); }
static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}
static int curns = -1;

static void start(slot *s, job *jobs, uint32_t j, uint32_t k) {
    job *jb = &jobs[j];
    step *st = &jb->steps[k];
    int in[2], out[2], err[2];
    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC)) die("pipe2");
    if (st->conf.n > 60000) { fcntl(in[1], F_SETPIPE_SZ, 1 << 20); }
    if (write(in[1], st->conf.p, st->conf.n) != (ssize_t)st->conf.n) die("write conf");
    close(in[1]);
    if (jb->hostns >= 0 && jb->hostns != curns) {
        if (setns(jb->hostns, CLONE_NEWNET)) die("setns");
        curns = jb->hostns;
    }
    posix_spawn_file_actions_t fa;
    posix_spawn_file_actions_init(&fa);
    posix_spawn_file_actions_adddup2(&fa, in[0], 0);
    posix_spawn_file_actions_adddup2(&fa, out[1], 1);
    posix_spawn_file_actions_adddup2(&fa, err[1], 2);
    char *argv[] = {st->path.p, NULL};
    s->job = j;
    s->step = k;
    s->t0 = now();
    int e = posix_spawn(&s->pid, st->path.p, &fa, NULL, argv, jb->env);
    if (e) {
        errno = e;
        die(st->path.p);
    }
    posix_spawn_file_actions_destroy(&fa);
    close(in[0]);
    close(out[1]);
    close(err[1]);
    s->out = out[0];
    s->err = err[0];
    fcntl(s->out, F_SETFL, O_NONBLOCK);
    fcntl(s->err, F_SETFL, O_NONBLOCK);
}

static str slurp(int fd) {
    str s = {malloc(4096), 0};
    size_t cap = 4096;
    ssize_t n;
    while ((n = read(fd, s.p + s.n, cap - s.n - 1)) > 0) {
        s.n += n;
        if (cap - s.n < 2) s.p = realloc(s.p, cap *= 2);
    }
    s.p[s.n] = 0;
    close(fd);
    return s;
}

int main(void) {
    uint32_t par;
    while (fread(&par, 4, 1, stdin) == 1) {
        uint32_t nj = r32();
        job *jobs = calloc(nj + 1, sizeof *jobs);
        for (uint32_t i = 0; i < nj; i++) {
            job *jb = &jobs[i];
            jb->hostns = (int32_t)r32();
            jb->chain = r32();
            jb->nenv = r32();
            jb->env = calloc(jb->nenv + 1, sizeof(char *));
            for (uint32_t k = 0; k < jb->nenv; k++) jb->env[k] = rstr().p;
            jb->nsteps = r32();
            jb->steps = calloc(jb->nsteps + 1, sizeof(step));
            for (uint32_t k = 0; k < jb->nsteps; k++) {
                jb->steps[k].path = rstr();
                jb->steps[k].conf = rstr();
            }
        }
        slot *slots = calloc(par, sizeof *slots);
        uint32_t next = 0, running = 0;
        uint64_t b0 = now();
        while (next < nj || running) {
            for (uint32_t i = 0; i < par && next < nj; i++)
                if (!slots[i].pid) {
                    start(&slots[i], jobs, next++, 0);
                    running++;
                }
            int status;
            struct rusage ru;
            pid_t p = wait4(-1, &status, 0, &ru);
            uint64_t t1 = now();
            if (p < 0) die("wait4");
            slot *s = NULL;
            for (uint32_t i = 0; i < par; i++)
                if (slots[i].pid == p) s = &slots[i];
            if (!s) continue;
            uint32_t j = s->job, k = s->step;
            uint64_t t0 = s->t0;
            str out = slurp(s->out), err = slurp(s->err);
            s->pid = 0;
            running--;
            if (status == 0 && k + 1 < jobs[j].nsteps) {
                step *nx = &jobs[j].steps[k + 1];
                if (jobs[j].chain && out.n) {
                    str c;
                    c.p = malloc(out.n + nx->conf.n + 32);
                    c.n = sprintf(c.p, "{\"prevResult\":%s,%s", out.p, nx->conf.p + 1);
                    free(nx->conf.p);
                    nx->conf = c;
                }
                start(s, jobs, j, k + 1);
                running++;
            }
            w32(j);
            w32(k);
            w64(t0);
            w64(t1);
            w32(ru.ru_utime.tv_sec * 1000000u + ru.ru_utime.tv_usec);
            w32(ru.ru_stime.tv_sec * 1000000u + ru.ru_stime.tv_usec);
            w32(ru.ru_maxrss);
            w32(status);
            w32(ru.ru_minflt);
            w32(ru.ru_nvcsw);
            w32(ru.ru_nivcsw);
            w32(out.n);
            fwrite(out.p, 1, out.n, stdout);
            w32(err.n);
            fwrite(err.p, 1, err.n, stdout);
            free(out.p);
            free(err.p);
        }
        for (uint32_t i = 0; i < nj; i++) { // our own RSS is the floor of what the next children's maxrss can show
            for (uint32_t k = 0; k < jobs[i].nenv; k++) free(jobs[i].env[k]);
            for (uint32_t k = 0; k < jobs[i].nsteps; k++) {
                free(jobs[i].steps[k].path.p);
                free(jobs[i].steps[k].conf.p);
            }
            free(jobs[i].env);
            free(jobs[i].steps);
        }
        free(jobs);
        w32(0xffffffffu);
        w64(now() - b0);
        fflush(stdout);
        free(slots);
    }
    return 0;
}
