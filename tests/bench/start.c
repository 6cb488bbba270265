/* From exec to the first answer of /healthz. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "load.h"
#include "measure.h"
#include "wire.h"

#define NS_PER_S 1000000000u
#define PATIENCE_NS 30000000000u
#define PAUSE_US 100u

static pid_t start(char **command)
{
    pid_t pid = fork();
    if (pid < 0) {
        fail("fork: %s", strerror(errno));
    }
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        (void)dup2(null, STDOUT_FILENO);
        (void)dup2(null, STDERR_FILENO);
        (void)execvp(command[0], command);
        _exit(127);
    }
    return pid;
}

void load_start(const struct options *o)
{
    struct http_wire http = {.port = o->port};
    struct str out = STR_INIT;
    struct json_out j;
    int status;
    uint64_t from = measure_now();
    pid_t pid = start(o->command);
    while ((http.fd = wire_connect(o->port)) < 0) {
        if (measure_now() - from > PATIENCE_NS || waitpid(pid, &status, WNOHANG) != 0) {
            (void)kill(pid, SIGKILL);
            fail("%s does not answer", o->command[0]);
        }
        (void)usleep(PAUSE_US);
    }
    http_wire_get(&http, "/healthz");
    while (!http_wire_read(&http)) {
    }
    uint64_t answered = measure_now();
    http_wire_close(&http);
    (void)kill(pid, SIGTERM);
    (void)waitpid(pid, &status, 0);
    json_out_init(&j, &out);
    json_begin_object(&j);
    json_member_int(&j, "status", http.status);
    measure_write(&j, "answer_ms", (double)(answered - from) / 1e6);
    json_end_object(&j);
    (void)puts(str_z(&out));
    str_done(&out);
}
