// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define RETRY(call)                             \
    ({                                                 \
        long result_;                                  \
        do result_ = (call);                           \
        while (result_ < 0 && errno == EINTR);         \
        result_ < 0 ? -(long)errno : result_;          \
    })

// Bytes

long CLinux_read(int fd, void *into, size_t count) { return RETRY(read(fd, into, count)); }

long CLinux_write(int fd, const void *from, size_t count) {
    return RETRY(write(fd, from, count));
}

long CLinux_send(int fd, const void *from, size_t count) {
    return RETRY(send(fd, from, count, MSG_NOSIGNAL));
}

long CLinux_send_gathered(int fd, const void *parts, size_t count) {
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = count};
    return RETRY(sendmsg(fd, &message, MSG_NOSIGNAL));
}

long CLinux_send_beginning(int fd, const void *from, size_t count) {
    return RETRY(send(fd, from, count, MSG_NOSIGNAL | MSG_MORE));
}

long CLinux_random(void *into, size_t count) { return RETRY(getrandom(into, count, 0)); }

// Pages

long CLinux_open_page_pipe(struct CLinux_page_pipe *into, size_t capacity) {
    int ends[2];
    long result = RETRY(pipe2(ends, O_CLOEXEC | O_NONBLOCK));
    if (result < 0) return result;
    // Without the right to so much it keeps the size it has, which does too.
    fcntl(ends[1], F_SETPIPE_SZ, (int)capacity);
    long sink = RETRY(open("/dev/null", O_WRONLY | O_CLOEXEC));
    if (sink < 0) {
        close(ends[0]);
        close(ends[1]);
        return sink;
    }
    *into = (struct CLinux_page_pipe){.output = ends[0], .input = ends[1], .sink = (int)sink};
    return 0;
}

/// What stayed in the pipe would go out in the midst of somebody else's bytes.
static void empty(const struct CLinux_page_pipe *pipe, size_t count) {
    while (count > 0) {
        long dropped = RETRY(splice(pipe->output, NULL, pipe->sink, NULL, count, 0));
        if (dropped <= 0) abort();
        count -= dropped;
    }
}

long CLinux_send_pages(int fd, const struct CLinux_page_pipe *pipe, const void *from, size_t count, int is_followed) {
    size_t sent = 0;
    while (sent < count) {
        struct iovec rest = {.iov_base = (char *)(uintptr_t)from + sent, .iov_len = count - sent};
        long held = RETRY(vmsplice(pipe->input, &rest, 1, 0));
        if (held <= 0) return sent > 0 ? (long)sent : held;
        while (held > 0) {
            unsigned flags = is_followed || sent + held < count ? SPLICE_F_NONBLOCK | SPLICE_F_MORE : SPLICE_F_NONBLOCK;
            long taken = RETRY(splice(pipe->output, NULL, fd, NULL, held, flags));
            if (taken <= 0) {
                empty(pipe, held);
                return sent > 0 ? (long)sent : taken;
            }
            held -= taken;
            sent += taken;
        }
    }
    return sent;
}

// Clocks

int64_t CLinux_monotonic_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000ll + now.tv_nsec;
}

int64_t CLinux_wall_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return now.tv_sec * 1000000000ll + now.tv_nsec;
}

// Readiness

long CLinux_epoll_create(void) { return RETRY(epoll_create1(EPOLL_CLOEXEC)); }

_Static_assert(sizeof(struct CLinux_event) == sizeof(struct epoll_event), "layout of epoll_event");

static long control(int epoll, int operation, int fd, uint32_t events, uint64_t data) {
    struct epoll_event event = {.events = events, .data.u64 = data};
    return RETRY(epoll_ctl(epoll, operation, fd, &event));
}

long CLinux_epoll_add(int epoll, int fd, uint32_t events, uint64_t data) {
    return control(epoll, EPOLL_CTL_ADD, fd, events, data);
}

long CLinux_epoll_modify(int epoll, int fd, uint32_t events, uint64_t data) {
    return control(epoll, EPOLL_CTL_MOD, fd, events, data);
}

long CLinux_epoll_remove(int epoll, int fd) { return control(epoll, EPOLL_CTL_DEL, fd, 0, 0); }

long CLinux_epoll_wait(int epoll, struct CLinux_event *into, int count, int milliseconds) {
    long result = epoll_wait(epoll, (struct epoll_event *)into, count, milliseconds);
    return result >= 0 ? result : errno == EINTR ? 0 : -(long)errno;
}

long CLinux_eventfd(void) { return RETRY(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

// Sockets

#define MAPPED 0x0000FFFF00000000ull

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un un;
};

static int is_v4(const struct CLinux_address *from) { return from->high == 0 && from->low >> 32 == 0xFFFF; }

static socklen_t to_kernel(const struct CLinux_address *from, union address *into) {
    memset(into, 0, sizeof *into);
    if (from->is_unix) {
        into->un.sun_family = AF_UNIX;
        memcpy(into->un.sun_path, from->path, from->path_length);
        return offsetof(struct sockaddr_un, sun_path) + from->path_length + (from->path_length < 108);
    }
    if (is_v4(from)) {
        into->v4.sin_family = AF_INET;
        into->v4.sin_port = htons(from->port);
        into->v4.sin_addr.s_addr = htonl((uint32_t)from->low);
        return sizeof into->v4;
    }
    into->v6.sin6_family = AF_INET6;
    into->v6.sin6_port = htons(from->port);
    for (int i = 0; i < 8; i++) {
        into->v6.sin6_addr.s6_addr[i] = from->high >> (56 - 8 * i);
        into->v6.sin6_addr.s6_addr[8 + i] = from->low >> (56 - 8 * i);
    }
    return sizeof into->v6;
}

static void from_kernel(const union address *from, socklen_t length, struct CLinux_address *into) {
    memset(into, 0, sizeof *into);
    if (from->any.sa_family == AF_INET) {
        into->port = ntohs(from->v4.sin_port);
        into->low = MAPPED | ntohl(from->v4.sin_addr.s_addr);
    } else if (from->any.sa_family == AF_INET6) {
        into->port = ntohs(from->v6.sin6_port);
        for (int i = 0; i < 8; i++) {
            into->high = into->high << 8 | from->v6.sin6_addr.s6_addr[i];
            into->low = into->low << 8 | from->v6.sin6_addr.s6_addr[8 + i];
        }
    } else {
        into->is_unix = 1;
        size_t start = offsetof(struct sockaddr_un, sun_path);
        size_t room = length > start ? length - start : 0;
        into->path_length = strnlen(from->un.sun_path, room < 108 ? room : 108);
        memcpy(into->path, from->un.sun_path, into->path_length);
    }
}

static long open_socket(const struct CLinux_address *address) {
    int family = address->is_unix ? AF_UNIX : is_v4(address) ? AF_INET : AF_INET6;
    return RETRY(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

static long set_flag(int fd, int level, int option) {
    int on = 1;
    return RETRY(setsockopt(fd, level, option, &on, sizeof on));
}

static long close_with(int fd, long result) {
    close(fd);
    return result;
}

/// A socket file nobody listens on is what a killed process leaves; it is taken over.
static int is_abandoned(const union address *name, socklen_t length) {
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (probe < 0) return 0;
    int abandoned = connect(probe, &name->any, length) < 0 && errno == ECONNREFUSED;
    close(probe);
    return abandoned;
}

long CLinux_listen(const struct CLinux_address *address, int backlog, int reuse_port) {
    union address name;
    socklen_t length = to_kernel(address, &name);
    long fd = open_socket(address), result = 0;
    if (fd < 0) return fd;
    if (!address->is_unix) {
        result = set_flag(fd, SOL_SOCKET, SO_REUSEADDR);
        if (result >= 0 && reuse_port) result = set_flag(fd, SOL_SOCKET, SO_REUSEPORT);
        // Accepted sockets inherit this, which saves a call for each of them.
        if (result >= 0) result = set_flag(fd, IPPROTO_TCP, TCP_NODELAY);
        // [::] leaves IPv4 to 0.0.0.0, so that both can be listened on.
        if (result >= 0 && name.any.sa_family == AF_INET6) result = set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY);
        if (result < 0) return close_with(fd, result);
    }
    result = RETRY(bind(fd, &name.any, length));
    if (result == -EADDRINUSE && address->is_unix && is_abandoned(&name, length)) {
        unlink(name.un.sun_path);
        result = RETRY(bind(fd, &name.any, length));
    }
    if (result >= 0) result = RETRY(listen(fd, backlog));
    return result < 0 ? close_with(fd, result) : fd;
}

long CLinux_probe(const struct CLinux_address *address) {
    union address name;
    socklen_t length = to_kernel(address, &name);
    long fd = open_socket(address);
    if (fd < 0) return fd;
    // With SO_REUSEADDR what is left of closed connections does not count; without SO_REUSEPORT every listener does.
    long result = set_flag(fd, SOL_SOCKET, SO_REUSEADDR);
    if (result >= 0 && name.any.sa_family == AF_INET6) result = set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    if (result >= 0) result = RETRY(bind(fd, &name.any, length));
    close(fd);
    return result < 0 ? result : 0;
}

/// The name is an abstract one (unix(7)): it lies in the network namespace, as ports do, and goes with its process.
long CLinux_take_turn(const char *name) {
    enum { attempts = 200, pause_milliseconds = 10 };
    struct sockaddr_un own = {.sun_family = AF_UNIX};
    size_t length = strnlen(name, sizeof own.sun_path - 1);
    memcpy(own.sun_path + 1, name, length);
    long fd = RETRY(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (fd < 0) return fd;
    long result = 0;
    for (int i = 0; i < attempts; i++) {
        if (i > 0) poll(NULL, 0, pause_milliseconds);
        result = RETRY(bind(fd, (struct sockaddr *)&own, offsetof(struct sockaddr_un, sun_path) + 1 + length));
        if (result != -EADDRINUSE) break;
    }
    return result < 0 ? close_with(fd, result) : fd;
}

long CLinux_accept(int fd, struct CLinux_address *peer) {
    union address name;
    socklen_t length = sizeof name;
    long accepted = RETRY(accept4(fd, &name.any, &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (accepted >= 0) from_kernel(&name, length, peer);
    return accepted;
}

long CLinux_connect(const struct CLinux_address *address, int *is_connected) {
    union address name;
    socklen_t length = to_kernel(address, &name);
    long fd = open_socket(address);
    if (fd < 0) return fd;
    if (!address->is_unix) {
        long result = set_flag(fd, IPPROTO_TCP, TCP_NODELAY);
        if (result < 0) return close_with(fd, result);
    }
    // An interrupted connect goes on by itself, as one in progress does.
    int failed = connect(fd, &name.any, length) < 0;
    if (failed && errno != EINPROGRESS && errno != EINTR) return close_with(fd, -(long)errno);
    *is_connected = !failed;
    return fd;
}

long CLinux_socket_error(int fd) {
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0) return -(long)errno;
    return -(long)error;
}

long CLinux_shutdown_write(int fd) { return RETRY(shutdown(fd, SHUT_WR)); }

long CLinux_unsent_bytes(int fd) {
    int count = 0;
    return ioctl(fd, SIOCOUTQ, &count) < 0 ? -(long)errno : count;
}

// Linux has given the number free even when close is interrupted: never repeated.
long CLinux_close(int fd) { return close(fd) < 0 && errno != EINTR ? -(long)errno : 0; }

long CLinux_reset(int fd) {
    struct linger none = {.l_onoff = 1, .l_linger = 0};
    long result = RETRY(setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none));
    long closed = CLinux_close(fd);
    return result < 0 ? result : closed;
}

long CLinux_local_address(int fd, struct CLinux_address *address) {
    union address name;
    socklen_t length = sizeof name;
    if (getsockname(fd, &name.any, &length) < 0) return -(long)errno;
    from_kernel(&name, length, address);
    return 0;
}

long CLinux_peer_address(int fd, struct CLinux_address *address) {
    union address name;
    socklen_t length = sizeof name;
    if (getpeername(fd, &name.any, &length) < 0) return -(long)errno;
    from_kernel(&name, length, address);
    return 0;
}

long CLinux_look_up(const char *host, uint16_t port, struct CLinux_address *into, size_t count) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *found = NULL;
    int code = getaddrinfo(host, NULL, &hints, &found);
    if (code != 0) return code;
    size_t written = 0;
    for (struct addrinfo *each = found; each && written < count; each = each->ai_next) {
        if (each->ai_family != AF_INET && each->ai_family != AF_INET6) continue;
        from_kernel((const union address *)each->ai_addr, each->ai_addrlen, &into[written]);
        into[written++].port = port;
    }
    freeaddrinfo(found);
    return written;
}

// Process and threads

static sigset_t set_of(const int *signals, size_t count) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < count; i++) sigaddset(&set, signals[i]);
    return set;
}

long CLinux_block_signals(const int *signals, size_t count) {
    sigset_t set = set_of(signals, count);
    return -(long)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

long CLinux_ignore_broken_pipes(void) {
    // A file that may not grow is an error of its writer as well.
    return signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGXFSZ, SIG_IGN) == SIG_ERR ? -(long)errno : 0;
}

long CLinux_signal_descriptor(const int *signals, size_t count) {
    sigset_t set = set_of(signals, count);
    return RETRY(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
}

long CLinux_next_signal(int fd) {
    struct signalfd_siginfo information;
    long result = CLinux_read(fd, &information, sizeof information);
    return result < 0 ? result : (long)information.ssi_signo;
}

long CLinux_raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -(long)errno;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) return -(long)errno;
    return limit.rlim_cur > INT32_MAX ? INT32_MAX : (long)limit.rlim_cur;
}

long CLinux_name_thread(const char *name) { return -(long)pthread_setname_np(pthread_self(), name); }

long CLinux_processor_count(void) {
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) < 0) return -(long)errno;
    return CPU_COUNT(&allowed);
}

/* The C library has no function for it, and some of its headers no structure. */
struct CLinux_scheduling {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

long CLinux_run_with_small_share(void) {
    struct CLinux_scheduling wanted = {
        .size = sizeof wanted, .policy = SCHED_BATCH, .nice = 15, .runtime = 100 * 1000};
    if (syscall(SYS_sched_setattr, 0, &wanted, 0) == 0) return 0;
    /* Here the number is that of a thread. */
    return setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 15) == 0 ? 0 : -(long)errno;
}

long CLinux_wait_for_semaphore(void *semaphore, long milliseconds) {
    struct timespec end = {0};
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += milliseconds / 1000;
    end.tv_nsec += milliseconds % 1000 * 1000000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_sec++;
        end.tv_nsec -= 1000000000;
    }
    int result;
    do result = sem_clockwait((sem_t *)semaphore, CLOCK_MONOTONIC, &end);
    while (result != 0 && errno == EINTR);
    return result == 0 ? 0 : -(long)errno;
}

int64_t CLinux_thread_nanoseconds(void) {
    struct timespec time = {0};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

long CLinux_run_in_background(void) {
    struct sched_param none = {.sched_priority = 0};
    return -(long)pthread_setschedparam(pthread_self(), SCHED_IDLE, &none);
}

long CLinux_pin_thread(unsigned index) {
    cpu_set_t allowed, chosen;
    if (sched_getaffinity(0, sizeof allowed, &allowed) < 0) return -(long)errno;
    unsigned wanted = index % (unsigned)CPU_COUNT(&allowed);
    CPU_ZERO(&chosen);
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed) || wanted-- > 0) continue;
        CPU_SET(cpu, &chosen);
        break;
    }
    return -(long)pthread_setaffinity_np(pthread_self(), sizeof chosen, &chosen);
}

long CLinux_thread_identity(void) { return (long)pthread_self(); }

// Logs

enum { LOG_FILE, LOG_PIPE, LOG_SOCKET, LOG_SHARED_PIPE };

static int kind_of(int fd) {
    struct stat about;
    if (fstat(fd, &about) < 0) return LOG_FILE;
    if (S_ISSOCK(about.st_mode)) return LOG_SOCKET;
    return S_ISFIFO(about.st_mode) || S_ISCHR(about.st_mode) ? LOG_PIPE : LOG_FILE;
}

long CLinux_open_log(const char *path, int *kind) {
    struct stat about;
    // With a reading end of our own a FIFO can be opened before its reader comes, and outlives it.
    int mode = stat(path, &about) == 0 && S_ISFIFO(about.st_mode) ? O_RDWR : O_WRONLY;
    long fd = RETRY(open(path, mode | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0640));
    if (fd >= 0) *kind = kind_of((int)fd);
    return fd;
}

long CLinux_open_standard_log(int fd, int *kind) {
    *kind = kind_of(fd);
    if (*kind != LOG_PIPE) return fd;
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    // Not to wait is a property of what was opened, which others share: this one is ours.
    long own = RETRY(open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (own >= 0) return own;
    *kind = LOG_SHARED_PIPE;
    return fd;
}

long CLinux_write_log(int fd, int kind, const void *from, size_t count) {
    if (kind == LOG_SOCKET) return RETRY(send(fd, from, count, MSG_DONTWAIT | MSG_NOSIGNAL));
    if (kind == LOG_SHARED_PIPE) {
        struct pollfd room = {.fd = fd, .events = POLLOUT};
        if (poll(&room, 1, 0) <= 0) return -EAGAIN;
        // So much fits, or POLLOUT would not be told.
        if (count > PIPE_BUF) count = PIPE_BUF;
    }
    return RETRY(write(fd, from, count));
}

long CLinux_duplicate(int fd) { return RETRY(fcntl(fd, F_DUPFD_CLOEXEC, 3)); }

void CLinux_wait_for_room(int fd, int milliseconds) {
    struct pollfd room = {.fd = fd, .events = POLLOUT};
    poll(&room, 1, milliseconds);
}

long CLinux_open_missing_standard_streams(void) {
    for (int fd = 0; fd < 3; fd++) {
        if (fcntl(fd, F_GETFD) >= 0) continue;
        if (open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY) != fd) return -(long)errno;
    }
    return 0;
}
