// SPDX-License-Identifier: Apache-2.0
// What any server pays that reads a request from a socket and writes its answer: nothing is parsed.
//
//   floor PORT FILE          answers every read with the bytes of FILE
//   floor PORT --relay PORT  carries bytes between each client and a connection of its own to that port
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

// Longer answers are sent from the page cache, which is cheaper then than copying them.
enum { MOST_DESCRIPTORS = 20000, LONGEST_COPY = 256 << 10 };

static struct { int other; size_t sent; int is_answering; } connections[MOST_DESCRIPTORS];
static char buffer[65536], *copy;
static int file;
static size_t length;

static struct sockaddr_in loopback(const char *port) {
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void watch(int poller, int fd, int other) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    connections[fd].other = other;
    connections[fd].sent = 0;
    connections[fd].is_answering = 0;
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | (other ? 0 : EPOLLOUT | EPOLLET), .data.fd = fd};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

static void end(int fd) {
    int other = connections[fd].other;
    close(fd);
    if (other) close(other);
}

static void answer(int fd) {
    size_t sent = connections[fd].sent;
    while (sent < length) {
        off_t from = (off_t)sent;
        ssize_t count = copy ? send(fd, copy + sent, length - sent, MSG_NOSIGNAL) : sendfile(fd, file, &from, length - sent);
        if (count <= 0) break;
        sent += (size_t)count;
    }
    connections[fd].is_answering = sent < length;
    connections[fd].sent = sent < length ? sent : 0;
}

// Loopback sockets take what an answer of the benchmarks has; one that does not would end the connection.
static void carry(int fd, int other) {
    ssize_t count = recv(fd, buffer, sizeof buffer, 0);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0 || send(other, buffer, (size_t)count, MSG_NOSIGNAL) != count) end(fd);
}

static void accept_all(int listener, int poller, const struct sockaddr_in *origin) {
    int fd;
    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        int other = 0;
        if (origin) {
            other = socket(AF_INET, SOCK_STREAM, 0);
            if (connect(other, (const struct sockaddr *)origin, sizeof *origin)) { close(fd); close(other); continue; }
            watch(poller, other, fd);
        }
        watch(poller, fd, other);
    }
}

int main(int count, char **arguments) {
    int is_relay = count == 4 && strcmp(arguments[2], "--relay") == 0;
    if (count != 3 && !is_relay) return fprintf(stderr, "floor PORT FILE | floor PORT --relay PORT\n"), 2;
    signal(SIGPIPE, SIG_IGN);
    struct sockaddr_in address = loopback(arguments[1]), origin = loopback(arguments[count - 1]);
    if (!is_relay) {
        struct stat status;
        file = open(arguments[2], O_RDONLY);
        if (file < 0 || fstat(file, &status)) return perror(arguments[2]), 1;
        length = (size_t)status.st_size;
        if (length <= LONGEST_COPY && (!(copy = malloc(length)) || read(file, copy, length) != (ssize_t)length)) abort();
    }
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), poller = epoll_create1(0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) return perror("floor"), 1;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[256];
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int ready = epoll_wait(poller, events, 256, -1);
        for (int index = 0; index < ready; index++) {
            int fd = events[index].data.fd;
            if (fd == listener) { accept_all(listener, poller, is_relay ? &origin : NULL); continue; }
            if (is_relay) { carry(fd, connections[fd].other); continue; }
            if (connections[fd].is_answering) answer(fd);
            ssize_t read = events[index].events & EPOLLIN ? recv(fd, buffer, sizeof buffer, 0) : -1;
            if (read > 0) answer(fd);
            if (read == 0) end(fd);
        }
    }
}
