// SPDX-License-Identifier: Apache-2.0
#ifndef LARDER_COPENSSL_H
#define LARDER_COPENSSL_H
#include <openssl/crypto.h>
#include <openssl/sha.h>
#endif
