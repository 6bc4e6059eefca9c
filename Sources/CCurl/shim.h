#ifndef MOONDANCE_CCURL_SHIM_H
#define MOONDANCE_CCURL_SHIM_H

#include <curl/curl.h>
#include <openssl/x509_vfy.h>

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

/// Asked before every connection; gives the socket that it goes through, or CURL_SOCKET_BAD.
typedef curl_socket_t (*moondance_curl_socket)(
    void *_Nullable context, curlsocktype purpose, struct curl_sockaddr *_Nonnull address);

static inline CURLcode moondance_curl_set_socket(CURL *_Nonnull easy, moondance_curl_socket _Nonnull function) {
  return curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, function);
}

static inline CURLMcode moondance_curl_set_multi_number(CURLM *_Nonnull multi, CURLMoption option, long value) {
  return curl_multi_setopt(multi, option, value);
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

/// The next transfer of `multi` that has ended and how, or NULL.
static inline CURL *_Nullable moondance_curl_ended(CURLM *_Nonnull multi, CURLcode *_Nonnull result) {
  int left = 0;
  CURLMsg *message;
  while ((message = curl_multi_info_read(multi, &left)) != NULL) {
    if (message->msg != CURLMSG_DONE) continue;
    *result = message->data.result;
    return message->easy_handle;
  }
  return NULL;
}

/// The object that belongs to a transfer.
static inline void *_Nullable moondance_curl_private(CURL *_Nonnull easy) {
  char *context = NULL;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, &context);
  return context;
}

/// What CURLINFO_SSL_VERIFYRESULT says of a certificate. Whoever calls it links libcrypto, which libcurl has loaded.
static inline const char *_Nonnull moondance_curl_certificate_reason(long number) {
  return X509_verify_cert_error_string(number);
}

// Macros that are casts do not reach Swift.
enum {
  moondance_curl_read_abort = CURL_READFUNC_ABORT,
  moondance_curl_read_pause = CURL_READFUNC_PAUSE,
  moondance_curl_continue = CURLPAUSE_CONT,
  moondance_curl_wait_in = CURL_WAIT_POLLIN,
  moondance_curl_bad_socket = CURL_SOCKET_BAD,
};

#endif
