// One value of a document that was checked before, by its path. Any number of members, any depth that simdjson takes.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Takes what was found: its kind (`md_value_…`) and a string's text without escapes, of another value the bytes as
/// they stand.
typedef void (*md_json_found)(
    void *_Nullable context, int kind, const uint8_t *_Nullable value, size_t length);

/// Follows `depth` member names from the outermost object inwards and gives what is there to `found`, which is not
/// called when there is nothing. Returns whether it was called.
int md_json_find(
    const uint8_t *_Nullable document, size_t length, const char *_Nullable const *_Nonnull names, size_t depth,
    md_json_found _Nonnull found, void *_Nullable context);

#ifdef __cplusplus
}
#endif
