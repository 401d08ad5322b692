// SPDX-License-Identifier: Apache-2.0
// What Swift's Glibc overlay does not export of Linux: epoll, eventfd, accept4 and friends.
#ifndef LARDER_CLINUX_H
#define LARDER_CLINUX_H

#endif
