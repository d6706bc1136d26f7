// What COpenSSL makes visible to Swift.
#pragma once
// SHA-1 by its own functions: those of EVP bring all algorithms, with providers and configuration, into the static
// agent.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/opensslv.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

/// SHA-1 of `length` octets into the 20 octets at `digest`.
static inline void copenssl_sha1(const unsigned char *octets, size_t length, unsigned char *digest) {
    SHA_CTX context;
    SHA1_Init(&context);
    SHA1_Update(&context, octets, length);
    SHA1_Final(digest, &context);
    OPENSSL_cleanse(&context, sizeof context);
}
