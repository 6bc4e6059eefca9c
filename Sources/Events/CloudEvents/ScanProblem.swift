internal import CBytes

/// What the JSON scanner found wrong, in words.
enum ScanProblem {
  static func error(status: Int, offset: Int) -> CloudEventError {
    CloudEventError(.malformed, sentence(status), offset: offset)
  }

  private static func sentence(_ status: Int) -> String {
    switch status {
    case md_scan_empty: "there is no JSON in it"
    case md_scan_byte_order_mark: "it begins with a byte order mark; send plain UTF-8"
    case md_scan_invalid_utf8: "this is not valid UTF-8"
    case md_scan_control_character: "a control character stands in a string; write it as an escape, like \\n"
    case md_scan_unclosed_string: "this string has no closing quote"
    case md_scan_bad_escape:
      "this is not an escape; allowed are \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\u with four digits"
    case md_scan_lone_surrogate: "half of a surrogate pair stands alone; write both halves, or the character itself"
    case md_scan_bad_number: "this is not a number as JSON writes them"
    case md_scan_bad_literal:
      "a JSON value is missing here: text goes into double quotes, and true, false and null are small"
    case md_scan_trailing_comma: "this comma has nothing after it"
    case md_scan_expected_key: "a name in double quotes is missing here"
    case md_scan_expected_colon: "a colon is missing here"
    case md_scan_expected_comma: "a comma or a closing bracket is missing here"
    case md_scan_expected_value: "a value is missing here"
    case md_scan_unexpected_end: "it ends in the middle"
    case md_scan_too_deep: "it nests deeper than \(MD_MAXIMUM_DEPTH) levels"
    case md_scan_trailing_bytes: "something follows after the end"
    case md_scan_not_an_object: "an event is a JSON object, {…}"
    case md_scan_not_an_array: "a batch is a JSON array of events, […]"
    case md_scan_duplicate_name: "this attribute is given twice"
    case md_scan_too_many_members: "it has more than \(MD_MAXIMUM_MEMBERS) attributes"
    default: "there is not enough memory to read it"
    }
  }
}
