// What COpenSSL makes visible to Swift.
#pragma once
#include <openssl/opensslv.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
