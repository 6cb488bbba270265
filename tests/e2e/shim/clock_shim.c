/* LD_PRELOAD: clocks that a test sets forward, so that what happens after minutes can be tested in none.

   LB_CLOCK          file of 8 bytes: milliseconds (int64 of this machine) by which all clocks are ahead
   LB_CLOCK_PROCESS  executable that it is for ("lightbridge"): LD_PRELOAD is inherited by children

   A process that sleeps does not notice: the test wakes it with a request. No locks, no memory, only system calls. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const _Atomic int64_t *ahead_ms;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("LB_CLOCK");
    const char *process = getenv("LB_CLOCK_PROCESS");
    if (!path || strcmp(program_invocation_short_name, process ? process : "lightbridge") != 0) {
        return;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    void *page = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    ahead_ms = page == MAP_FAILED ? NULL : page;
}

int clock_gettime(clockid_t clock, struct timespec *at)
{
    long result = syscall(SYS_clock_gettime, clock, at);
    int64_t ahead = ahead_ms ? atomic_load(ahead_ms) : 0;
    if (result == 0 && ahead != 0 && clock != CLOCK_PROCESS_CPUTIME_ID && clock != CLOCK_THREAD_CPUTIME_ID) {
        at->tv_sec += (time_t)(ahead / 1000);
        at->tv_nsec += (long)(ahead % 1000) * 1000000;
        if (at->tv_nsec >= 1000000000) {
            at->tv_sec++;
            at->tv_nsec -= 1000000000;
        }
    }
    return (int)result;
}
