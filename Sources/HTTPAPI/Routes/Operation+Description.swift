/// What each operation says about itself in the API's description.
extension Operation {
  var summary: String {
    switch self {
    case .append: "Append events"
    case .listEvents: "Read events in the order of the log, or follow them"
    case .getEvent: "Read one event"
    case .listSubject: "Read the events of a subject"
    case .sendCommand: "Send a command to its owner"
    case .getState: "The state that an aggregate has made of a subject"
    case .status: "What runs, how far it is, and what waits"
    case .listConsumers: "Every consumer, how far it is, and what waits"
    case .getConsumer: "One consumer"
    case .pauseConsumer: "Call a consumer for nothing more"
    case .resumeConsumer: "Let a paused consumer go on"
    case .forgetConsumer: "Drop what waits for a consumer"
    case .rewindConsumer: "Set a consumer back"
    case .listDeadLetters: "Events that consumers were given up to handle"
    case .getDeadLetter: "One dead letter with every attempt"
    case .retryDeadLetters, .retryDeadLetter: "Call the consumer again"
    case .skipDeadLetters, .skipDeadLetter: "Let those behind a dead letter go on, and keep it"
    case .discardDeadLetters, .discardDeadLetter: "Let those behind a dead letter go on, and take it off the list"
    case .listProcesses: "Running instances of processes, by how long they have not moved"
    case .moveProcesses: "Try every instance that runs on older scripts on the newest"
    case .getProcess: "One instance: what it heard, did and waits for"
    case .cancelProcess: "End an instance"
    case .moveProcess: "Try an instance on the newest scripts"
    case .retryProcess: "Call a stuck instance again"
    case .listDestinations: "Every destination, what waits to leave for it, and why"
    case .getDestination: "One destination"
    case .pauseDestination: "Send a destination nothing more"
    case .resumeDestination: "Let a paused destination go on"
    case .forgetDestination: "Drop what waits for a destination"
    case .listOutbox: "How the destinations are, and messages that they did not take"
    case .getMessage: "One message that a destination did not take, with every attempt"
    case .retryMessages, .retryMessage: "Deliver it again"
    case .skipMessages, .skipMessage: "Let those behind a message go on, and keep it"
    case .discardMessages, .discardMessage: "Let those behind a message go on, and take it off the list"
    case .listViews: "Every view, how far it is, and whether it is folded anew"
    case .queryView: "Documents of a view"
    case .getDocument: "One document of a view, or the state of an aggregate's subject"
    case .rebuildView: "Fold a view anew"
    case .receive: "Hand a request to a source, which makes events of it"
    case .listSources: "Every source, and what has come from it"
    case .listSchedules: "Every schedule, when it was last made, and when it is due next"
    case .listTimers: "Events that are to come, the next due first"
    case .reload: "Load the handlers now"
    case .live: "Whether the daemon runs"
    case .ready: "Whether the daemon takes events"
    case .metrics: "Figures for Prometheus"
    case .describe: "This description"
    }
  }

  func explanation(_ limits: DoorLimits) -> String {
    switch self {
    case .append:
      """
      A single event and a batch are all or nothing. A stream is committed in chunks; an error names its line, and \
      everything before that line is in. An event with the source and id of an earlier one is not appended again. One \
      event has at most \(limits.eventBytes) bytes, a batch \(limits.batchBytes); a stream has no limit.
      """
    case .listEvents:
      """
      With Accept: text/event-stream the answer follows the log: id is the position, Last-Event-ID resumes after it, \
      and a reader who is too slow is told where to resume.
      """
    case .listSubject: "The subject is percent-encoded. Slashes may stand as they are."
    case .sendCommand:
      """
      It is answered once its outcome is durable: with the events it made, or with the reason of its rejection. Without an \
      outcome in time the answer is 202 with its position; it is durable then, and will be decided. The same source and id \
      again is the same command: it ends as it did the first time.
      """
    case .getState:
      """
      Every event of the subject up to a position is in it; keptAt and folded say how it was found: up to where a file had \
      kept it, and how many events were folded after that.
      """
    case .pauseConsumer:
      "What is under way is finished. Restarts and deploys change nothing: it stays paused until it is resumed."
    case .forgetConsumer:
      """
      Events that wait for a blocked key and dead letters are given up. A consumer that is declared keeps its place; one \
      that is not is gone, and its name begins as a new one.
      """
    case .rewindConsumer:
      """
      It hears again from a position on, or what was committed after a time. Blocked events and dead letters from there on \
      are dropped, since they are heard again; what it emits is new. With dryRun nothing is done: the answer says how much \
      would be repeated.
      """
    case .listProcesses:
      "state is looked for in a page at a time. The counts are of all instances, whatever is asked for."
    case .cancelProcess:
      """
      It rolls back: the compensations that it has registered run, the last first, as soon as it waits for no answer any \
      more. With rollback false it ends where it is. The answer comes when the instance is told, durably, and not when it has \
      ended.
      """
    case .moveProcesses, .moveProcess:
      """
      Its history is run again on the newest scripts, without effects. When it does the same as it did, it goes on there; \
      else it stays where it is, and the first step that differs is told in the list.
      """
    case .pauseDestination:
      """
      What is under way is finished. Restarts and deploys change nothing: its messages wait until it is resumed. With `to`, \
      of a destination with a target for each document, only that target is paused.
      """
    case .resumeDestination: "With `to`, of a destination with a target for each document, only that target is resumed."
    case .forgetDestination:
      """
      Messages that wait for a blocked key and dead letters are never delivered. A destination that is declared keeps its \
      place and goes on with what comes after; one that is not is gone with all that waits.
      """
    case .listOutbox:
      """
      Messages are listed that were given up, in the order of their ids. error is looked for in a page at a time, so a page \
      may be short, or empty, and still have a next one.
      """
    case .listDeadLetters:
      """
      In the order of their ids. type and error are looked for in a page at a time, so a page may be short, or empty, and \
      still have a next one.
      """
    case .getDeadLetter, .getMessage: "It is found as long as the log exists, also when it is resolved."
    case .retryDeadLetters, .retryDeadLetter:
      "With all its attempts before it, in its place among the events of its key. What is resolved already is left alone."
    case .retryMessages, .retryMessage:
      """
      With all its attempts before it and the same id, in its place among the messages of its key. What is resolved already \
      is left alone.
      """
    case .skipDeadLetters, .skipDeadLetter, .discardDeadLetters, .discardDeadLetter, .skipMessages, .skipMessage,
      .discardMessages, .discardMessage:
      "What is resolved already is left alone, so asking twice is safe."
    case .queryView:
      """
      A condition compares a field of the documents (a name, or names joined by dots) with a text, a number, true, false \
      or null; key and position are those of the document. The header Moondance-Position says up to where the view has \
      read the log; after-position waits until it has read an event, else the answer is 504.
      """
    case .rebuildView:
      """
      From the start of the log, beside the documents that answer meanwhile; then it takes their place. What was given up \
      because folding failed is begun again.
      """
    case .metrics: "Prometheus' text format, version 0.0.4. Counters begin at 0 when the daemon starts."
    case .receive:
      """
      The source says how requests are verified and which events they are. It is answered once these are durable; the same \
      request again is the same events. It needs no token: its signature shows where it comes from.
      """
    case .reload: "The daemon also loads by itself when a file changes."
    default: ""
    }
  }
}
