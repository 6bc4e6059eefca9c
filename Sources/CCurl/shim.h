#ifndef MOONDANCE_CCURL_SHIM_H
#define MOONDANCE_CCURL_SHIM_H

#include <curl/curl.h>

// Swift calls no variadic functions, so every type of option has a function of its own.

/// What libcurl calls for bytes: `size` is always 1.
typedef size_t (*moondance_curl_bytes)(char *_Nonnull bytes, size_t size, size_t count, void *_Nullable context);

static inline CURLcode moondance_curl_set_number(CURL *_Nonnull easy, CURLoption option, long value) {
  return curl_easy_setopt(easy, option, value);
}

static inline CURLcode moondance_curl_set_offset(CURL *_Nonnull easy, CURLoption option, curl_off_t value) {
  return curl_easy_setopt(easy, option, value);
}

/// libcurl copies the text, except that of CURLOPT_POSTFIELDS.
static inline CURLcode moondance_curl_set_text(CURL *_Nonnull easy, CURLoption option, const char *_Nullable value) {
  return curl_easy_setopt(easy, option, value);
}

static inline CURLcode moondance_curl_set_pointer(CURL *_Nonnull easy, CURLoption option, void *_Nullable value) {
  return curl_easy_setopt(easy, option, value);
}

static inline CURLcode moondance_curl_set_bytes(
    CURL *_Nonnull easy, CURLoption option, moondance_curl_bytes _Nonnull function) {
  return curl_easy_setopt(easy, option, function);
}

static inline CURLcode moondance_curl_get_number(CURL *_Nonnull easy, CURLINFO info, long *_Nonnull value) {
  return curl_easy_getinfo(easy, info, value);
}

/// The text belongs to the handle.
static inline CURLcode moondance_curl_get_text(
    CURL *_Nonnull easy, CURLINFO info, const char *_Nullable *_Nonnull value) {
  return curl_easy_getinfo(easy, info, value);
}

/// How the only transfer of `multi` ended; CURLE_OK also when it has not.
static inline CURLcode moondance_curl_result(CURLM *_Nonnull multi) {
  int left = 0;
  CURLMsg *message;
  while ((message = curl_multi_info_read(multi, &left)) != NULL) {
    if (message->msg == CURLMSG_DONE) return message->data.result;
  }
  return CURLE_OK;
}

// Macros that are casts do not reach Swift.
enum {
  moondance_curl_read_abort = CURL_READFUNC_ABORT,
  moondance_curl_read_pause = CURL_READFUNC_PAUSE,
  moondance_curl_continue = CURLPAUSE_CONT,
  moondance_curl_wait_in = CURL_WAIT_POLLIN,
};

#endif
