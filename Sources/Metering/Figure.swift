/// Everything that is measured: what it is called, what it says, and how. Names and labels come from here, so none is ever
/// made up where something is counted; docs/operations.md has the same list.
package enum Figure: String, CaseIterable, Sendable {
  case appendEntries = "moondance_append_entries_total"
  case appendCommits = "moondance_append_commits_total"
  case appendBytes = "moondance_append_bytes_total"
  case groupEntries = "moondance_group_entries"
  case syncTime = "moondance_sync_seconds"
  case turns = "moondance_turns_total"
  case handlerTime = "moondance_handler_seconds"
  case retries = "moondance_retries_total"
  case deadLettersMade = "moondance_dead_letters_total"
  case deliveries = "moondance_deliveries_total"
  case deliveryTime = "moondance_delivery_seconds"
  case requests = "moondance_http_requests_total"

  case cursor = "moondance_reader_cursor_position"
  case lag = "moondance_reader_lag_positions"
  case blockedKeys = "moondance_reader_blocked_keys"
  case queued = "moondance_reader_queued_entries"
  case deadLetters = "moondance_reader_dead_letters"
  case pending = "moondance_outbox_pending_messages"
  case breakerOpen = "moondance_outbox_breaker_open"
  case viewLag = "moondance_view_lag_positions"
  case frozenKeys = "moondance_view_frozen_keys"
  case logHead = "moondance_log_head_position"
  case logDurable = "moondance_log_durable_position"
  case logBytes = "moondance_log_bytes"
  case residentMemory = "moondance_resident_memory_bytes"
  case generation = "moondance_generation_number"
  case loadErrors = "moondance_load_errors"
  case timersPending = "moondance_timers_pending"
  case processInstances = "moondance_process_instances"
  case processInstancesOlder = "moondance_process_instances_on_older_scripts"

  package enum Kind: String, Sendable {
    /// Only grows, from 0 at the start of the process.
    case counter
    /// Is as it is when it is asked for.
    case gauge
    /// How many there were up to each of some bounds, and their sum.
    case histogram
  }

  package var kind: Kind {
    switch self {
    case .groupEntries, .syncTime, .handlerTime, .deliveryTime: .histogram
    case .cursor, .lag, .blockedKeys, .queued, .deadLetters, .pending, .breakerOpen, .viewLag, .frozenKeys, .logHead,
      .logDurable, .logBytes, .residentMemory, .generation, .loadErrors, .timersPending,
      .processInstances, .processInstancesOlder:
      .gauge
    default: .counter
    }
  }

  package var labels: [String] {
    switch self {
    case .handlerTime: ["consumer"]
    case .deliveries: ["destination", "outcome"]
    case .deliveryTime, .pending, .breakerOpen: ["destination"]
    case .retries, .deadLettersMade: ["reader"]
    case .cursor, .lag, .blockedKeys, .queued, .deadLetters: ["reader", "kind"]
    case .viewLag, .frozenKeys: ["view"]
    case .processInstances, .processInstancesOlder: ["process"]
    case .requests: ["operation", "status"]
    default: []
    }
  }

  /// Of a histogram: its upper bounds, in its unit.
  package var bounds: [Double] {
    switch self {
    case .groupEntries: [1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536]
    case .handlerTime:
      [0.000_001, 0.000_002, 0.000_005, 0.000_01, 0.000_02, 0.000_05, 0.000_1, 0.000_5, 0.002, 0.01, 0.05, 0.25, 1]
    case .syncTime: [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1]
    case .deliveryTime: [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
    default: []
    }
  }

  /// What it says, as one line.
  package var help: String {
    switch self {
    case .appendEntries: "Events, commands, messages and timers that were appended."
    case .appendCommits: "Commits that were appended."
    case .appendBytes: "Bytes that were appended to the log."
    case .groupEntries: "Entries of each group, which is what one turn appends with one write."
    case .syncTime: "How long each sync of the log took."
    case .turns: "Turns of the engine."
    case .handlerTime: "Time of a handler's call; calls of one batch are counted with their mean."
    case .retries: "Failed calls and deliveries that are tried again."
    case .deadLettersMade: "Events and messages that were given up."
    case .deliveries:
      "Attempts to deliver by how they ended: delivered, refused, unavailable (no answer) or impossible."
    case .deliveryTime: "Time of an attempt to deliver, from the engine and back."
    case .requests: "Answers to HTTP requests by operation, as openapi.json names them, and status."
    case .cursor: "Everything up to here is handled, blocked or dead."
    case .lag: "Positions between the cursor and the head of the log."
    case .blockedKeys: "Keys that wait for a retry or an operator."
    case .queued: "Events and messages that wait for these keys."
    case .deadLetters: "Dead letters that are open."
    case .pending: "Messages that are still to be delivered."
    case .breakerOpen: "1 while a destination does not answer and is left alone, else 0."
    case .viewLag: "Durable positions that a view has not read yet."
    case .frozenKeys: "Keys whose documents stay as they are since folding failed."
    case .logHead: "The last position that is appended."
    case .logDurable: "The last position that is durable."
    case .logBytes: "The size of the log."
    case .residentMemory: "Memory of the process that is in RAM."
    case .generation: "The generation of scripts that runs."
    case .loadErrors: "Errors of the last load of the scripts; 0 when it did not fail."
    case .processInstances: "Running instances of processes."
    case .processInstancesOlder: "Those of them that do not run on the newest scripts."
    case .timersPending: "Events that are to come: timers that have not fired."
    }
  }
}
