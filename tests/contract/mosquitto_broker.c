#include "mosquitto_broker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TRIES 500 /* of 20 ms: until it listens */

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static uint16_t free_port(void)
{
    struct sockaddr_in a = loopback(0);
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, len) != 0 || getsockname(fd, (struct sockaddr *)&a, &len) != 0) {
        perror("contract: no free port");
        abort();
    }
    close(fd);
    return ntohs(a.sin_port);
}

static bool listens(uint16_t port)
{
    struct sockaddr_in a = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool yes = fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return yes;
}

void mosquitto_again(struct mosquitto_broker *b)
{
    b->pid = fork();
    if (b->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed assertion must not leave a broker behind */
        if (!freopen("/dev/null", "w", stderr)) {
            _exit(127);
        }
        execlp("mosquitto", "mosquitto", "-c", b->file, (char *)NULL);
        execl("/usr/sbin/mosquitto", "mosquitto", "-c", b->file, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < TRIES; i++) {
        if (listens(b->port)) {
            return;
        }
        if (waitpid(b->pid, NULL, WNOHANG) != 0) {
            break;
        }
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    fprintf(stderr, "contract: mosquitto does not listen on port %u (is it installed?)\n", b->port);
    abort();
}

void mosquitto_kill(struct mosquitto_broker *b)
{
    if (b->pid > 0) {
        kill(b->pid, SIGKILL);
        while (waitpid(b->pid, NULL, 0) < 0 && errno == EINTR) {
        }
        b->pid = 0;
    }
}

static void write_broker_file(struct mosquitto_broker *b)
{
    strcpy(b->folder, "/tmp/lb-contract-XXXXXX");
    FILE *to = NULL;
    if (mkdtemp(b->folder)) {
        snprintf(b->file, sizeof b->file, "%s/mosquitto.conf", b->folder);
        to = fopen(b->file, "w");
    }
    if (!to) {
        perror(b->folder);
        abort();
    }
    fprintf(to, "listener %u 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n", b->port);
    if (geteuid() == 0) {
        fputs("user root\n", to); /* changing the user would make it forget that it is to die with its parent */
    }
    fclose(to);
}

void mosquitto_start(struct mosquitto_broker *b)
{
    *b = (struct mosquitto_broker){.port = free_port()};
    write_broker_file(b);
    mosquitto_again(b);
}

void mosquitto_end(struct mosquitto_broker *b)
{
    mosquitto_kill(b);
    unlink(b->file);
    rmdir(b->folder);
}
