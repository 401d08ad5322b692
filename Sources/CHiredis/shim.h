// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_CHIREDIS_H
#define LARDER_CHIREDIS_H
#include <hiredis/read.h>
#endif
