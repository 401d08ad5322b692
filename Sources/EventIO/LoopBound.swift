// SPDX-License-Identifier: Apache-2.0

/// Carries a value that only one loop may touch through code that other threads run.
///
/// Sendable without a check: the value is reached on its loop's thread only, which each access checks. Its last
/// reference must be dropped there too, so letters that carry it belong in that loop's mailbox.
package struct LoopBound<Value>: @unchecked Sendable {
    private let content: Value
    package let mailbox: Mailbox

    /// On the thread of `loop`.
    package init(_ value: Value, to loop: Loop) {
        precondition(loop.mailbox.isOnLoop)
        content = value
        mailbox = loop.mailbox
    }

    /// On the thread of its loop.
    package var value: Value {
        precondition(mailbox.isOnLoop, "a value of one loop was reached for on another thread")
        return content
    }
}
