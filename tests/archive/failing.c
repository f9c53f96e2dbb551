/* LD_PRELOAD: the n-th write, sync, truncation or unlink on a file whose name holds FAIL_NAME fails, or ends the process.
   FAIL_AT n (0: only count)   FAIL_MODE eio | enospc | short | kill   FAIL_COUNT file that receives the number of calls */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static long count;

static int named(const char *path) {
  const char *name = getenv("FAIL_NAME");
  return name && path && strstr(path, name) != NULL;
}

static int ours(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (n < 0) return 0;
  path[n] = 0;
  return named(path);
}

/* 0: go on; 1: fail with errno; 2: write half */
static int turn(void) {
  const char *at = getenv("FAIL_AT"), *mode = getenv("FAIL_MODE"), *file = getenv("FAIL_COUNT");
  count++;
  if (file) {
    FILE *out = fopen(file, "w");
    if (out) { fprintf(out, "%ld", count); fclose(out); }
  }
  if (!at || !mode || count != atol(at)) return 0;
  if (!strcmp(mode, "kill")) raise(SIGKILL);
  errno = !strcmp(mode, "enospc") ? ENOSPC : EIO;
  return !strcmp(mode, "short") ? 2 : 1;
}

#define REAL(type, name, ...) \
  static type (*real)(__VA_ARGS__); \
  if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static ssize_t halved(int fd, const void *buf, size_t n, off_t at) {
  REAL(ssize_t, "pwrite", int, const void *, size_t, off_t);
  real(fd, buf, n / 2, at);
  errno = EIO;
  return -1;
}

#define PWRITE(name) \
  ssize_t name(int fd, const void *buf, size_t n, off_t at) { \
    REAL(ssize_t, #name, int, const void *, size_t, off_t); \
    if (ours(fd)) { int t = turn(); if (t == 1) return -1; if (t == 2) return halved(fd, buf, n, at); } \
    return real(fd, buf, n, at); \
  }
PWRITE(pwrite)
PWRITE(pwrite64)

ssize_t write(int fd, const void *buf, size_t n) {
  REAL(ssize_t, "write", int, const void *, size_t);
  if (ours(fd) && turn()) return -1;
  return real(fd, buf, n);
}

#define BY_FD(name) \
  int name(int fd) { REAL(int, #name, int); if (ours(fd) && turn()) return -1; return real(fd); }
BY_FD(fsync)
BY_FD(fdatasync)

#define TRUNCATE(name) \
  int name(int fd, off_t n) { REAL(int, #name, int, off_t); if (ours(fd) && turn()) return -1; return real(fd, n); }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

int unlink(const char *path) {
  REAL(int, "unlink", const char *);
  if (named(path) && turn()) return -1;
  return real(path);
}
