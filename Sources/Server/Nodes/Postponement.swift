// SPDX-License-Identifier: Apache-2.0
import EventIO

/// Something done once, later; the loop keeps it until then.
final class Postponement: Deadline {
    private let action: () -> Void

    private init(_ action: @escaping () -> Void) { self.action = action }

    static func run(on loop: Loop, after delay: Duration, _ action: @escaping () -> Void) {
        let postponement = Postponement(action)
        postponement.attachDeadline(to: loop)
        postponement.setDeadline(after: delay)
    }

    override func deadlinePassed() { action() }
}
