/* The far side of the mqtt driver: a real mosquitto, and the simulated Zigbee2MQTT behind it on the suite's loop. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "contract.h"
#include "mqtt/mqtt.h"
#include "sim/shapes.h"
#include "sim/zigbee2mqtt.h"

#define DEADLINE_MS 600
#define BROKER_TRIES 500 /* of 20 ms: until mosquitto listens */

struct far_side {
    struct mqtt_config config;
    const char *bases[2];
    struct zigbee *zigbee;
    char folder[32], file[64];
    uint16_t port;
    pid_t broker;
};

static const char *lacks(enum contract_act act)
{
    (void)act;
    return NULL;
}

/* ---- mosquitto ---- */

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
        perror("contract_mqtt: no free port");
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

static void start_broker(struct far_side *f)
{
    f->broker = fork();
    if (f->broker == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed assertion must not leave a broker behind */
        if (!freopen("/dev/null", "w", stderr)) {
            _exit(127);
        }
        execlp("mosquitto", "mosquitto", "-c", f->file, (char *)NULL);
        execl("/usr/sbin/mosquitto", "mosquitto", "-c", f->file, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < BROKER_TRIES; i++) {
        if (listens(f->port)) {
            return;
        }
        if (waitpid(f->broker, NULL, WNOHANG) != 0) {
            break;
        }
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    fprintf(stderr, "contract_mqtt: mosquitto does not listen on port %u (is it installed?)\n", f->port);
    abort();
}

static void kill_broker(struct far_side *f)
{
    if (f->broker > 0) {
        kill(f->broker, SIGKILL);
        while (waitpid(f->broker, NULL, 0) < 0 && errno == EINTR) {
        }
        f->broker = 0;
    }
}

static void write_broker_file(struct far_side *f)
{
    strcpy(f->folder, "/tmp/lb-contract-XXXXXX");
    FILE *to = NULL;
    if (mkdtemp(f->folder)) {
        snprintf(f->file, sizeof f->file, "%s/mosquitto.conf", f->folder);
        to = fopen(f->file, "w");
    }
    if (!to) {
        perror(f->folder);
        abort();
    }
    fprintf(to, "listener %u 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n", f->port);
    if (geteuid() == 0) {
        fputs("user root\n", to); /* changing the user would make it forget that it is to die with its parent */
    }
    fclose(to);
}

/* ---- the subject ---- */

static int start(struct loop *loop, uint32_t deadline_ms, void **ret_self, const void **ret_config)
{
    /* What the suite demands of lamp 0, and as many other kinds as there are lamps. Each can be asked for its state:
       of one that cannot (access 3), and does not retain it, nobody knows it after the broker was away. */
    static const char *const models[CONTRACT_LAMPS] = {"81809/81813",
                                                       "81810",
                                                       "LED1545G12",
                                                       "IST-CDZFB2AS007NA-MZN-01",
                                                       "500.44",
                                                       "DOM-Z-105P_RGB",
                                                       "QS-Zigbee-D02-TRIAC-LN",
                                                       "LED1623G12"};
    const struct shape *kinds[CONTRACT_LAMPS];
    struct far_side *f = mem_alloc(sizeof *f);
    (void)deadline_ms;
    for (size_t i = 0; i < CONTRACT_LAMPS; i++) {
        kinds[i] = shape_find(models[i]);
    }
    f->port = free_port();
    write_broker_file(f);
    start_broker(f);
    const struct zigbee_config config = {
        .host = "127.0.0.1", .port = f->port, .seed = 7, .lamps = CONTRACT_LAMPS, .shapes = kinds, .others = 5};
    int err = zigbee_new(loop, &config, &f->zigbee, NULL);
    if (err != 0) {
        return err;
    }
    zigbee_watch_availability(f->zigbee, CONTRACT_PLAIN, false);
    f->bases[0] = "zigbee2mqtt";
    f->config = (struct mqtt_config){.host = "127.0.0.1", .port = f->port, .zigbee2mqtt = f->bases};
    *ret_self = f;
    *ret_config = &f->config;
    return 0;
}

static void stop(void *self)
{
    struct far_side *f = self;
    zigbee_free(f->zigbee);
    kill_broker(f);
    unlink(f->file);
    rmdir(f->folder);
    free(f);
}

static const char *address(void *self, size_t lamp)
{
    return zigbee_address(((struct far_side *)self)->zigbee, lamp);
}

static void act(void *self, enum contract_act act, size_t lamp)
{
    static const struct zigbee_manner manners[] = {
        [CONTRACT_WELL] = {0},
        [CONTRACT_SLOW] = {.delay_ms = DEADLINE_MS / 2},
        [CONTRACT_LATE] = {.delay_ms = DEADLINE_MS * 3 / 2},
        [CONTRACT_SILENT] = {.silent = true},
        [CONTRACT_DUPLICATE] = {.reports = 2},
        [CONTRACT_STALE] = {.stale = true},
    };
    struct far_side *f = self;
    struct zigbee *z = f->zigbee;
    switch (act) {
    case CONTRACT_WELL:
    case CONTRACT_SLOW:
    case CONTRACT_LATE:
    case CONTRACT_SILENT:
    case CONTRACT_DUPLICATE:
    case CONTRACT_STALE:
        zigbee_behave(z, lamp, &manners[act]);
        break;
    case CONTRACT_OFFLINE:
    case CONTRACT_ONLINE:
        zigbee_set_online(z, lamp, act == CONTRACT_ONLINE);
        break;
    case CONTRACT_WALL:
        zigbee_wall(z, lamp);
        break;
    case CONTRACT_REMOVE:
        zigbee_remove(z, lamp);
        break;
    case CONTRACT_JOIN:
        zigbee_join(z, lamp);
        break;
    case CONTRACT_GARBAGE:
        zigbee_babble(z, lamp);
        break;
    case CONTRACT_LOSE:
        kill_broker(f);
        break;
    case CONTRACT_BACK:
        start_broker(f);
        break;
    case CONTRACT_RESTART:
        zigbee_restart(z, true);
        break;
    case CONTRACT_ACTS:
        break;
    }
}

const struct contract_subject contract_subject = {
    .name = "mqtt",
    .ops = &mqtt_driver,
    .instance = "mqtt/home",
    .basis = BASIS_REPORTED,
    .deadline_ms = DEADLINE_MS,
    .patience_ms = 30000,
    .lacks = lacks,
    .start = start,
    .stop = stop,
    .address = address,
    .act = act,
};
