// curl_easy_setopt and curl_easy_getinfo take variable arguments, which Swift cannot call.
#pragma once

#include <curl/curl.h>

#pragma clang assume_nonnull begin

static inline CURLcode md_curl_set_long(CURL *curl, CURLoption option, long value) {
  return curl_easy_setopt(curl, option, value);
}

static inline CURLcode md_curl_set_text(CURL *curl, CURLoption option, const char *_Nullable value) {
  return curl_easy_setopt(curl, option, value);
}

static inline CURLcode md_curl_set_list(CURL *curl, CURLoption option, struct curl_slist *_Nullable value) {
  return curl_easy_setopt(curl, option, value);
}

static inline CURLcode md_curl_set_pointer(CURL *curl, CURLoption option, void *_Nullable value) {
  return curl_easy_setopt(curl, option, value);
}

typedef size_t (*md_curl_transfer)(char *bytes, size_t size, size_t count, void *context);

static inline CURLcode md_curl_set_transfer(CURL *curl, CURLoption option, md_curl_transfer function) {
  return curl_easy_setopt(curl, option, function);
}

typedef int (*md_curl_progress)(void *context, curl_off_t down_all, curl_off_t down, curl_off_t up_all, curl_off_t up);

static inline CURLcode md_curl_set_progress(CURL *curl, md_curl_progress function) {
  return curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, function);
}

static inline long md_curl_status(CURL *curl) {
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  return status;
}

#pragma clang assume_nonnull end
