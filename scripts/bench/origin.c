// SPDX-License-Identifier: Apache-2.0
// The origin of the benchmarks: one thread that answers whatever is asked, and counts.
//
//   origin PORT
//
//   /b/BYTES/…              JSON of so many bytes, fresh for an hour
//   /nostore/b/BYTES/…      the same, not to be stored
//   /slow/MS/SECONDS/…      1,400 bytes after so many milliseconds, fresh for so many seconds and then of use stale
//   /count                  how many requests came since this was asked last
#define _GNU_SOURCE
#include <errno.h>
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

enum { MOST_DESCRIPTORS = 20000, MOST_BODY = 4 << 20, INPUT = 16384, LATER = 65536 };

struct connection {
    char *input;  // what came and is not answered yet
    size_t length;
    char *output;
    size_t output_length, sent;
};

static struct connection connections[MOST_DESCRIPTORS];
static char body[MOST_BODY];
static unsigned long counted;

// Answers that are due later. The first to wait is the first that is due, as one run asks for one delay.
static struct waiting { int fd; double due; size_t bytes; long seconds; } later[LATER];
static unsigned first_later, next_later;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void fill_body(void) {
    size_t length = 0;
    for (unsigned number = 0; length + 200 < MOST_BODY; number++)
        length += (size_t)sprintf(body + length, "%s{\"id\":%u,\"name\":\"user %u\",\"email\":\"user%u@example.com\"}",
                                  number ? "," : "[", number, number * 7919 % 1000, number);
}

static void end(int fd) {
    struct connection *connection = &connections[fd];
    free(connection->input);
    free(connection->output);
    *connection = (struct connection){0};
    close(fd);
}

// Sends what there is; the rest when the socket takes more.
static void flush(int fd) {
    struct connection *connection = &connections[fd];
    while (connection->sent < connection->output_length) {
        ssize_t count = send(fd, connection->output + connection->sent, connection->output_length - connection->sent, MSG_NOSIGNAL);
        if (count < 0 && errno == EAGAIN) return;
        if (count < 0) return end(fd);
        connection->sent += (size_t)count;
    }
    free(connection->output);
    connection->output = NULL;
    connection->output_length = connection->sent = 0;
}

// `seconds` of 0: not to be stored.
static void answer(int fd, const char *content, size_t bytes, long seconds) {
    struct connection *connection = &connections[fd];
    char *output = realloc(connection->output, connection->output_length + bytes + 300);
    if (!output) abort();
    char fresh[80] = "no-store";
    if (seconds) snprintf(fresh, sizeof fresh, "max-age=%ld, stale-while-revalidate=60", seconds);
    time_t today = time(NULL);
    char date[64];
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime(&today));
    connection->output = output;
    connection->output_length += (size_t)sprintf(
        output + connection->output_length,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: %s\r\n"
        "ETag: \"one\"\r\nDate: %s\r\nContent-Length: %zu\r\n\r\n", fresh, date, bytes);
    memcpy(output + connection->output_length, content, bytes);
    connection->output_length += bytes;
    flush(fd);
}

static void request(int fd, const char *target) {
    size_t bytes;
    unsigned delay;
    long seconds;
    char number[32];
    if (strncmp(target, "/count ", 7) == 0) {
        answer(fd, number, (size_t)sprintf(number, "%lu\n", counted), 0);
        counted = 0;
        return;
    }
    counted++;
    if (sscanf(target, "/slow/%u/%ld/", &delay, &seconds) == 2 && next_later - first_later < LATER) {
        later[next_later++ % LATER] = (struct waiting){fd, now() + delay / 1e3, 1400, seconds};
        return;
    }
    const char *size = strstr(target, "/b/");
    if (!size || sscanf(size, "/b/%zu/", &bytes) != 1 || bytes > MOST_BODY) bytes = 1400;
    answer(fd, body, bytes, strncmp(target, "/nostore/", 9) ? 3600 : 0);
}

// Answers whole requests, content and all, and takes them off the input.
static void take_requests(int fd) {
    struct connection *connection = &connections[fd];
    char *stop;
    while ((stop = strstr(connection->input, "\r\n\r\n"))) {
        *stop = 0;
        const char *length = strcasestr(connection->input, "\r\nContent-Length:"), *target = strchr(connection->input, ' ');
        size_t whole = (size_t)(stop + 4 - connection->input) + (length ? strtoul(length + 17, NULL, 10) : 0);
        *stop = '\r';
        if (connection->length < whole) return;
        if (!target) return end(fd);
        request(fd, target + 1);
        if (!connection->input) return;
        connection->length -= whole;
        memmove(connection->input, connection->input + whole, connection->length + 1);
    }
}

static void receive(int fd) {
    struct connection *connection = &connections[fd];
    if (!connection->input && !(connection->input = malloc(INPUT))) abort();
    if (connection->length == INPUT - 1) return end(fd);
    ssize_t count = recv(fd, connection->input + connection->length, INPUT - 1 - connection->length, 0);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) return end(fd);
    connection->length += (size_t)count;
    connection->input[connection->length] = 0;
    take_requests(fd);
}

static void accept_all(int listener, int poller) {
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= MOST_DESCRIPTORS) { close(fd); continue; }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        connections[fd] = (struct connection){0};
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.fd = fd};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
    }
}

static void answer_due(void) {
    while (first_later != next_later && later[first_later % LATER].due <= now()) {
        struct waiting waiting = later[first_later++ % LATER];
        if (connections[waiting.fd].input) answer(waiting.fd, body, waiting.bytes, waiting.seconds);
    }
}

int main(int count, char **arguments) {
    if (count != 2) return fprintf(stderr, "origin PORT\n"), 2;
    signal(SIGPIPE, SIG_IGN);
    fill_body();
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), poller = epoll_create1(0), on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(arguments[1])),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) return perror("origin"), 1;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[256];
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int ready = epoll_wait(poller, events, 256, first_later == next_later ? -1 : 1);
        for (int index = 0; index < ready; index++) {
            int fd = events[index].data.fd;
            if (fd == listener) { accept_all(listener, poller); continue; }
            if (events[index].events & EPOLLOUT && connections[fd].output) flush(fd);
            if (events[index].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) receive(fd);
        }
        answer_due();
    }
}
