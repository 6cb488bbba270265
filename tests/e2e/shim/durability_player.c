/* What the shim is checked with: makes the calls of a store that answers a client, in an order given by argv[2]:
   w pwrite to PATH, W write to PATH, d fdatasync, f fsync, s send, v writev, m sendmsg, x write to the socket,
   p write to a pipe (not to be recorded), e a failing fdatasync, t 50 sends on each of two threads. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static int stream[2] = {-1, -1};

static void connect_to_self(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    stream[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, len) || listen(listener, 1) ||
        getsockname(listener, (struct sockaddr *)&address, &len) ||
        connect(stream[0], (struct sockaddr *)&address, len)) {
        _exit(3);
    }
    stream[1] = accept(listener, NULL, NULL);
    close(listener);
}

static void *send_many(void *user)
{
    (void)user;
    for (int i = 0; i < 50; i++) {
        (void)!send(stream[0], "t", 1, 0);
    }
    return NULL;
}

static void send_from_threads(void)
{
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        pthread_create(&threads[i], NULL, send_many, NULL);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
}

static ssize_t play(char step, int file, int unsyncable)
{
    struct iovec parts[] = {{"one\n", 4}, {"two\\", 4}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    switch (step) {
    case 'w':
        return pwrite(file, "frame\0\1", 7, 0);
    case 'W':
        return write(file, "tail", 4);
    case 'd':
        return fdatasync(file);
    case 'f':
        return fsync(file);
    case 's':
        return send(stream[0], "HTTP/1.1 200 OK\r\n", 17, MSG_NOSIGNAL);
    case 'v':
        return writev(stream[0], parts, 2);
    case 'm':
        return sendmsg(stream[0], &message, MSG_NOSIGNAL);
    case 'x':
        return write(stream[0], "plain", 5);
    case 'e':
        return fdatasync(unsyncable);
    default:
        return 0;
    }
}

int main(int argc, char **argv)
{
    int ends[2];
    if (argc != 3 || pipe(ends)) {
        return 2;
    }
    int file = open(argv[1], O_RDWR | O_CREAT, 0600);
    int unsyncable = open("/dev/null", O_WRONLY);
    connect_to_self();
    for (const char *step = argv[2]; *step; step++) {
        if (*step == 't') {
            send_from_threads();
        } else if (*step == 'p') {
            (void)!write(ends[1], "p", 1);
        } else if (play(*step, file, unsyncable) < 0 && *step != 'e') {
            return 4;
        }
    }
    (void)!write(STDOUT_FILENO, "end\n", 4);
    return 0;
}
