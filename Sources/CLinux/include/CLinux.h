// SPDX-License-Identifier: Apache-2.0
// What Swift's Glibc overlay does not export of Linux: epoll, eventfd, accept4 and friends.
//
// Every call answers a result >= 0, or the negated errno; interrupted calls are repeated here. No system header
// is included, because the feature macros that these calls need would change types which the overlay shares.
#ifndef LARDER_CLINUX_H
#define LARDER_CLINUX_H

#include <stddef.h>
#include <stdint.h>

/// An address in host byte order; IPv4 is ::ffff:a.b.c.d. A path without a length is an unnamed socket.
struct CLinux_address {
    uint64_t high, low;
    uint16_t port;
    uint8_t is_unix, path_length;
    uint8_t path[108];
};

/// The layout of epoll_event with its data split in two (little-endian).
struct CLinux_event {
    uint32_t events;
#ifndef __x86_64__
    uint32_t padding;
#endif
    uint32_t slot, generation;
};

// Bytes

long CLinux_read(int fd, void *into, size_t count);
long CLinux_write(int fd, const void *from, size_t count);
long CLinux_send(int fd, const void *from, size_t count);
/// The parts are of type iovec.
long CLinux_send_gathered(int fd, const void *parts, size_t count);
/// The kernel holds the last bytes back for what is sent next.
long CLinux_send_beginning(int fd, const void *from, size_t count);
long CLinux_random(void *into, size_t count);

// Pages

/// A pipe, and where what does not fit into a socket is thrown away.
struct CLinux_page_pipe {
    int output, input, sink;
};
/// As many bytes of room as may be had, up to `capacity`.
long CLinux_open_page_pipe(struct CLinux_page_pipe *pipe, size_t capacity);
/// Sends memory without copying it, through an empty pipe, which is empty afterwards. The kernel reads these pages
/// for as long as it takes. Less than `count` is answered only when the socket has no more room.
long CLinux_send_pages(int fd, const struct CLinux_page_pipe *pipe, const void *from, size_t count, int is_followed);

// Clocks

int64_t CLinux_monotonic_nanoseconds(void);
/// Exact to a scheduler tick (1 to 10 ms), at a fraction of the cost.
int64_t CLinux_wall_nanoseconds(void);

// Readiness

long CLinux_epoll_create(void);
long CLinux_epoll_add(int epoll, int fd, uint32_t events, uint64_t data);
long CLinux_epoll_modify(int epoll, int fd, uint32_t events, uint64_t data);
long CLinux_epoll_remove(int epoll, int fd);
/// An interrupted wait answers 0, so that its caller computes the time left anew.
long CLinux_epoll_wait(int epoll, struct CLinux_event *into, int count, int milliseconds);
long CLinux_eventfd(void);

// Sockets (all of them non-blocking and close-on-exec)

long CLinux_listen(const struct CLinux_address *address, int backlog, int reuse_port);
/// 0 when no socket listens on the address or an overlapping one, not even one that shares its port.
long CLinux_probe(const struct CLinux_address *address);
/// A descriptor that only one process of this network has at a time; waits a bounded time for its turn.
long CLinux_take_turn(const char *name);
long CLinux_accept(int fd, struct CLinux_address *peer);
/// Answers the descriptor; whether the connection is complete already is told through `is_connected`.
long CLinux_connect(const struct CLinux_address *address, int *is_connected);
long CLinux_socket_error(int fd);
long CLinux_shutdown_write(int fd);
/// Bytes sent that the peer has not acknowledged.
long CLinux_unsent_bytes(int fd);
long CLinux_close(int fd);
/// Closes so that the peer sees a reset and what is queued is dropped.
long CLinux_reset(int fd);
long CLinux_local_address(int fd, struct CLinux_address *address);
long CLinux_peer_address(int fd, struct CLinux_address *address);

/// Blocking look-up of a host name: how many addresses were written, or an EAI_ code, which is negative.
long CLinux_look_up(const char *host, uint16_t port, struct CLinux_address *into, size_t count);

// Process and threads

/// Blocks the signals in the calling thread and in those it starts later.
long CLinux_block_signals(const int *signals, size_t count);
long CLinux_ignore_broken_pipes(void);
long CLinux_signal_descriptor(const int *signals, size_t count);
/// The number of the next pending signal.
long CLinux_next_signal(int fd);
/// Raises the soft limit of open files to the hard one and answers it.
long CLinux_raise_descriptor_limit(void);
long CLinux_name_thread(const char *name);
/// Lets the calling thread run only when no other wants to; it can hardly go back.
long CLinux_run_in_background(void);
/// Gives the calling thread a thirtieth or so of a processor that others want too, in slices of a tenth of a
/// millisecond where the kernel can do that.
long CLinux_run_with_small_share(void);
/// 0 when it was signalled within that time.
long CLinux_wait_for_semaphore(void *semaphore, long milliseconds);
/// What the calling thread has computed, in nanoseconds.
int64_t CLinux_thread_nanoseconds(void);
/// Binds the calling thread to the `index`-th processor (modulo their number) that the process may use.
long CLinux_pin_thread(unsigned index);
/// How many processors the process may use.
long CLinux_processor_count(void);
/// A number no other living thread of the process has.
long CLinux_thread_identity(void);

// Memory

/// What the allocator spent on a block, its own header left out.
size_t CLinux_allocated_size(const void *block);
/// At most that many arenas; blocks from that size on are mapped one by one. Answers 0 when either was refused.
int CLinux_set_allocator(int arenas, int mapping_threshold);
/// Gives free pages back to the kernel.
void CLinux_trim_allocator(void);

// Logs: neither opening nor writing waits for a reader.

/// `kind` is for `CLinux_write_log`.
long CLinux_open_log(const char *path, int *kind);
/// Answers `fd` itself, or a descriptor of our own for the same pipe.
long CLinux_open_standard_log(int fd, int *kind);
long CLinux_write_log(int fd, int kind, const void *from, size_t count);
long CLinux_duplicate(int fd);
void CLinux_wait_for_room(int fd, int milliseconds);
/// So that no connection takes the place of a stream that the process was started without.
long CLinux_open_missing_standard_streams(void);

#endif
