package import Synchronization

/// What callers hand to a thread of ours: any number of them put, one thread swaps the whole box out.
///
/// Putting costs one uncontended lock; the thread is woken only when the box was empty, so a busy thread is never
/// woken at all and takes everything that has gathered in one go.
package final class Inbox<Element: Sendable>: Sendable {
  @usableFromInline let box = Mutex<[Element]>([])
  /// Rung when the box was empty and is not any more.
  package let bell: Doorbell

  package init(bell: Doorbell = Doorbell()) { self.bell = bell }

  /// Any thread.
  @inlinable
  package func put(_ element: Element) { put(element, wakingAfter: {}) }

  /// Any thread. As `put`, but does something else first before it wakes the thread: what wakes another one sooner.
  @inlinable
  package func put(_ element: Element, wakingAfter act: () -> Void) {
    let wasEmpty = box.withLock { elements in
      elements.append(element)
      return elements.count == 1
    }
    act()
    if wasEmpty { bell.ring() }
  }

  /// Any thread. All of them lie together in the box, in their order.
  @inlinable
  package func put(contentsOf some: [Element]) {
    if some.isEmpty { return }
    let wasEmpty = box.withLock { elements in
      let wasEmpty = elements.isEmpty
      elements.append(contentsOf: some)
      return wasEmpty
    }
    if wasEmpty { bell.ring() }
  }

  /// The owning thread: empties the box into `batch`, whose old elements are dropped and whose storage becomes the new
  /// box, so that nothing is allocated in the long run. Returns whether there was anything. Does not wait.
  @inlinable
  @discardableResult
  package func takeAll(into batch: inout [Element]) -> Bool {
    batch.removeAll(keepingCapacity: true)
    box.withLock { swap(&$0, &batch) }
    return !batch.isEmpty
  }

  /// The owning thread: as `takeAll`, but waits until there is something, until the bell is rung, or until `deadline`
  /// (system's monotonic clock, nanoseconds) has passed; false when there was nothing then.
  @inlinable
  package func waitAndTakeAll(into batch: inout [Element], until deadline: UInt64? = nil) -> Bool {
    if takeAll(into: &batch) { return true }
    bell.wait(until: deadline)
    return takeAll(into: &batch)
  }

  /// How many lie in the box now. Any thread; only a hint.
  @inlinable
  package var count: Int { box.withLock { $0.count } }
}
