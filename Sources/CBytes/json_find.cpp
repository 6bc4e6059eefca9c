#include <simdjson.h>

#include <string_view>

#include "CBytes.h"

namespace {

using simdjson::ondemand::json_type;

/// False: the value is not there after all, or is broken.
bool report(simdjson::ondemand::value value, md_json_found found, void *context) {
  json_type type;
  if (value.type().get(type)) return false;
  int kind = md_value_null;
  std::string_view text;
  switch (type) {
    case json_type::string:
      if (value.get_string().get(text)) return false;
      kind = md_value_string;
      break;
    case json_type::boolean: {
      bool is_true;
      if (value.get_bool().get(is_true)) return false;
      kind = is_true ? md_value_true : md_value_false;
      break;
    }
    case json_type::number:
      text = value.raw_json_token();
      while (!text.empty() && text.back() <= ' ') text.remove_suffix(1);
      kind = md_value_number;
      break;
    case json_type::array:
    case json_type::object: {
      if (simdjson::to_json_string(value).get(text)) return false;
      kind = type == json_type::array ? md_value_array : md_value_object;
      break;
    }
    default: break;
  }
  found(context, kind, reinterpret_cast<const uint8_t *>(text.data()), text.size());
  return true;
}

}  // namespace

int md_json_find(
    const uint8_t *document, size_t length, const char *const *names, size_t depth, md_json_found found,
    void *context) {
  if (depth == 0) return 0;
  simdjson::ondemand::parser parser;
  simdjson::padded_string copy(reinterpret_cast<const char *>(document), length);
  simdjson::ondemand::document whole;
  if (parser.iterate(copy).get(whole)) return 0;
  simdjson::ondemand::object object;
  if (whole.get_object().get(object)) return 0;
  simdjson::ondemand::value value;
  for (size_t level = 0; level < depth; level += 1) {
    if (object.find_field_unordered(std::string_view(names[level])).get(value)) return 0;
    if (level + 1 < depth && value.get_object().get(object)) return 0;
  }
  return report(value, found, context) ? 1 : 0;
}
