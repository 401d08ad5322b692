// SPDX-License-Identifier: Apache-2.0
// A load with a fixed number of requests, as fast as they are answered or at a constant rate. At a rate, the latency of
// a request counts from the moment it was due, so that a server that stalls is not asked less.
//
//   load PORT CONNECTIONS REQUESTS RATE CONTENT_BYTES PATH [FIELD [KEYS]]
//
// With a RATE of 0 each connection asks as soon as it was answered. A %d in PATH becomes the number of the request, which
// begins anew after KEYS of them. All connections are open before the first request is sent.
// Prints requests, errors, seconds, p50, p99 and the slowest in microseconds.
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LIMIT_SECONDS = 40, HEAD = 16384 };

struct connection {
    int fd;
    double due;         // of the request under way
    size_t head, rest;  // bytes of the answer's head that came; of its body that are still to come
    char bytes[HEAD];
};

static struct connection *connections, **idle;
static size_t connection_count, idle_count, sent, answered, errors, total, content_bytes, keys = INT_MAX;
static double *latencies;
static const char *path, *field = "";
static char *content;
static int port, poller;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void open_connection(struct connection *connection) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    connection->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(connection->fd, (struct sockaddr *)&address, sizeof address)) { perror("connect"); exit(1); }
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connection->head = connection->rest = 0;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    epoll_ctl(poller, EPOLL_CTL_ADD, connection->fd, &event);
}

static void ask(struct connection *connection, double due) {
    char target[1024], message[2048 + 65536];
    snprintf(target, sizeof target, path, (int)(sent % keys));
    int length = snprintf(message, 2048, "%s %s HTTP/1.1\r\nHost: bench.test\r\n%s", content_bytes ? "POST" : "GET", target, field);
    if (content_bytes) length += sprintf(message + length, "Content-Type: application/json\r\nContent-Length: %zu\r\n", content_bytes);
    length += sprintf(message + length, "\r\n");
    memcpy(message + length, content, content_bytes);
    connection->due = due;
    sent++;
    if (send(connection->fd, message, (size_t)length + content_bytes, MSG_NOSIGNAL) != length + (ssize_t)content_bytes) {
        perror("send");
        exit(1);
    }
}

static void finish(struct connection *connection, int is_good) {
    latencies[answered++] = (now() - connection->due) * 1e6;
    errors += !is_good;
    connection->head = connection->rest = 0;
    idle[idle_count++] = connection;
}

// A server that closes its connection in the middle has made an error; afterwards only the connection is anew.
static void lose(struct connection *connection) {
    close(connection->fd);
    open_connection(connection);
    finish(connection, 0);
}

static void receive(struct connection *connection) {
    static char dropped[262144];
    if (connection->rest) {
        ssize_t count = recv(connection->fd, dropped, sizeof dropped, 0);
        if (count <= 0) return lose(connection);
        connection->rest -= (size_t)count < connection->rest ? (size_t)count : connection->rest;
        if (!connection->rest) finish(connection, 1);
        return;
    }
    ssize_t count = recv(connection->fd, connection->bytes + connection->head, HEAD - 1 - connection->head, 0);
    if (count <= 0) return lose(connection);
    connection->head += (size_t)count;
    connection->bytes[connection->head] = 0;
    char *stop = strstr(connection->bytes, "\r\n\r\n");
    if (!stop) return;
    char *length = strcasestr(connection->bytes, "\r\nContent-Length:");
    // An answer of 304 has no body, whatever length it names.
    int is_bodiless = strncmp(connection->bytes, "HTTP/1.1 304", 12) == 0;
    if (!is_bodiless && (strncmp(connection->bytes, "HTTP/1.1 2", 10) || !length || length > stop)) return lose(connection);
    size_t whole = (size_t)(stop + 4 - connection->bytes) + (is_bodiless ? 0 : strtoul(length + 17, NULL, 10));
    connection->rest = whole > connection->head ? whole - connection->head : 0;
    if (!connection->rest) finish(connection, 1);
}

static int compare(const void *left, const void *right) {
    double difference = *(const double *)left - *(const double *)right;
    return (difference > 0) - (difference < 0);
}

// Asks what is due on the connections that have nothing to do, and says how long nothing else will be.
static double ask_due(double began, double rate) {
    double time = now();
    while (idle_count && sent < total) {
        double due = rate > 0 ? began + (double)sent / rate : time;
        if (due > time) return due - time;
        ask(idle[--idle_count], due);
    }
    return 1;
}

static void run(double rate) {
    double began = now();
    struct epoll_event events[256];
    while (answered < total) {
        double wait = ask_due(began, rate);
        struct timespec pause = {.tv_sec = (time_t)wait, .tv_nsec = (long)((wait - (double)(time_t)wait) * 1e9)};
        int ready = epoll_pwait2(poller, events, 256, &pause, NULL);
        for (int index = 0; index < ready; index++) receive(events[index].data.ptr);
        if (now() - began > LIMIT_SECONDS) { fprintf(stderr, "load: %zu of %zu answered in time\n", answered, total); exit(1); }
    }
    qsort(latencies, answered, sizeof *latencies, compare);
    printf("{\"requests\": %zu, \"errors\": %zu, \"seconds\": %.4f, \"p50\": %.1f, \"p99\": %.1f, \"max\": %.1f}\n", answered,
           errors, now() - began, latencies[answered / 2], latencies[answered * 99 / 100], latencies[answered - 1]);
}

int main(int count, char **arguments) {
    if (count < 7 || count > 9) return fprintf(stderr, "load PORT CONNECTIONS REQUESTS RATE CONTENT_BYTES PATH [FIELD [KEYS]]\n"), 2;
    signal(SIGPIPE, SIG_IGN);
    port = atoi(arguments[1]);
    connection_count = strtoul(arguments[2], NULL, 10);
    total = strtoul(arguments[3], NULL, 10);
    content_bytes = strtoul(arguments[5], NULL, 10);
    path = arguments[6];
    static char line[1024];
    if (count > 7) {
        snprintf(line, sizeof line, "%s\r\n", arguments[7]);
        field = line;
    }
    if (count > 8) keys = strtoul(arguments[8], NULL, 10);
    if (keys == 0) abort();
    connections = calloc(connection_count, sizeof *connections);
    idle = calloc(connection_count, sizeof *idle);
    latencies = calloc(total, sizeof *latencies);
    content = calloc(1, content_bytes + 1);
    poller = epoll_create1(0);
    if (!connections || !idle || !latencies || !content || content_bytes > 65536) abort();
    memset(content, 'c', content_bytes);
    for (size_t index = 0; index < connection_count; index++) {
        open_connection(&connections[index]);
        idle[idle_count++] = &connections[index];
    }
    run(atof(arguments[4]));
    return 0;
}
