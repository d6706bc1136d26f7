// What CCurl makes visible to Swift: libcurl, and its variadic functions once for each type of argument.
#pragma once
#include <curl/curl.h>

/// curl_easy_setopt for an option of type string, which libcurl copies.
static inline CURLcode ccurl_set_string(CURL *handle, CURLoption option, const char *value) {
    return curl_easy_setopt(handle, option, value);
}

/// curl_easy_setopt for an option of type long.
static inline CURLcode ccurl_set_long(CURL *handle, CURLoption option, long value) {
    return curl_easy_setopt(handle, option, value);
}

/// The function that takes the body, and its last argument.
static inline CURLcode ccurl_set_writer(CURL *handle, curl_write_callback writer, void *context) {
    CURLcode code = curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, writer);
    return code == CURLE_OK ? curl_easy_setopt(handle, CURLOPT_WRITEDATA, context) : code;
}

/// curl_easy_getinfo for an information of type long, or -1.
static inline long ccurl_get_long(CURL *handle, CURLINFO information) {
    long value = -1;
    return curl_easy_getinfo(handle, information, &value) == CURLE_OK ? value : -1;
}
